import { z } from "zod";

import { AppError } from "../_shared/errors.ts";

/** What Supabase Auth sends; what it has besides is not looked at. */
const Payload = z.object({
  user: z.object({
    id: z.uuid().optional(),
    phone: z.string().min(1),
    new_phone: z.string().optional(),
    user_metadata: z.object({ locale: z.string().optional() }).optional().catch(undefined),
  }),
  sms: z.object({ otp: z.string().regex(/^\d{6,10}$/), phone: z.string().optional() }),
});

export interface HookCall {
  /** Names the message; Auth repeats it when it tries again. */
  messageId: string;
  userId: string | null;
  /** As Auth has it, which may be without the plus sign. */
  phone: string;
  code: string;
  locale?: string;
}

/**
 * A call of the Send SMS hook whose signature fits, as Standard Webhooks has it, with one of the secrets.
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
  if (!isSigned) throw new AppError("invalid_request", "The webhook's signature does not fit");
  const { user, sms } = payloadOf(body);
  // Auth writes a phone that is being changed into `new_phone`, and phones without their plus sign.
  const phone = sms.phone || user.new_phone || user.phone;
  return {
    messageId: headers.get("webhook-id") ?? "",
    userId: user.id ?? null,
    phone: phone.startsWith("+") ? phone : `+${phone}`,
    code: sms.otp,
    locale: user.user_metadata?.locale,
  };
}

function payloadOf(body: string): z.infer<typeof Payload> {
  try {
    return Payload.parse(JSON.parse(body));
  } catch (error) {
    throw new AppError("invalid_request", "Expected is a call of Supabase Auth's Send SMS hook", {
      cause: error,
    });
  }
}
