import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";

import { checkedSetup, type Settings } from "../../../supabase/functions/_otp/setup.ts";
import { KeyringText } from "../../../supabase/functions/_shared/security/keyring.ts";
import { ProofKeyText, TestNumbersText } from "../../../supabase/functions/_otp/setting_texts.ts";

const usual = (changes: Partial<Settings>) => ({
  OTP_PEPPERS: KeyringText.parse(`k:${randomBytes(32).toString("base64")}`),
  OTP_PROVIDERS: ["vonage"],
  OTP_TEST_NUMBERS: new Map(),
  OTP_CALLING_CODES: [],
  VONAGE_BASE_URL: "http://127.0.0.1:1",
  VONAGE_API_KEY: "key",
  VONAGE_API_SECRET: "secret",
  VONAGE_FROM: "Tessera",
  ...changes,
} as unknown as Settings);

const problemOf = (changes: Partial<Settings>, isLocal: boolean): string | undefined => {
  try {
    checkedSetup(usual(changes), isLocal, "https://project.example");
  } catch (error) {
    const { code, cause } = error as { code: string; cause: Error };
    return `${code}: ${cause.message}`;
  }
};

describe("abuse case 16, the console as a provider", () => {
  it("is refused on a project that is not local, before any code is made", () => {
    expect(problemOf({ OTP_PROVIDERS: ["console"] }, false)).toMatch(/^internal: OTP_PROVIDERS has console/);
    expect(problemOf({ OTP_PROVIDERS: ["vonage", "console"] }, false)).toMatch(/console/);
    expect(problemOf({ OTP_PROVIDERS: ["console"] }, true)).toBeUndefined();
  });
});

describe("abuse case 15, test numbers", () => {
  const OTP_TEST_NUMBERS = TestNumbersText.parse("+33612345678=012345 +33612345679=999999");
  const OTP_TEST_NUMBERS_UNTIL = "2026-12-31T00:00:00Z";

  it("are refused on a project that is not local", () => {
    expect(problemOf({ OTP_TEST_NUMBERS, OTP_TEST_NUMBERS_UNTIL }, false)).toMatch(/OTP_TEST_NUMBERS/);
    expect(problemOf({ OTP_TEST_NUMBERS, OTP_TEST_NUMBERS_UNTIL }, true)).toBeUndefined();
  });

  it("are refused without an end", () => {
    expect(problemOf({ OTP_TEST_NUMBERS }, true)).toMatch(/OTP_TEST_NUMBERS_UNTIL/);
  });

  it("keep the zeros of their codes, and are refused in another form without being repeated", () => {
    expect(OTP_TEST_NUMBERS.get("+33612345678")).toBe("012345");
    const { error } = TestNumbersText.safeParse("0612345678=4711");
    expect(error!.message).not.toContain("4711");
  });
});

describe("settings", () => {
  it("say which one is missing", () => {
    expect(problemOf({ OTP_PEPPERS: undefined }, true)).toBe("internal: OTP_PEPPERS is not set");
    expect(problemOf({ OTP_PROVIDERS: [] }, true)).toBe("internal: OTP_PROVIDERS is not set");
    expect(problemOf({ VONAGE_FROM: undefined }, true)).toBe(
      "internal: OTP_PROVIDERS has vonage, but VONAGE_FROM is not set",
    );
  });

  it("take a private key for proofs and nothing else, and do not repeat what they were given", () => {
    const key = { kty: "EC", crv: "P-256", x: "x", y: "y", d: "private-part", kid: "1" };
    expect(ProofKeyText.parse(JSON.stringify(key))).toEqual(key);
    const { d: _private, ...publicKey } = key;
    expect(ProofKeyText.safeParse(JSON.stringify(publicKey)).success).toBe(false);
    const { error } = ProofKeyText.safeParse(`private-part`);
    expect(error!.message).not.toContain("private-part");
  });
});
