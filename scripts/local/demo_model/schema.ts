/** The part of JSON schema (draft 7 to 2020-12) that the demo model supports. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, SchemaNode>;
  definitions?: Record<string, SchemaNode>;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  allOf?: SchemaNode[];
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
  nullable?: boolean;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  items?: SchemaNode | SchemaNode[];
  prefixItems?: SchemaNode[];
  additionalItems?: SchemaNode;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  properties?: Record<string, SchemaNode>;
  required?: string[];
  additionalProperties?: SchemaNode;
  propertyNames?: SchemaNode;
  minProperties?: number;
  /** The patterns of several merged schemas; not a JSON schema keyword. */
  patterns?: string[];
}

export type SchemaNode = Schema | boolean;

/**
 * A schema for which the demo model has no value; answered with 400, as OpenAI refuses a schema that it does not
 * support.
 */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** Resolves `$ref` and merges `allOf` into one flat schema. */
export function flatten(node: SchemaNode, root: Schema, depth = 0): Schema {
  if (node === true) return {};
  if (node === false) throw new SchemaError("The schema false allows no value");
  if (depth > 50) throw new SchemaError("The schema refers to itself without end");
  let { $ref, allOf, ...flat } = node;
  if (flat.pattern !== undefined) flat = { ...flat, patterns: [...flat.patterns ?? [], flat.pattern] };
  delete flat.pattern;
  const parts = $ref === undefined ? allOf ?? [] : [resolve($ref, root), ...allOf ?? []];
  return parts.reduce<Schema>((merged, part) => merge(merged, flatten(part, root, depth + 1)), flat);
}

/** Resolves a local JSON pointer such as `#/$defs/Dish`. */
function resolve(reference: string, root: Schema): SchemaNode {
  let node: unknown = reference.startsWith("#") ? root : undefined;
  for (const part of reference.split("/").slice(1)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    node = typeof node === "object" && node !== null ? (node as Record<string, unknown>)[key] : undefined;
  }
  if (node === undefined) {
    throw new SchemaError(`Cannot resolve ${reference} as it points nowhere in the schema`);
  }
  return node as SchemaNode;
}

/** The schema whose values fit both; keywords that cannot be combined are taken from the second. */
function merge(first: Schema, second: Schema): Schema {
  const merged: Schema = { ...first, ...second };
  const tighten = (key: NumericKey, choose: (...values: number[]) => number) => {
    const values = [first[key], second[key]].filter((value) => value !== undefined);
    if (values.length > 0) merged[key] = choose(...values);
  };
  for (const key of LOWER_BOUNDS) tighten(key, Math.max);
  for (const key of UPPER_BOUNDS) tighten(key, Math.min);
  if (first.patterns || second.patterns) {
    merged.patterns = [...first.patterns ?? [], ...second.patterns ?? []];
  }
  if (first.required || second.required) {
    merged.required = [...new Set([...first.required ?? [], ...second.required ?? []])];
  }
  if (first.properties && second.properties) {
    merged.properties = mergeProperties(first.properties, second.properties);
  }
  if (first.enum && second.enum) {
    const allowed = second.enum.map((value) => JSON.stringify(value));
    merged.enum = first.enum.filter((value) => allowed.includes(JSON.stringify(value)));
  }
  return merged;
}

function mergeProperties(
  first: Record<string, SchemaNode>,
  second: Record<string, SchemaNode>,
): Record<string, SchemaNode> {
  const merged = { ...first };
  for (const [name, node] of Object.entries(second)) {
    merged[name] = Object.hasOwn(first, name) ? { allOf: [first[name]!, node] } : node;
  }
  return merged;
}

const LOWER_BOUNDS = ["minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties"] as const;
const UPPER_BOUNDS = ["maxLength", "maximum", "exclusiveMaximum", "maxItems"] as const;
type NumericKey = typeof LOWER_BOUNDS[number] | typeof UPPER_BOUNDS[number];
