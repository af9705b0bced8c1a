import { z } from "zod";

/** The part of JSON Schema that zod writes. https://json-schema.org/draft/2020-12 */
export interface JsonSchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  pattern?: string;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

/** A schema as a caller sees it: input before transformations, output after them. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _draft, ...converted } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // A format means the same as its pattern, which has hundreds of characters for a date.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // Responses may get more fields, so clients should not refuse them.
      if (io === "output") delete jsonSchema.additionalProperties;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      const rules = rulesOf(zodSchema);
      if (rules.length > 0) jsonSchema.description ??= rules.join(". ");
    },
  });
  return converted as JsonSchema;
}

/** What JSON Schema cannot say and the schema's messages do: `Send a photo, a description or both`. */
function rulesOf(schema: z.core.$ZodType): string[] {
  const { checks = [] } = schema._zod.def;
  return checks.flatMap((check) => {
    const { check: kind, error } = check._zod.def;
    const isTold = kind === "custom" || kind === "string_format";
    if (!isTold || error === undefined) return [];
    try {
      const message = error({ code: "custom", input: "", path: [] } as never);
      const text = typeof message === "string" ? message : message?.message;
      return text ? [text.replace(/^Expected ./, (start) => start.at(-1)!.toUpperCase())] : [];
    } catch {
      return []; // A message that depends on the value has no fixed text.
    }
  });
}
