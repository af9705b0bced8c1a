import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";

import { macOf, macsOf, newCode, readCode } from "../../../supabase/functions/_otp/codes.ts";
import { KeyringText } from "../../../supabase/functions/_shared/security/keyring.ts";

const key = (id: string) => `${id}:${randomBytes(32).toString("base64")}`;
const place = { phone: "+33612345678", purpose: "sign_in" };

describe("a new code", () => {
  it("has six digits, leading zeros among them, and is as likely as any other", () => {
    const codes = Array.from({ length: 20_000 }, newCode);
    for (const code of codes) expect(code).toMatch(/^\d{6}$/);
    const byFirst = Array.from(
      { length: 10 },
      (_, digit) => codes.filter((code) => code.startsWith(`${digit}`)).length,
    );
    // Six standard deviations around 2,000.
    for (const count of byFirst) {
      expect(Math.abs(count - 2_000)).toBeLessThan(6 * Math.sqrt(20_000 * 0.1 * 0.9));
    }
  });
});

describe("abuse case 18, a code as a person types it", () => {
  it.each([
    ["012345", "012345"],
    [" 012 345 ", "012345"],
    ["012-345", "012345"],
    ["\u200e012\u00a0345\u200f", "012345"],
    ["٠١٢٣٤٥", "012345"],
    ["०१२३४५", "012345"],
    ["０１２３４５", "012345"],
    ["𝟘𝟙𝟚𝟛𝟜𝟝", "012345"],
    ["٠१2３４5", "012345"],
  ])("%s is %s", (typed, code) => {
    expect(readCode(typed)).toBe(code);
  });

  it.each(["", "12345", "1234567", "12345a", "12345½", "12345²", "一二三四五六", "-012345.0"])(
    "%s is none",
    (typed) => {
      expect(readCode(typed)).toBeUndefined();
    },
  );
});

describe("abuse case 6, what the database gets of a code", () => {
  it("depends on pepper, phone, purpose and code, and shows none of them", () => {
    const peppers = KeyringText.parse(`${key("new")},${key("old")}`);
    const macs = new Set([
      macOf(peppers, "new", "012345", place),
      macOf(peppers, "old", "012345", place),
      macOf(peppers, "new", "012346", place),
      macOf(peppers, "new", "012345", { ...place, phone: "+33612345679" }),
      macOf(peppers, "new", "012345", { ...place, purpose: "payment" }),
    ]);
    expect(macs.size).toBe(5);
    for (const mac of macs) expect(mac).toMatch(/^[0-9a-f]{64}$/);
  });

  it("is there under each pepper, so that one may change while codes are on their way", () => {
    const [old, next] = [key("old"), key("new")];
    const issued = macOf(KeyringText.parse(old), "old", "012345", place);
    const macs = macsOf(KeyringText.parse(`${next} ${old}`), "012345", place);
    expect(Object.keys(macs)).toEqual(["new", "old"]);
    expect(macs.old).toBe(issued);
  });
});
