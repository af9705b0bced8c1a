import { describe, expect, it } from "vitest";

import { phoneOf, type PhonePolicy } from "../../../supabase/functions/_otp/phone_numbers.ts";

const policy = (changes: Partial<PhonePolicy> = {}): PhonePolicy => ({
  callingCodes: [],
  allowVoip: false,
  ...changes,
});

const reasonOf = (text: string, changes?: Partial<PhonePolicy>) =>
  phoneOf(text, policy(changes)).then(({ number }) => number, (error) => error.details.reason);

describe("abuse case 12, a phone spelled differently", () => {
  it.each([
    "+33612345678",
    "  +33 6 12 34 56 78 ",
    "+33 (0)6-12.34.56.78",
    "0033 612345678",
    "+٣٣ ٦١٢٣٤٥٦٧٨",
    "+３３６１２３４５６７８",
  ])("%s is one and the same", async (text) => {
    expect(await phoneOf(text, policy())).toEqual({ number: "+33612345678", country: "FR" });
  });

  it("without a calling code belongs to the country of the settings, and to none without one", async () => {
    expect(await reasonOf("06 12 34 56 78", { defaultCountry: "FR" })).toBe("+33612345678");
    expect(await reasonOf("00 44 7400 123456", { defaultCountry: "FR" })).toBe("+447400123456");
    expect(await reasonOf("06 12 34 56 78")).toBe("not_a_number");
  });

  it("is no number with an extension, with words around it, too short or too long", async () => {
    expect(await reasonOf("+33612345678 ext. 5")).toBe("extension");
    for (const text of ["call +33612345678", "+3361234", "+336123456789", "", "+", "١٢٣"]) {
      expect({ text, reason: await reasonOf(text) }).toEqual({ text, reason: "not_a_number" });
    }
  });
});

describe("numbers that get no SMS, or at a price", () => {
  it.each([
    ["+1 900 555 0123", "premium rate"],
    ["+33 1 42 68 53 00", "a landline"],
    ["+44 70 1234 5678", "a personal number"],
    ["+1 800 555 0199", "toll free"],
    ["+33 9 87 65 43 21", "VoIP"],
    ["+882 16 1234 5678", "of no country"],
  ])("%s, %s, is refused", async (text) => {
    expect(await reasonOf(text)).toBe("type");
  });

  it("are VoIP unless a setting allows it", async () => {
    expect(await reasonOf("+33 9 87 65 43 21", { allowVoip: true })).toBe("+33987654321");
  });

  it("are those of other calling codes, Guernsey's being the one of Great Britain", async () => {
    expect(await reasonOf("+33612345678", { callingCodes: ["44"] })).toBe("calling_code");
    expect(await reasonOf("+44 7911 123456", { callingCodes: ["44"] })).toBe("+447911123456");
  });
});
