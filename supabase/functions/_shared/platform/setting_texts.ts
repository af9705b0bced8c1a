import { z } from "zod";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/g;
/** A line end as it is written where a secret must fit on one line. */
const WRITTEN_LINE_END = /\\r|\\n|\\t/g;
const LINE_CHARACTERS = 64;

/**
 * Certificates as a setting, PEM: with line ends, with `\n` in their place, with spaces, or all of it in base64. The
 * result is always PEM. Error messages never repeat the value.
 */
export const CertificatesText = z.string().transform((text, context): string => {
  const certificates = [...plain(text).matchAll(CERTIFICATE)].map(([, body]) =>
    body!.replaceAll(WRITTEN_LINE_END, "").replaceAll(/\s/g, "")
  );
  if (certificates.length > 0 && certificates.every(isBase64)) return certificates.map(asPem).join("");
  context.addIssue({
    code: "custom",
    message: "Expected certificates as PEM: -----BEGIN CERTIFICATE-----, base64, -----END CERTIFICATE-----",
  });
  return z.NEVER;
});

/**
 * Parses a setting in JSON, also when it was quoted once more, or when its line ends and quotes were escaped as `\n`
 * and `\"` on the way. Undefined if it is not JSON.
 */
export function jsonIn(text: string): unknown {
  const trimmed = text.trim().replace(/^'([\s\S]*)'$/, "$1");
  const value = parsed(trimmed) ?? parsed(trimmed.replaceAll(WRITTEN_LINE_END, " ").replaceAll('\\"', '"'));
  return typeof value === "string" ? parsed(value) : value;
}

function plain(text: string): string {
  if (text.includes("-----BEGIN")) return text;
  try {
    return atob(text.replaceAll(/\s/g, ""));
  } catch {
    return text;
  }
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;
}

function asPem(base64: string): string {
  const lines = base64.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, "g"))!;
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
