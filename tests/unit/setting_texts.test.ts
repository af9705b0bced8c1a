import { describe, expect, it } from "vitest";

import { ProvidersText } from "../../supabase/functions/_oauth/setting_texts.ts";
import { ProofKeyText } from "../../supabase/functions/_otp/setting_texts.ts";
import { CertificatesText } from "../../supabase/functions/_shared/platform/setting_texts.ts";

const BODY = "TUlJQm9qQ0NBVWlnQXdJQkFnSVVOb3RBUmVhbENlcnRpZmljYXRlQnV0TG9uZ0Vub3VnaEZvclR3b0xpbmVz";
const LINES = [BODY.slice(0, 64), BODY.slice(64)];
const PEM = ["-----BEGIN CERTIFICATE-----", ...LINES, "-----END CERTIFICATE-----", ""].join("\n");

describe("certificates", () => {
  it.each([
    ["as they are", PEM],
    ["with \\n for line ends", PEM.replaceAll("\n", "\\n")],
    ["with \\r\\n for line ends", PEM.replaceAll("\n", "\\r\\n")],
    ["with CR LF", PEM.replaceAll("\n", "\r\n")],
    ["in one line, with spaces", PEM.replaceAll("\n", " ")],
    ["in quotes", `"${PEM.replaceAll("\n", "\\n")}"`],
    ["in base64", btoa(PEM)],
    ["behind words about them", `# The authority\n${PEM}`],
  ])("are read %s", (_how, text) => {
    expect(CertificatesText.parse(text)).toBe(PEM);
  });

  it("are a chain when there are several", () => {
    expect(CertificatesText.parse(`${PEM}${PEM}`.replaceAll("\n", "\\n"))).toBe(`${PEM}${PEM}`);
  });

  it.each(["", "a file's path.pem", PEM.replace(LINES[1]!, "no/base64!"), PEM.replace(BODY.slice(0, 3), "")])(
    "that are none are told of when the settings are read, without their text: %j",
    (text) => {
      const message = CertificatesText.safeParse(text).error?.issues[0]?.message ?? "";
      expect(message).toContain("Expected certificates as PEM");
      if (text !== "") expect(message).not.toContain(text);
    },
  );
});

describe("a setting in JSON", () => {
  const providers = {
    acme: {
      issuer: "https://auth.example.com",
      client_id: "an-id",
      client_secret: 'a"b\\c',
      grants: ["client_credentials"],
    },
  };
  const proofKey = { kty: "EC", crv: "P-256", x: "x", y: "y", d: "d", kid: "a-kid" };
  const wordings: [string, (value: unknown) => string][] = [
    ["as it is", (value) => JSON.stringify(value)],
    ["on several lines", (value) => JSON.stringify(value, null, 2)],
    ["in quotes of a shell", (value) => `'${JSON.stringify(value)}'`],
    ["encoded twice", (value) => JSON.stringify(JSON.stringify(value))],
  ];

  it.each(wordings)("is read %s", (_how, write) => {
    expect(ProvidersText.parse(write(providers)).get("acme")).toMatchObject(providers.acme);
    expect(ProofKeyText.parse(write(proofKey))).toEqual(proofKey);
  });

  it.each([
    ["\\n for its line ends", (text: string) => text.replaceAll("\n", "\\n")],
    ['\\" for its quotes', (text: string) => text.replaceAll('"', '\\"')],
  ])("is read with %s", (_how, change) => {
    expect(ProofKeyText.parse(change(JSON.stringify(proofKey, null, 2)))).toEqual(proofKey);
  });

  it("that is none is told of", () => {
    for (const text of ["{", "no JSON", "'", '"{"']) {
      expect(ProvidersText.safeParse(text).error?.issues[0]?.message).toBe("Expected JSON");
    }
  });
});
