import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";

import { readTwilioReport, twilioReportUrl } from "../../../supabase/functions/_otp/twilio_reports.ts";

const TOKEN = "the auth token";
const ID = "4d2f1f0e-0f5e-4c39-8d05-3c2a6d0a7a11";
const URL_OF_REPORTS = twilioReportUrl("https://project.example/")!;

/** As Twilio's documentation has it, with the fields sorted by hand. */
function signatureOf(url: string, fields: [string, string][], token = TOKEN): string {
  return createHmac("sha1", token).update(url + fields.map((field) => field.join("")).join("")).digest(
    "base64",
  );
}

const FIELDS: [string, string][] = [
  ["ErrorCode", "30007"],
  ["MessageSid", "SM1"],
  ["MessageStatus", "undelivered"],
  ["To", "+33612345678"],
];

function read(
  fields: [string, string][],
  change: { signature?: string | null; id?: string; body?: string } = {},
) {
  const { id = ID, body = new URLSearchParams([...fields].reverse()).toString() } = change;
  const signature = change.signature === undefined
    ? signatureOf(`${URL_OF_REPORTS}${id}`, fields)
    : change.signature;
  return readTwilioReport({ reportUrl: URL_OF_REPORTS, id, body, signature, authToken: TOKEN });
}

describe("a report of Twilio", () => {
  it("is asked for at an https address alone", () => {
    expect(URL_OF_REPORTS).toBe("https://project.example/functions/v1/otp/twilio-report?id=");
    expect(twilioReportUrl("http://127.0.0.1:54321")).toBeUndefined();
  });

  it.each([
    ["delivered", undefined, { isDelivered: true, isFault: false }],
    ["read", undefined, { isDelivered: true, isFault: false }],
    ["undelivered", "30007", { isDelivered: false, isFault: true }],
    ["undelivered", "30005", { isDelivered: false, isFault: false }],
    ["failed", undefined, { isDelivered: false, isFault: true }],
    ["failed", "", { isDelivered: false, isFault: true }],
    ["sent", undefined, undefined],
    ["queued", undefined, undefined],
  ])("of %s with the code %s is read", (status, code, expected) => {
    const fields: [string, string][] = [
      ...(code === undefined ? [] : [["ErrorCode", code] as [string, string]]),
      ["MessageSid", "SM1"],
      ["MessageStatus", status],
    ];
    const report = read(fields);
    expect(report).toEqual(expected && { issuanceId: ID, messageId: "SM1", ...expected });
  });

  it.each([
    ["without a signature", { signature: null }],
    ["with an empty one", { signature: "" }],
    ["with another account's", { signature: signatureOf(`${URL_OF_REPORTS}${ID}`, FIELDS, "other") }],
    ["for another message", {
      id: ID.replace("4d", "5d"),
      signature: signatureOf(`${URL_OF_REPORTS}${ID}`, FIELDS),
    }],
    ["of other fields", {
      body: "MessageSid=SM1&MessageStatus=delivered",
      signature: signatureOf(`${URL_OF_REPORTS}${ID}`, FIELDS),
    }],
  ])("%s is refused", (_what, change) => {
    expect(() => read(FIELDS, change)).toThrow(expect.objectContaining({ code: "forbidden" }));
  });

  it("in another form is refused, though it is signed", () => {
    expect(() => read([["MessageStatus", "delivered"]])).toThrow(
      expect.objectContaining({ code: "invalid_request" }),
    );
    expect(() => read(FIELDS, { id: "7" })).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });
});
