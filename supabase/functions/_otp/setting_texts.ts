import type { JWK } from "jose";
import { z } from "zod";

import { jsonIn } from "../_shared/platform/setting_texts.ts";

/** A list as a setting, separated by commas or white space. */
export const ListText = z.string().transform((text) => text.split(/[\s,]+/).filter(Boolean));

const ProofKey = z.object({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string().min(1),
});

/** A private JWK of ES256, as JSON. */
export const ProofKeyText = z.string().transform((text, context): JWK & { kid: string } => {
  const parsed = ProofKey.safeParse(jsonIn(text));
  if (parsed.success) return parsed.data;
  // The message must not repeat the value.
  context.addIssue({
    code: "custom",
    message: "Expected a private JWK with kty EC, crv P-256, x, y, d and kid, as JSON",
  });
  return z.NEVER;
});

/** Phones in E.164 with their fixed codes: `+33612345678=123456`, separated by commas or white space. */
export const TestNumbersText = z.string().transform((text, context): Map<string, string> => {
  const numbers = new Map<string, string>();
  for (const entry of text.split(/[\s,]+/).filter(Boolean)) {
    const [, phone, code] = /^(\+[1-9]\d{6,14})=(\d{6})$/.exec(entry) ?? [];
    if (phone === undefined || code === undefined) {
      context.addIssue({ code: "custom", message: "Expected +33612345678=123456, six digits each" });
      return z.NEVER;
    }
    numbers.set(phone, code);
  }
  return numbers;
});
