import { AppError } from "../_shared/platform/errors.ts";
import { signProof } from "./proof.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { macsOf } from "./codes.ts";
import type { OtpSetup } from "./setup.ts";

/** A guess. */
export interface Guess {
  /** E.164. */
  phone: string;
  purpose: string;
  /** Six ASCII digits. */
  code: string;
  network: string;
  /** The wider network around it. */
  wideNetwork: string | null;
  challengeId?: string;
  userId?: string;
}

/** The outcome of a right code. */
export interface Verified {
  challengeId: string;
  verifiedAt: string;
  proof: string;
  proofExpiresInS: number;
}

interface VerifyAnswer {
  success: boolean;
  error: string | null;
  attempts_left?: number;
  retry_after_s?: number | null;
  challenge_id: string;
  channel: "sms" | "email";
  proof_id: string;
  verified_at: string;
  issued_at_s: number;
  expires_at_s: number;
}

/** Has the database check a guess, and signs the proof for a right one. Throws `otp_…` codes. */
export async function judgeGuess({ peppers }: OtpSetup, guess: Guess): Promise<Verified> {
  const { phone, purpose, userId } = guess;
  const answer = await callDatabase("verify_otp", {
    p_phone: phone,
    p_purpose: purpose,
    p_macs: macsOf(peppers, guess.code, { phone, purpose }),
    p_network: guess.network,
    p_challenge_id: guess.challengeId,
    p_user_id: userId || undefined,
    p_wide_network: guess.wideNetwork ?? undefined,
  }) as unknown as VerifyAnswer;
  if (!answer.success) throw refusal(answer);
  const { channel, proof_id: proofId, issued_at_s: issuedAtS, expires_at_s: expiresAtS } = answer;
  const proof = await signProof({ phone, purpose, channel, userId: userId || undefined }, {
    proofId,
    issuedAtS,
    expiresAtS,
  });
  return {
    challengeId: answer.challenge_id,
    verifiedAt: answer.verified_at,
    proof,
    proofExpiresInS: expiresAtS - issuedAtS,
  };
}

function refusal({ error, attempts_left = 0, retry_after_s }: VerifyAnswer): AppError {
  switch (error) {
    case "incorrect":
      return new AppError("otp_incorrect", "The code is wrong", { details: { attempts_left } });
    case "expired":
      return new AppError(
        "otp_expired",
        "The code is no longer valid: it has expired, was used, or a newer one was sent; request another one",
      );
    case "too_many_attempts":
      return new AppError(
        "otp_too_many_attempts",
        "Too many wrong codes; request another one later",
        {
          details: { attempts_left: 0, retry_after_s: retry_after_s ?? null },
          headers: retry_after_s == null ? {} : { "Retry-After": String(retry_after_s) },
        },
      );
    default:
      return new AppError("internal", "Something went wrong on our side", {
        cause: new Error(`Verification refused: ${error}`),
      });
  }
}
