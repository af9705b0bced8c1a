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
    "＋３３ ６１２３４５６７８",
    "００３３６１２３４５６７８",
    "۰۰۳۳۶۱۲۳۴۵۶۷۸",
    "tel:+33612345678",
    "TEL:+33-6-12-34-56-78",
    "tel:%2B33612345678",
    "tel:+33.6.12.34.56.78;foo=bar",
    "tel:0612345678;phone-context=+33",
    "tel:612345678;phone-context=%2B33",
    "tel:6-12-34-56-78;Phone-Context=+33",
    "tel:+33612345678;phone-context=+1;ext=",
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

describe("a tel: URI", () => {
  it.each([
    ["tel:+33612345678;ext=5", "extension"],
    ["tel:+33612345678;isub=12", "extension"],
    ["tel:7042;phone-context=example.com", "not_a_number"],
    ["tel:0612345678", "not_a_number"],
    ["tel:", "not_a_number"],
    ["tel:%", "not_a_number"],
    ["sms:+33612345678", "not_a_number"],
  ])("%s is refused: %s", async (text, reason) => {
    expect(await reasonOf(text)).toBe(reason);
  });

  it("of a company's own numbers belongs to the country of the settings", async () => {
    const text = "tel:0612345678;phone-context=example.com";
    expect(await reasonOf(text, { defaultCountry: "FR" })).toBe("+33612345678");
  });
});

describe("a number in a form that its country has left", () => {
  it.each([
    ["+229 97 12 34 56", "+2290197123456", "BJ"],
    ["tel:+229-97-12-34-56", "+2290197123456", "BJ"],
    ["+52 1 55 1234 5678", "+525512345678", "MX"],
    ["+52 044 55 1234 5678", "+525512345678", "MX"],
    ["+225 07 12 34 56", "+2250707123456", "CI"],
    ["+225 44 12 34 56", "+2250544123456", "CI"],
    ["+225 01 12 34 56", "+2250101123456", "CI"],
    ["+225 79 12 34 56", "+2250779123456", "CI"],
    ["+55 11 9123-4567", "+5511991234567", "BR"],
    ["+55 21 8123 4567", "+5521981234567", "BR"],
    ["+54 9 11 15 2345-6789", "+5491123456789", "AR"],
  ])("%s is taken as %s where that is certain", async (text, number, country) => {
    expect(await phoneOf(text, policy())).toEqual({ number, country });
  });

  it("is taken without its calling code too", async () => {
    expect(await reasonOf("97 12 34 56", { defaultCountry: "BJ" })).toBe("+2290197123456");
    expect(await reasonOf("(11) 98123-4567", { defaultCountry: "BR" })).toBe("+5511981234567");
    expect(await reasonOf("(11) 8123-4567", { defaultCountry: "BR" })).toBe("+5511981234567");
  });

  it.each([
    ["+225 60 12 34 56", "old_form", "+225, the operator's 01, 05 or 07"],
    ["+54 11 2345-6789", "type", "+54 9, the area code"],
  ])("%s is refused with the form of now where it is not", async (text, reason, form) => {
    const refused = await phoneOf(text, policy()).catch((error) => error);
    expect(refused.details).toEqual({ reason, form: expect.stringContaining(form) });
    expect(refused.message).toContain(form);
  });

  it("is the same as any other where it was a landline, or is of a country that gets no codes", async () => {
    expect(await reasonOf("+229 21 30 12 34")).toBe("type");
    expect(await reasonOf("+55 11 3123-4567")).toBe("type");
    expect(await reasonOf("+229 97 12 34 56", { callingCodes: ["33"] })).toBe("calling_code");
    expect(await reasonOf("+33 6 12 34")).toBe("not_a_number");
  });

  it("and in the new one is one and the same", async () => {
    for (
      const text of ["+229 01 97 12 34 56", "+52 55 1234 5678", "+225 07 07 12 34 56", "+54 9 11 2345 6789"]
    ) {
      expect(await reasonOf(text)).toBe(text.replaceAll(" ", ""));
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
