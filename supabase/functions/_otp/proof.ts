import type { JWK } from "jose";
import { z } from "zod";

import { misconfigured, supabase } from "../_shared/platform/env.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { otpSettings } from "./settings.ts";

/** What a verified one-time code proves. */
export interface Proof {
  /** E.164. */
  phone: string;
  purpose: string;
  /** How the code was delivered: only `sms` proves possession of the phone. */
  channel: "sms" | "email";
  /** The signed-in user; undefined if nobody was signed in. */
  userId?: string;
}

/** A verified code as the database returns it; only the database's clock decides when the proof expires. */
export interface ProofTimes {
  proofId: string;
  issuedAtS: number;
  expiresAtS: number;
}

export interface ExpectedProof {
  purpose: string;
  /** The phone that must be proven, in E.164. Default: any. */
  phone?: string;
  /** The user whose proof it must be. Default: anybody. */
  userId?: string;
  channel?: "sms" | "email";
}

const ALGORITHM = "ES256";
const AUDIENCE = "tessera-otp-proof";

const Claims = z.object({
  iss: z.string(),
  aud: z.literal(AUDIENCE),
  jti: z.uuid(),
  exp: z.int(),
  phone: z.string(),
  purpose: z.string(),
  channel: z.enum(["sms", "email"]),
  sub: z.string().optional(),
});

/** Signs a proof: a JWT that `useProof` takes once. */
export async function signProof(
  { phone, purpose, channel, userId }: Proof,
  { proofId, issuedAtS, expiresAtS }: ProofTimes,
): Promise<string> {
  const { SignJWT, importJWK } = await import("jose");
  const key = proofKey();
  return await new SignJWT({ phone, purpose, channel, ...(userId ? { sub: userId } : {}) })
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: "JWT" })
    .setIssuer(issuer())
    .setAudience(AUDIENCE)
    .setJti(proofId)
    .setIssuedAt(issuedAtS)
    .setExpirationTime(expiresAtS)
    .sign(await importJWK(key, ALGORITHM));
}

/**
 * Redeems a proof that a client got from `otp/verify`; a proof works once. Signature, purpose, channel (default:
 * `sms`) and the other expectations must match, and the database's clock decides whether it has expired. Throws
 * `forbidden`, or `service_unavailable` when the database does not answer.
 */
export async function useProof(token: string, expected: ExpectedProof): Promise<Proof> {
  const { exp, jti, sub, phone, purpose, channel } = await readProof(token);
  const isExpected = purpose === expected.purpose && channel === (expected.channel ?? "sms") &&
    (expected.phone === undefined || phone === expected.phone) &&
    (expected.userId === undefined || sub === expected.userId);
  if (!isExpected) throw refusal("The proof is for something else");
  const use = await callDatabase("use_otp_proof", { p_id: jti, p_expires_at_s: exp });
  if (use !== "used_now") {
    throw refusal(use === "expired" ? "The proof has expired" : "The proof was used before");
  }
  return { phone, purpose, channel, userId: sub };
}

async function readProof(token: string): Promise<z.infer<typeof Claims>> {
  const { compactVerify, importJWK } = await import("jose");
  const { d: _private, ...publicKey } = proofKey();
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(token, await importJWK(publicKey, ALGORITHM), {
      algorithms: [ALGORITHM],
    }));
  } catch (error) {
    throw refusal("The proof is not one of ours", error);
  }
  const claims = Claims.safeParse(JSON.parse(new TextDecoder().decode(payload)));
  if (!claims.success || claims.data.iss !== issuer()) {
    throw refusal("The proof is not one of ours", claims.error);
  }
  return claims.data;
}

function proofKey(): JWK & { kid: string } {
  const key = otpSettings().OTP_PROOF_KEY;
  if (key) return key;
  throw misconfigured("OTP_PROOF_KEY is not set");
}

function issuer(): string {
  return `${supabase().publicUrl}/functions/v1/otp`;
}

function refusal(message: string, cause?: unknown): AppError {
  return new AppError("forbidden", message, { cause });
}
