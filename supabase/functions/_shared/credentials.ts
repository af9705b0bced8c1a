import { createHash } from "node:crypto";
import { verifyAuth } from "@supabase/server/core";

import { supabase } from "./env.ts";
import { AppError } from "./errors.ts";

/** Who may call: a signed-in user, a client app (publishable key), a server of ours (secret key), anybody. */
export type Auth = "user" | "publishable" | "secret" | "none";

export interface Caller {
  /** The signed-in user; empty for other callers. */
  userId: string;
  /** The user's JWT, verified; empty for other callers. */
  token: string;
  /** What it proved to be. */
  auth: Auth;
  /** The name of the publishable or secret key; empty for users and anybody. */
  keyName: string;
}

/** What the caller proves to be, of several the first. Throws `unauthorized`. */
export async function authenticate(expected: Auth | Auth[], request: Request): Promise<Caller> {
  if (expected === "none") return { userId: "", token: "", auth: "none", keyName: "" };
  const auths = [expected].flat();
  const credential = credentialOf(auths[0]!, request);
  const known = remembered(credential);
  if (known) return known;
  const { data, error } = await verifyAuth(request, {
    auth: auths,
    env: supabase(),
    audience: "authenticated",
  });
  if (error) {
    if (error.status < 500) throw unauthorized(auths, error);
    throw new AppError("internal", "This server is not configured completely", { cause: error });
  }
  const caller = {
    userId: data.userClaims?.id ?? "",
    token: data.token ?? "",
    auth: data.authMode as Auth,
    keyName: data.keyName ?? "",
  };
  if (caller.auth === "user" && !UUID.test(caller.userId)) {
    throw unauthorized(auths, new Error("The token's subject is no user id"));
  }
  if (caller.auth === auths[0]) {
    remember(credential, caller, caller.auth === "user" ? data.jwtClaims?.exp : Infinity);
  }
  return caller;
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

/** What shows the caller to be that; a key as its digest, since how long it is looked for may tell how much of it is right. */
function credentialOf(auth: Auth, { headers }: Request): string {
  if (auth === "user") return headers.get("Authorization") ?? "";
  return `${auth} ${createHash("sha256").update(headers.get("apikey") ?? "").digest("base64")}`;
}

/** A signature, or a key in constant time, takes longer to check than all else that is done with a small request. */
const REMEMBER_MS = 60_000;
const MOST_REMEMBERED = 10_000;

const verified = new Map<string, { caller: Caller; untilMs: number }>();

function remembered(credential: string): Caller | undefined {
  const entry = verified.get(credential);
  if (entry && entry.untilMs > Date.now()) return entry.caller;
  verified.delete(credential);
  return undefined;
}

/** Keeps what was verified for a minute, never past its own end; so long a withdrawn signing key still counts. */
function remember(credential: string, caller: Caller, expiresAtS = 0): void {
  if (verified.size >= MOST_REMEMBERED) verified.delete(verified.keys().next().value!);
  const untilMs = Math.min(expiresAtS * 1000, Date.now() + REMEMBER_MS);
  verified.set(credential, { caller, untilMs });
}
