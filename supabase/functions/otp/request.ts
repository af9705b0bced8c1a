import { z } from "zod";

import { issueCode } from "../_otp/issue.ts";
import { wideNetworkOf } from "../_otp/networks.ts";
import { networkOf } from "../_shared/http/networks.ts";
import { phoneOf } from "../_otp/phone_numbers.ts";
import { otpSetup } from "../_otp/setup.ts";
import { CODE_READERS, LOCALES } from "../_otp/templates.ts";
import type { Caller } from "../_shared/http/credentials.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { idempotencyKey } from "../_shared/http/identifiers.ts";
import { PhoneInput, PurposeInput } from "./inputs.ts";

const Input = z.object({
  phone: PhoneInput,
  purpose: PurposeInput,
  channel: z.enum(["sms", "email"]).default("sms").describe(
    "`email` sends to the signed-in user's confirmed address, and proves no phone",
  ),
  locale: z.string().max(64).regex(/^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$/).optional()
    .describe(`The message's language, as BCP 47 or with an underscore; there are ${LOCALES.join(", ")}`)
    .meta({ examples: ["fr", "fr-CA", "pt_BR"] }),
  code_reader: z.enum(CODE_READERS).optional().describe(
    "Which app can read the code from the SMS: the Android app (OTP_APP_HASH), or a browser or iOS (OTP_WEB_DOMAIN); default: both",
  ),
});

const Output = z.object({
  challenge_id: z.uuid().describe("Identifies this code; send it with the guess"),
  expires_in: z.number().describe("Seconds until the code expires"),
  resend_in: z.number().describe("Seconds until another code may be requested"),
  attempts_left: z.int().describe("How many guesses are left"),
});

const ADDRESS = z.email();
const DEADLINE_MS = 12_000;

/**
 * Sends a code of six digits to a phone. It replaces the code that was sent before for the same phone and purpose.
 * The response does not reveal whether the number is known here. With an `Idempotency-Key` a repeated request sends
 * no second message.
 */
export const request = defineEndpoint({
  name: "otp/request",
  auth: ["user", "publishable"],
  method: "POST",
  callLimit: { instead: "limits by phone, prefix, country and network: docs/otp.md" },
  input: Input,
  output: Output,
  codes: ["otp_unsupported_number", "otp_too_many_sends", "otp_delivery_failed"],
  async handle({ request: { headers }, requestId, caller, input, log }) {
    const settings = otpSetup();
    log.user_id = caller.userId || undefined;
    const { purpose, channel, locale, code_reader: codeReader } = input;
    const address = channel === "email" ? addressOf(caller) : undefined;
    const [phone, network] = await Promise.all([
      phoneOf(input.phone, settings.phones),
      networkOf(headers, settings.trustedProxies),
    ]);
    const issued = await issueCode(settings, {
      phone,
      purpose,
      channel,
      locale,
      address,
      codeReader,
      network,
      wideNetwork: await wideNetworkOf(network),
      userId: caller.userId,
      requestKey: idempotencyKey(headers) === null
        ? undefined
        // A stranger with the same key must not get the response for another caller's code.
        : [requestId, caller.userId || network, phone.number, purpose, channel].join(" "),
      deadlineMs: DEADLINE_MS,
    });
    log.cause = issued.deliveryNote;
    return Response.json({
      challenge_id: issued.challengeId,
      expires_in: issued.expiresInS,
      resend_in: issued.resendInS,
      attempts_left: issued.attemptsLeft,
    }, { headers: issued.headers });
  },
});

/** The address in the verified token: a code is sent to no other address. */
function addressOf({ userId, token }: Caller): string {
  if (userId === "") {
    throw new AppError("invalid_request", "channel: email is for signed-in users, to their own address");
  }
  const { email } = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  const address = ADDRESS.safeParse(email);
  if (address.success) return address.data;
  throw new AppError("invalid_request", "channel: email is for users with an e-mail address");
}
