import { describe, expect, it } from "vitest";

import { LOCALES, messageText } from "../../../supabase/functions/_otp/templates.ts";

const values = { code: "012345", appName: "Tessera", minutes: 5 };
const LETTERS_OF_AN_SMS =
  /^[\n\r @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]*$/;

describe("a message", () => {
  it("is in the language of its tag, and in English where there is no text in it", () => {
    expect(messageText("fr-CA", values).text).toContain("votre code est 012345");
    for (const locale of ["FR", "fr_FR", "fr_FR.UTF-8", "fr-FR-u-fw-mon-mu-celsius"]) {
      expect(messageText(locale, values).text).toContain("votre code est 012345");
    }
    expect(messageText("pt_BR", values).text).toContain("o seu codigo");
    for (const locale of [undefined, "xx", "en-GB", "constructor", "__proto__", "", "_"]) {
      expect(messageText(locale, values).text).toContain("your code is 012345");
    }
  });

  it.each(LOCALES)("in %s names app, code and minutes once, and is one SMS", (locale) => {
    const longest = {
      ...values,
      appName: "A".repeat(30),
      appHash: "FA+9qCX9VSu",
      webDomain: "app.example.com",
    };
    const { text } = messageText(locale, longest);
    for (const part of [longest.appName, "5 "]) expect(text.split(part)).toHaveLength(2);
    expect(text).not.toMatch(/[{}]|undefined/);
    const isPlain = LETTERS_OF_AN_SMS.test(text);
    if (locale !== "ar") expect(isPlain).toBe(true);
    expect(text.length).toBeLessThanOrEqual(isPlain ? 160 : 134);
  });

  it("has what phones and browsers read codes by: the app's hash, and the domain's line as the last", () => {
    const { text } = messageText("en", { ...values, appHash: "FA+9qCX9VSu", webDomain: "example.com" });
    expect(text.split("\n").slice(1)).toEqual(["FA+9qCX9VSu", "@example.com #012345"]);
  });
});
