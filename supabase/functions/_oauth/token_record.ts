import { AppError } from "../_shared/errors.ts";

/** One version of a token, as the store keeps it; a refresh token is seen by this folder alone. */
export interface TokenRecord {
  access_token: string;
  token_type: string;
  scope?: string;
  /** By the database's clock, in milliseconds since 1970; null when the provider does not say. */
  expires_at_ms: number | null;
  /** How long it was good when it was got, in milliseconds. */
  lifetime_ms: number | null;
  refresh_token?: string;
  /** The lease that it was got under. */
  fence: number;
}

/** What a caller gets. */
export interface AccessToken {
  access_token: string;
  token_type: string;
  /** ISO 8601; null when the provider does not say. */
  expires_at: string | null;
  scope: string | null;
}

/** Renewed this long before its end, or in the last tenth of its life when that is shorter. */
const MARGIN_MS = 60_000;

/** `fresh`: to be served. `ending`: good, and to be renewed. `gone`: expired, revoked, rejected or not there. */
export type Freshness = "fresh" | "ending" | "gone";

export interface Judgement {
  now_ms: number;
  revoked_fence: number;
  /** A token that the API has refused. */
  rejected?: string;
}

/** Whether a stored version may be served. */
export function freshnessOf(
  record: TokenRecord | undefined,
  { now_ms, revoked_fence, rejected }: Judgement,
): Freshness {
  if (record === undefined || record.fence <= revoked_fence || record.access_token === rejected) {
    return "gone";
  }
  if (record.expires_at_ms === null) return "fresh";
  const leftMs = record.expires_at_ms - now_ms;
  if (leftMs <= 0) return "gone";
  return leftMs > Math.min(MARGIN_MS, (record.lifetime_ms ?? Infinity) / 10) ? "fresh" : "ending";
}

export function asAccessToken({ access_token, token_type, expires_at_ms, scope }: TokenRecord): AccessToken {
  const expires_at = expires_at_ms === null ? null : new Date(expires_at_ms).toISOString();
  return { access_token, token_type, expires_at, scope: scope ?? null };
}

/** The user has not authorized the provider, or the provider knows the grant no more. */
export function authorizationRequired(provider: string): AppError {
  return new AppError(
    "authorization_required",
    `There is no usable token of ${provider}: the user has to authorize it`,
    {
      details: { provider },
    },
  );
}
