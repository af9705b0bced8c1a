import { describe, expect, it } from "vitest";

import { isGsm7, smsPartsOf } from "../../../supabase/functions/_otp/sms_parts.ts";
import { messageText } from "../../../supabase/functions/_otp/templates.ts";

describe("the SMS that a text is", () => {
  it.each([
    ["", 1],
    ["a".repeat(160), 1],
    ["a".repeat(161), 2],
    ["a".repeat(306), 2],
    ["a".repeat(307), 3],
    // Letters of the extension table take two places, and none is divided.
    ["€".repeat(80), 1],
    ["€".repeat(81), 2],
    ["€".repeat(152), 2],
    ["€".repeat(153), 3],
    ["ا".repeat(70), 1],
    ["ا".repeat(71), 2],
    ["ا".repeat(134), 2],
    ["ا".repeat(135), 3],
    ["😀".repeat(35), 1],
    ["😀".repeat(36), 2],
    ["😀".repeat(66), 2],
    ["😀".repeat(67), 3],
    ["ê" + "a".repeat(70), 2],
  ])("%# are counted as carriers do", (text, parts) => {
    expect(smsPartsOf(text)).toBe(parts);
  });

  it("are several for an Arabic message with all that reads it", () => {
    const values = { code: "012345", appName: "Tessera", minutes: 5 };
    expect(smsPartsOf(messageText("ar", values).text)).toBe(1);
    const { text } = messageText("ar", { ...values, appHash: "FA+9qCX9VSu", webDomain: "app.example.com" });
    expect(smsPartsOf(text)).toBe(2);
    expect(smsPartsOf(messageText("fr", values).text)).toBe(1);
  });

  it("tell letters of GSM 03.38 from others", () => {
    for (const text of ["è[€]\n", "Δ"]) expect(isGsm7(text)).toBe(true);
    for (const text of ["ê", "ç", "`", "’", "\t"]) expect(isGsm7(text)).toBe(false);
  });
});
