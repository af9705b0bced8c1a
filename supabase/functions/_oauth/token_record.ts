import { AppError } from "../_shared/platform/errors.ts";
import type { Granted } from "./provider.ts";
import { extrasOf } from "./token_answer.ts";

/** A provider's extra fields, which its API may need: a company's id, an instance's address. */
export interface Extras {
  /** Came with the code through the user's browser, which may have changed it. */
  callback: Record<string, string>;
  /** Came with the token; renewals do not repeat it. */
  token: Record<string, unknown>;
}

/** One version of a token in the store. Only this folder sees refresh tokens. */
export interface TokenRecord {
  access_token: string;
  token_type: string;
  scope?: string;
  /** By the database's clock, in milliseconds since 1970; null if the provider does not report it. */
  expires_at_ms: number | null;
  /** Its lifetime when it was issued, in milliseconds. */
  lifetime_ms: number | null;
  refresh_token?: string;
  /** Undefined without extra fields. */
  extras?: Extras;
  /** The fence of the lease under which it was obtained. */
  fence: number;
}

/** A token for a caller. */
export interface AccessToken {
  access_token: string;
  token_type: string;
  /** ISO 8601; null if the provider does not report it. */
  expires_at: string | null;
  scope: string | null;
  extras: Extras;
}

/** Makes a new version from a provider's response; `before` is the replaced version of the same grant. */
export function recordOf(
  granted: Granted,
  { now_ms, fence, isUsers, before, callback = before?.extras?.callback ?? {} }: {
    /** When it was requested, by the database's clock, in milliseconds since 1970. */
    now_ms: number;
    fence: number;
    isUsers: boolean;
    before?: TokenRecord;
    callback?: Record<string, string>;
  },
): TokenRecord {
  // A lifetime of 0 counts as unknown: the token would have expired before it arrived.
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

/** Renewed this long before it expires, or in the last tenth of its lifetime if that is shorter. */
const MARGIN_MS = 60_000;

/** `fresh`: may be served. `ending`: valid, but renew it. `gone`: expired, revoked, rejected or missing. */
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

/** The caller's part of a stored version. */
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

/** The user has not authorized the provider, or the grant has ended. */
export function authorizationRequired(provider: string): AppError {
  return new AppError(
    "authorization_required",
    `There is no usable token of ${provider}: the user has to authorize it`,
    {
      details: { provider },
    },
  );
}
