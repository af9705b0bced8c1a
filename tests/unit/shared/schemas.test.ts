import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { safeParse, safeParseAsync } from "../../../supabase/functions/_shared/platform/schemas.ts";

/** What a stranger may send as JSON, and whose length is no number and cannot be made one. */
const INCOMPARABLE = JSON.parse('{ "length": { "toString": 1, "valueOf": 1 } }');

const functions = join(import.meta.dirname!, "../../../supabase/functions");

/** They read what operators or this backend have written, or texts alone; a hook's fault is caught where it is read. */
const OTHERS = [
  ...[
    "_alerts/endpoints.ts",
    "_alerts/outbox.ts",
    "_oauth/setting_texts.ts",
    "_otp/hook.ts",
    "_otp/proof.ts",
    "_otp/setting_texts.ts",
  ],
  ...["_otp/twilio_reports.ts", "_shared/platform/env.ts", "_shared/platform/schemas.ts"],
  ...["_shared/security/envelope_proof.ts", "otp/request.ts"],
];

describe.each([
  ["a text", z.string().max(20)],
  ["a list", z.array(z.string()).min(1)],
  ["a text of an object", z.object({ text: z.string().trim().max(20) }).transform(({ text }) => text)],
])("a value whose length cannot be compared, where %s is expected,", (_what, schema) => {
  const value = schema instanceof z.ZodPipe ? { text: INCOMPARABLE } : INCOMPARABLE;

  it("does not fit, instead of an exception", async () => {
    expect(() => schema.safeParse(value)).toThrow(TypeError);
    expect(safeParse(schema, value)).toMatchObject({ success: false, error: { issues: [{ path: [] }] } });
    expect(await safeParseAsync(schema, value)).toMatchObject({ success: false });
  });
});

it("a fault of a check itself is thrown", () => {
  const schema = z.string().refine((text) => (text as unknown as { a: { b: string } }).a.b);
  expect(() => safeParse(schema, "soup")).toThrow(TypeError);
});

it("what strangers and providers send is read by this function everywhere", async () => {
  const files = (await readdir(functions, { recursive: true })).filter((file) => file.endsWith(".ts"));
  const others = await Promise.all(files.map(async (file) => {
    const text = await readFile(join(functions, file), "utf8");
    return /\b[A-Z]\w*\.(?:safeParse|parse)(?:Async)?\(|\.safeParse(?:Async)?\(/
      .test(text.replaceAll(/\b(?:JSON|Date)\.parse\(/g, "")) && file;
  }));
  expect(others.filter(Boolean).sort()).toEqual(OTHERS.sort());
});
