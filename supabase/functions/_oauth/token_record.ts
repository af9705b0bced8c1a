import { AppError } from "../_shared/platform/errors.ts";
import type { Granted } from "./provider.ts";
import { extrasOf } from "./token_answer.ts";

/** What a provider tells beside the token, and an API of it may need: a company's id, the address of an instance. */
export interface Extras {
  /** With the code, by the user's browser, which may have changed it. */
  callback: Record<string, string>;
  /** With the token, and not told again by each renewal. */
  token: Record<string, unknown>;
}

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
  /** Undefined where the provider told nothing more. */
  extras?: Extras;
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
  extras: Extras;
}

/** A new version of what a provider gave; `before` is the one that it replaces, where it has the same grant. */
export function recordOf(
  granted: Granted,
  { now_ms, fence, isUsers, before, callback = before?.extras?.callback ?? {} }: {
    /** When it was asked for, by the clock that decides, in milliseconds since 1970. */
    now_ms: number;
    fence: number;
    isUsers: boolean;
    before?: TokenRecord;
    callback?: Record<string, string>;
  },
): TokenRecord {
  // A lifetime of 0 says nothing: the token would have ended before it came.
  const lifetimeMs = granted.expires_in ? granted.expires_in * 1_000 : null;
  const { scope: callbackScope, ...others } = callback;
  const token = extrasOf({ ...before?.extras?.token, ...granted });
  const hasExtras = Object.keys(others).length > 0 || Object.keys(token).length > 0;
  return {
    access_token: granted.access_token,
    token_type: granted.token_type,
    scope: granted.scope ?? callbackScope ?? before?.scope,
    expires_at_ms: lifetimeMs === null ? null : now_ms + lifetimeMs,
    lifetime_ms: lifetimeMs,
    refresh_token: isUsers ? granted.refresh_token ?? before?.refresh_token : undefined,
    extras: hasExtras ? { callback: others, token } : undefined,
    fence,
  };
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

/** What a caller gets of a stored version. */
export function asAccessToken(record: TokenRecord): AccessToken {
  const { access_token, token_type, expires_at_ms, scope, extras } = record;
  const expires_at = expires_at_ms === null ? null : new Date(expires_at_ms).toISOString();
  return {
    access_token,
    token_type,
    expires_at,
    scope: scope ?? null,
    extras: extras ?? { callback: {}, token: {} },
  };
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
