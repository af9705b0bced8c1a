import { createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";

import { z } from "zod";

import { AppError } from "../_shared/platform/errors.ts";
import { twilioProblem } from "./providers/twilio.ts";

/** What became of a message that Twilio took. */
export interface TwilioReport {
  issuanceId: string;
  messageId: string;
  isDelivered: boolean;
  /** Whether it did not arrive though the phone is not at fault. */
  isFault: boolean;
}

/**
 * Where Twilio reports on a message, but for the message's id at its end. Undefined for a project that is not at an https
 * address, as a local one: Twilio would not reach it, and refuses messages with such an address.
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
 * A report that Twilio signed, of a message that has ended; undefined for what is on its way. Throws `forbidden` for one
 * without Twilio's signature, `invalid_request` for one in another form.
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
    throw new AppError("forbidden", "The report's signature does not fit");
  }
  const parsed = Fields.safeParse(Object.fromEntries(fields));
  const issuanceId = z.uuid().safeParse(id);
  if (!parsed.success || !issuanceId.success) {
    throw new AppError("invalid_request", "Expected is a status callback of Twilio's Messages");
  }
  const { MessageSid: messageId, MessageStatus: status, ErrorCode: code } = parsed.data;
  const isDelivered = status === "delivered" || status === "read";
  if (!isDelivered && status !== "undelivered" && status !== "failed") return undefined;
  const isFault = !isDelivered && (code === undefined || twilioProblem(code) !== "recipient");
  return { issuanceId: issuanceId.data, messageId, isDelivered, isFault };
}

/** HMAC-SHA1, which is Twilio's, over the address as it was given to Twilio and the fields in the order of their names. */
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
