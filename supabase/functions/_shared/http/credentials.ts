import { createHash } from "node:crypto";
import { verifyAuth } from "@supabase/server/core";

import { misconfigured, supabase } from "../platform/env.ts";
import { AppError } from "../platform/errors.ts";
import { ShortMemory } from "../platform/short_memory.ts";

/** Kinds of callers: a signed-in user, a client app (publishable key), one of our servers (secret key), anybody. */
export type Auth = "user" | "publishable" | "secret" | "none";

export interface Caller {
  /** The signed-in user; empty for other callers. */
  userId: string;
  /** The user's JWT, verified; empty for other callers. */
  token: string;
  /** The kind of caller that was proven. */
  auth: Auth;
  /** The name of the publishable or secret key; empty for users and anybody. */
  keyName: string;
}

/** Checks the caller's credentials; with several, the first match wins. Throws `unauthorized`. */
export async function authenticate(expected: Auth | Auth[], request: Request): Promise<Caller> {
  if (expected === "none") return { userId: "", token: "", auth: "none", keyName: "" };
  const auths = [expected].flat();
  const first = auths[0] as Exclude<Auth, "none">;
  const token = bearerToken(request.headers);
  const credential = first === "user" ? token : digestOf(request.headers.get("apikey"));
  const known = credential === undefined ? undefined : verified[first].get(credential);
  if (known) return known;
  const data = await verify(auths, request, token);
  const caller = {
    userId: data.userClaims?.id ?? "",
    token: data.token ?? "",
    auth: data.authMode as Auth,
    keyName: data.keyName ?? "",
  };
  if (caller.auth === "user" && !UUID.test(caller.userId)) {
    throw unauthorized(auths, new Error("The token's subject is not a user id"));
  }
  if (caller.auth === first && credential !== undefined) {
    // Never past the token's expiry. A withdrawn signing key is still accepted for this long.
    const endsAtMs = caller.auth === "user" ? (data.jwtClaims?.exp ?? 0) * 1_000 : Infinity;
    verified[first].set(credential, caller, Math.min(endsAtMs, Date.now() + REMEMBER_MS));
  }
  return caller;
}

/** The token after the scheme, whose case does not matter. https://www.rfc-editor.org/rfc/rfc9110#section-11.1 */
function bearerToken(headers: Headers): string | undefined {
  return /^bearer +([^\s,]+) *$/i.exec(headers.get("Authorization") ?? "")?.[1];
}

async function verify(auths: Auth[], request: Request, token: string | undefined) {
  const credentials = withToken(request, token);
  const options = { auth: auths, audience: "authenticated" };
  const { data, error } = await verifyAuth(credentials, { ...options, env: supabase() });
  if (data) return data;
  if (error.status >= 500) {
    throw misconfigured(error);
  }
  if (auths.includes("user") && token !== undefined && isOfUnknownKey(token)) {
    // The project has a new signing key that this process does not know yet.
    const published = await verifyAuth(credentials, {
      ...options,
      env: { ...supabase(), jwks: publishedKeys() },
    });
    if (published.data) return published.data;
  }
  throw unauthorized(auths, error);
}

/** The same request with `Bearer ` in the only form that the library reads. */
function withToken(request: Request, token: string | undefined): Request {
  if (token === undefined || request.headers.get("Authorization") === `Bearer ${token}`) return request;
  const headers = new Headers(request.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return new Request(request.url, { headers });
}

/** Whether a token names a signing key that this process did not get at its start. */
function isOfUnknownKey(token: string): boolean {
  const { jwks } = supabase();
  if (jwks === null || jwks instanceof URL) return false;
  try {
    const { kid } = JSON.parse(atob(token.split(".")[0]!.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof kid === "string" && !jwks.keys.some((key) => key.kid === kid);
  } catch {
    return false;
  }
}

/** Where the project publishes its current keys. They are fetched at most twice a minute, whatever callers send. */
function publishedKeys(): URL {
  return new URL(`${supabase().url.replace(/\/$/, "")}/auth/v1/.well-known/jwks.json`);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const EXPECTED: Record<Auth, string> = {
  user: "A valid access token of a signed-in user is expected in the Authorization header",
  publishable: "A valid publishable key is expected in the apikey header",
  secret: "A valid secret key is expected in the apikey header",
  none: "No credential is expected",
};

function unauthorized(auths: Auth[], cause: unknown): AppError {
  return new AppError("unauthorized", auths.map((auth) => EXPECTED[auth]).join("; or: "), {
    cause,
    headers: { "WWW-Authenticate": "Bearer" },
  });
}

/** Keys are looked up by digest: the time of a direct comparison could reveal how much of a key is right. */
function digestOf(apiKey: string | null): string | undefined {
  return apiKey === null ? undefined : createHash("sha256").update(apiKey).digest("base64");
}

/** Checking a signature, or a key in constant time, takes longer than everything else in a small request. */
const REMEMBER_MS = 60_000;
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_TOKEN_CHARACTERS = 4 * 1024;

/**
 * Credentials verified within the last minute, one cache for each kind, so that one kind is never taken for another.
 */
const verified: Record<Exclude<Auth, "none">, ShortMemory<Caller>> = {
  user: remembering(),
  publishable: remembering(),
  secret: remembering(),
};

function remembering(): ShortMemory<Caller> {
  return new ShortMemory({ maxBytes: MAX_BYTES, maxKeyCharacters: MAX_TOKEN_CHARACTERS });
}
