import type { JSONSchema7 } from "@ai-sdk/provider";
import { asSchema } from "@ai-sdk/provider-utils";
import type { z } from "zod";

/** A feature's schemas are constants, so each is converted once. */
const converted = new WeakMap<z.ZodType, JSONSchema7>();
/** The same without keywords that a server refuses, for the last set of keywords. */
const reduced = new WeakMap<z.ZodType, { omitted: ReadonlySet<string>; schema: JSONSchema7 }>();

/**
 * A schema as JSON schema. Keywords in `omitted` move into descriptions, which the model reads and the server
 * ignores.
 */
export async function jsonSchemaOf(schema: z.ZodType, omitted: ReadonlySet<string>): Promise<JSONSchema7> {
  let whole = converted.get(schema);
  if (whole === undefined) {
    whole = mapSchemas(await asSchema(schema).jsonSchema, withoutSafeRange);
    converted.set(schema, whole);
  }
  if (omitted.size === 0) return whole;
  const known = reduced.get(schema);
  if (known?.omitted === omitted) return known.schema;
  const without = mapSchemas(whole, (node) => inWords(node, omitted));
  reduced.set(schema, { omitted, schema: without });
  return without;
}

/** The instructions for a model whose server does not enforce the schema. */
export function schemaInWords(schema: JSONSchema7): string {
  return `Answer with one JSON object that fits this JSON schema, and with nothing else: no Markdown, no explanation.
${JSON.stringify(schema)}`;
}

/** Zod adds JavaScript's bounds to every integer; they mean nothing to a model, and break some servers' grammars. */
function withoutSafeRange(node: JSONSchema7): JSONSchema7 {
  const { minimum, maximum, ...rest } = node;
  return {
    ...rest,
    ...minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER && { minimum },
    ...maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER && { maximum },
  };
}

/** Means nothing to a model. */
const SILENT = new Set(["$schema", "additionalProperties", "title", "propertyNames"]);

function inWords(node: JSONSchema7, omitted: ReadonlySet<string>): JSONSchema7 {
  const entries = Object.entries(node);
  const told = entries.filter(([word]) => omitted.has(word) && !SILENT.has(word));
  const kept = Object.fromEntries(entries.filter(([word]) => !omitted.has(word)));
  if (told.length === 0) return kept;
  const bounds = `Bounds: ${JSON.stringify(Object.fromEntries(told))}`;
  return { ...kept, description: [node.description, bounds].filter(Boolean).join(" ") };
}

const LISTS_OF_SCHEMAS = ["anyOf", "oneOf", "allOf", "prefixItems"];
const MAPS_OF_SCHEMAS = ["properties", "definitions", "$defs"];

/** A copy in which every schema is changed, from the outside inwards. */
function mapSchemas(schema: JSONSchema7, change: (node: JSONSchema7) => JSONSchema7): JSONSchema7 {
  const visit = (node: unknown): unknown => isObject(node) ? mapSchemas(node, change) : node;
  const visitAll = (node: unknown): unknown => Array.isArray(node) ? node.map(visit) : visit(node);
  return Object.fromEntries(
    Object.entries(change(schema)).map(([word, value]) => {
      if (MAPS_OF_SCHEMAS.includes(word)) {
        return [
          word,
          Object.fromEntries(Object.entries(value as object).map(([name, node]) => [name, visit(node)])),
        ];
      }
      const holdsSchemas = word === "items" || word === "additionalProperties" ||
        LISTS_OF_SCHEMAS.includes(word);
      return [word, holdsSchemas ? visitAll(value) : value];
    }),
  );
}

function isObject(value: unknown): value is JSONSchema7 {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
