import { z } from "zod";

import { readTwilioReport, twilioReportUrl } from "../_otp/twilio_reports.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { supabase } from "../_shared/platform/env.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { otpSettings } from "../_otp/settings.ts";

const Input = z.object({ text: z.string() });

const Output = z.object({}).describe("Nothing");

const MAX_BODY_BYTES = 16 * 1024;

/**
 * Twilio's report on a message that it accepted, signed with the account's auth token. A failed message counts
 * against Twilio for that country, unless the phone is the cause, and the next code for the phone uses another
 * provider.
 */
export const twilioReport = defineEndpoint({
  name: "otp/twilio-report",
  auth: "none",
  method: "POST",
  callLimit: { instead: "nothing is done without Twilio's signature" },
  isTextBody: true,
  maxBodyBytes: MAX_BODY_BYTES,
  input: Input,
  output: Output,
  codes: ["forbidden", "not_found"],
  async handle({ request: { url, headers }, input }) {
    const { TWILIO_AUTH_TOKEN: authToken } = otpSettings();
    const reportUrl = twilioReportUrl(supabase().publicUrl);
    if (authToken === undefined || reportUrl === undefined) {
      throw new AppError(
        "not_found",
        "Reports are not set up: TWILIO_AUTH_TOKEN or an https address is missing",
      );
    }
    const report = readTwilioReport({
      reportUrl,
      id: new URL(url).searchParams.get("id") ?? "",
      body: input.text,
      signature: headers.get("X-Twilio-Signature"),
      authToken,
    });
    if (report) {
      await callDatabase("record_otp_report", {
        p_issuance_id: report.issuanceId,
        p_provider: "twilio",
        p_message_id: report.messageId,
        p_is_delivered: report.isDelivered,
        p_is_fault: report.isFault,
      });
    }
    return Response.json({});
  },
});
