import { z } from "zod";

import { AppError } from "../_shared/platform/errors.ts";

/** The parts of Supabase Auth's call that are used. */
const Payload = z.object({
  user: z.object({
    id: z.uuid().optional(),
    // Empty for a user without a phone, or if the phone is only a second factor.
    phone: z.string().nullish(),
    new_phone: z.string().nullish(),
    user_metadata: z.object({ locale: z.string().optional() }).optional().catch(undefined),
  }),
  sms: z.object({ otp: z.string().regex(/^\d{6,10}$/), phone: z.string().nullish() }),
}).transform(({ user, sms }) => ({
  ...user,
  otp: sms.otp,
  // While a phone is being changed, Auth puts it into `new_phone`; a factor's phone is beside the code.
  phone: sms.phone || user.new_phone || user.phone || "",
})).refine(({ phone }) => phone !== "");

export interface HookCall {
  userId: string | null;
  /** As Auth stores it, perhaps without the plus sign. */
  phone: string;
  code: string;
  locale?: string;
}

/**
 * Verifies a call of the Send SMS hook, signed with one of the secrets (Standard Webhooks).
 * https://supabase.com/docs/guides/auth/auth-hooks/send-sms-hook
 * Throws `invalid_request`.
 */
export async function readHookCall(headers: Headers, body: string, secrets: string): Promise<HookCall> {
  const { Webhook } = await import("standardwebhooks");
  const isSigned = secrets.split("|").some((secret) => {
    try {
      new Webhook(secret.replace(/^v1,/, "")).verify(body, Object.fromEntries(headers), { jsonParse: false });
      return true;
    } catch {
      return false;
    }
  });
  if (!isSigned) throw new AppError("invalid_request", "The webhook's signature is invalid");
  const { id, phone, otp, user_metadata } = payloadOf(body);
  return {
    userId: id ?? null,
    phone: phone.startsWith("+") ? phone : `+${phone}`,
    code: otp,
    locale: user_metadata?.locale,
  };
}

function payloadOf(body: string): z.infer<typeof Payload> {
  try {
    return Payload.parse(JSON.parse(body));
  } catch (error) {
    throw new AppError("invalid_request", "Expected a call of Supabase Auth's Send SMS hook", {
      cause: error,
    });
  }
}
