import { createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";

import { z } from "zod";

import { AppError } from "../_shared/platform/errors.ts";
import { twilioProblem } from "./providers/twilio.ts";

/** The final status of a message that Twilio accepted. */
export interface TwilioReport {
  issuanceId: string;
  messageId: string;
  isDelivered: boolean;
  /** Whether it failed although the phone is not the cause. */
  isFault: boolean;
}

/**
 * The URL for Twilio's reports, without the message's id at its end. Undefined for a project without an https
 * address, such as a local one: Twilio could not reach it, and refuses messages with such a URL.
 */
export function twilioReportUrl(publicUrl: string): string | undefined {
  if (!publicUrl.startsWith("https://")) return undefined;
  return `${publicUrl.replace(/\/$/, "")}/functions/v1/otp/twilio-report?id=`;
}

const Fields = z.object({
  MessageSid: z.string().min(1).max(100),
  MessageStatus: z.string().max(40),
  ErrorCode: z.coerce.number().optional().catch(undefined),
});

/**
 * Verifies Twilio's report on a message with a final status; undefined for a message on its way. Throws `forbidden`
 * without Twilio's signature, `invalid_request` for another form.
 * https://www.twilio.com/docs/usage/security#validating-requests
 */
export function readTwilioReport(
  { reportUrl, id, body, signature, authToken }: {
    reportUrl: string;
    id: string;
    body: string;
    signature: string | null;
    authToken: string;
  },
): TwilioReport | undefined {
  const fields = new URLSearchParams(body);
  if (!isSigned(`${reportUrl}${id}`, fields, signature, authToken)) {
    throw new AppError("forbidden", "The report's signature is invalid");
  }
  const parsed = Fields.safeParse(Object.fromEntries(fields));
  const issuanceId = z.uuid().safeParse(id);
  if (!parsed.success || !issuanceId.success) {
    throw new AppError("invalid_request", "Expected a status callback of Twilio's Messages");
  }
  const { MessageSid: messageId, MessageStatus: status, ErrorCode: code } = parsed.data;
  const isDelivered = status === "delivered" || status === "read";
  if (!isDelivered && status !== "undelivered" && status !== "failed") return undefined;
  const isFault = !isDelivered && (code === undefined || twilioProblem(code) !== "recipient");
  return { issuanceId: issuanceId.data, messageId, isDelivered, isFault };
}

/** Twilio's signature: HMAC-SHA1 over the URL as given to Twilio and the fields, sorted by name. */
function isSigned(
  url: string,
  fields: URLSearchParams,
  signature: string | null,
  authToken: string,
): boolean {
  const sorted = [...fields].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  const text = url + sorted.map(([name, value]) => name + value).join("");
  const expected = createHmac("sha1", authToken).update(text, "utf8").digest();
  const given = Buffer.from(signature ?? "", "base64");
  return given.length === expected.length && timingSafeEqual(given, expected);
}
