import { z } from "zod";

import { readCode } from "../_otp/codes.ts";
import { judgeGuess } from "../_otp/judge.ts";
import { wideNetworkOf } from "../_otp/networks.ts";
import { networkOf } from "../_shared/http/networks.ts";
import { phoneOf } from "../_otp/phone_numbers.ts";
import { otpSetup } from "../_otp/setup.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { PhoneInput, PurposeInput } from "./inputs.ts";

const Input = z.object({
  phone: PhoneInput,
  code: z.string({
    error: 'expected is a text of six digits, "012345"; as a number it would lose its leading zeros',
  }).min(1).max(40).describe("As typed: blanks and the digits of any script are accepted")
    .meta({ examples: ["012345", "123 456"] }),
  purpose: PurposeInput,
  challenge_id: z.uuid().optional().describe(
    "From the request; optional for the caller that requested the code: the same user, or the same network",
  ),
});

const Output = z.object({
  verified: z.literal(true),
  phone: z.string().describe("E.164"),
  purpose: z.string(),
  challenge_id: z.uuid(),
  verified_at: z.string(),
  proof: z.string().describe("A JWT (ES256) that another function accepts once"),
  proof_expires_in: z.number().describe("Seconds until the proof expires"),
});

/**
 * Verifies a code, once. Returns a proof for other functions, and stores the phone as the signed-in user's, if there
 * is one and the code was sent by SMS.
 */
export const verify = defineEndpoint({
  name: "otp/verify",
  auth: ["user", "publishable"],
  method: "POST",
  callLimit: { instead: "limits by network and by phone: docs/otp.md" },
  input: Input,
  output: Output,
  codes: [
    "otp_expired",
    "otp_incorrect",
    "otp_unsupported_number",
    "otp_too_many_attempts",
  ],
  async handle({ request: { headers }, caller, input }) {
    const settings = otpSetup();
    const code = readCode(input.code);
    if (code === undefined) throw new AppError("invalid_request", "code: expected are six digits");
    const [phone, network] = await Promise.all([
      phoneOf(input.phone, settings.phones),
      networkOf(headers, settings.trustedProxies),
    ]);
    const { purpose } = input;
    const verified = await judgeGuess(settings, {
      phone: phone.number,
      purpose,
      code,
      network,
      wideNetwork: await wideNetworkOf(network),
      challengeId: input.challenge_id,
      userId: caller.userId,
    });
    return Response.json({
      verified: true,
      phone: phone.number,
      purpose,
      challenge_id: verified.challengeId,
      verified_at: verified.verifiedAt,
      proof: verified.proof,
      proof_expires_in: verified.proofExpiresInS,
    });
  },
});
