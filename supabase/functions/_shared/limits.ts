/** What is left of a quota, as the database tells it. */
export interface LimitState {
  name: string;
  quota: number;
  window_s: number;
  remaining: number;
  /** Until the quota is whole again. */
  reset_s: number;
}

/**
 * The state of a caller's limits as header fields.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function limitHeaders(limits: LimitState[] | null | undefined): Record<string, string> {
  if (!limits || limits.length === 0) return {};
  return {
    "RateLimit-Policy": limits.map(({ name, quota, window_s }) => `"${name}";q=${quota};w=${window_s}`).join(
      ", ",
    ),
    RateLimit: limits.map(({ name, remaining, reset_s }) => `"${name}";r=${remaining};t=${reset_s}`).join(
      ", ",
    ),
  };
}
