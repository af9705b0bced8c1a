/** The rest of a quota, as the database returns it. */
export interface LimitState {
  name: string;
  quota: number;
  window_s: number;
  remaining: number;
  /** Until the quota is full again. */
  reset_s: number;
}

/** A limit as `admit_request` returns it. */
export interface UsedLimit {
  name: string;
  quota: number;
  window_s: number;
  /** How much of the window is used, in seconds. */
  used_s: number;
}

/** The rest of a limit. */
export function stateOf({ name, quota, window_s, used_s }: UsedLimit): LimitState {
  // A thousandth corrects rounding.
  const remaining = Math.max(0, Math.floor(quota * (1 - used_s / window_s) + 0.001));
  return { name, quota, window_s, remaining, reset_s: Math.ceil(used_s) };
}

/** The rest of each limit that a hold returned; null for a limit that the user does not have. */
export function statesOf(limits: (UsedLimit | null)[] | null | undefined): LimitState[] {
  return (limits ?? []).flatMap((limit) => limit ? [stateOf(limit)] : []);
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
