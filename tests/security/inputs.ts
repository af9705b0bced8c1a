import fc from "fast-check";
import { z } from "zod";

import { wav } from "../support/recordings.ts";

/** The part of JSON Schema that zod writes for our inputs. */
interface Schema {
  examples?: unknown[];
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  anyOf?: Schema[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
}

const DEFAULT_LENGTH = 40;
const DEFAULT_ITEMS = 4;
/** Stands for a file, which JSON cannot hold. */
const A_FILE = "\u0001 a file \u0001";

/** Inputs that a function takes, made from its own schema. */
export function validInputs(input: z.ZodType): fc.Arbitrary<unknown> {
  const schema = z.toJSONSchema(input, { io: "input", unrepresentable: "any" }) as Schema;
  return valuesOf(schema).filter((value) => input.safeParse(withFiles(value)).success);
}

/** The body for the JSON of such an input: a form if it has a file. */
export function bodyOf(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const sent = withFiles(value);
  return sent === value ? text : sent;
}

/** The input with each file that only stood for one. */
export function withFiles(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !Object.values(value).includes(A_FILE)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, one === A_FILE ? wav(0.1) : one]),
  );
}

function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.examples) return fc.constantFrom(...schema.examples);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(valuesOf));
  switch (schema.type) {
    case "object":
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([name, one]) => [name, valuesOf(one)]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    case "array":
      return fc.array(valuesOf(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? DEFAULT_ITEMS, DEFAULT_ITEMS),
      });
    case "string":
      return textsOf(schema);
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 100, 1_000_000) });
    case "number":
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1_000, noNaN: true });
    case "boolean":
      return fc.boolean();
    default:
      return fc.jsonValue();
  }
}

function textsOf(
  { format, pattern, minLength = 0, maxLength = DEFAULT_LENGTH }: Schema,
): fc.Arbitrary<string> {
  if (format === "binary") return fc.constant(A_FILE);
  if (format === "date") {
    return fc.date({ min: new Date("1000-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10));
  }
  if (pattern) return fc.stringMatching(new RegExp(pattern)).filter((text) => text.length <= maxLength);
  return fc.string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, DEFAULT_LENGTH) });
}
