import { z } from "zod";

import { readHookCall } from "../_otp/hook.ts";
import { issueCode } from "../_otp/issue.ts";
import { phoneOf } from "../_otp/phone_numbers.ts";
import { otpSetup } from "../_otp/setup.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError, STATUS } from "../_shared/platform/errors.ts";
import { describeCause } from "../_shared/platform/log.ts";
import { otpSettings } from "../_otp/settings.ts";

const Input = z.object({ text: z.string() });

const Output = z.object({
  error: z.object({ http_code: z.int(), message: z.string() }).optional().describe(
    "Why no message was sent, as Auth passes it on; absent when one was",
  ),
});

/** Supabase Auth waits five seconds in total. */
const DEADLINE_MS = 4_000;
const PURPOSE = "supabase_auth";

/**
 * Supabase Auth's Send SMS hook, signed with Standard Webhooks: sends the code that Auth made, with the same limits,
 * guard and providers. A repeated call sends no second message.
 */
export const hook = defineEndpoint({
  name: "otp/hook",
  auth: "none",
  method: "POST",
  callLimit: {
    instead: "nothing is done without Supabase Auth's signature; then limits by phone, prefix and country",
  },
  isTextBody: true,
  input: Input,
  output: Output,
  async handle({ request: { headers }, input, log }) {
    const secrets = otpSettings().SEND_SMS_HOOK_SECRET;
    if (secrets === undefined) {
      throw new AppError("not_found", "The hook is not set up: SEND_SMS_HOOK_SECRET is not set");
    }
    const settings = otpSetup();
    const call = await readHookCall(headers, input.text, secrets);
    try {
      const { deliveryNote } = await issueCode(settings, {
        phone: await phoneOf(call.phone, settings.phones),
        purpose: PURPOSE,
        channel: "sms",
        locale: call.locale,
        network: null,
        authCode: { code: call.code, userId: call.userId },
        deadlineMs: DEADLINE_MS,
      });
      log.cause = deliveryNote;
      return Response.json({});
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "internal") throw error;
      log.code = error.code;
      log.cause = describeCause(error.cause);
      // Auth reads the reason only from a response with status 200, and reports any other as "unexpected".
      return Response.json({ error: { http_code: STATUS[error.code], message: error.message } });
    }
  },
});
