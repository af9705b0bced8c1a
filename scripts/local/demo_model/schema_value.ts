import type { Random } from "./random.ts";
import { flatten, type Schema, SchemaError, type SchemaNode } from "./schema.ts";
import { textValue } from "./text_value.ts";
import { plausibleRange } from "./words.ts";

/** From this depth on only required parts are made, so that a recursive schema ends. */
const DEEP = 5;
/** Below this depth even required parts are taken to recurse forever. */
const TOO_DEEP = 40;

interface Place {
  root: Schema;
  random: Random;
  /** The property's name, which suggests its meaning. */
  name: string;
  depth: number;
}

/** Makes a value that fits the schema, plausible for a demo and always the same for the same seed. */
export function schemaValue(schema: SchemaNode, random: Random): unknown {
  const root = schema === true || schema === false ? {} : schema;
  return valueFor(schema, { root, random, name: "", depth: 0 });
}

function valueFor(node: SchemaNode, place: Place): unknown {
  if (place.depth > TOO_DEEP) throw new SchemaError("The schema requires values nested without end");
  const schema = flatten(node, place.root);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return enumValue(schema.enum, place);
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return branchValue(branches, schema, place);
  if (schema.nullable && wantsNull(place)) return null;
  switch (typeOf(schema, place)) {
    case "string":
      return stringValue(schema, place);
    case "number":
      return numberValue(schema, 0.1, place);
    case "integer":
      return numberValue(schema, 1, place);
    case "boolean":
      return place.random.chance(0.5);
    case "null":
      return null;
    case "array":
      return arrayValue(schema, place);
    case "object":
      return objectValue(schema, place);
    default:
      throw new SchemaError(`The demo model knows no type ${JSON.stringify(schema.type)}`);
  }
}

/** A nullable value is sometimes null, and always where a recursive schema should end. */
function wantsNull(place: Place): boolean {
  return place.depth > DEEP || place.random.chance(0.1);
}

function enumValue(values: unknown[], place: Place): unknown {
  if (values.length === 0) throw new SchemaError("The schema's enum allows no value");
  const others = values.filter((value) => value !== null);
  return values.length > others.length && (others.length === 0 || wantsNull(place))
    ? null
    : place.random.pick(others);
}

/** Picks a branch and adds the keywords beside the branches; deep down it picks the first one that ends. */
function branchValue(
  branches: SchemaNode[],
  { anyOf: _, oneOf: __, ...beside }: Schema,
  place: Place,
): unknown {
  const nullIndex = branches.findIndex((branch) => typeof branch === "object" && branch.type === "null");
  if (nullIndex >= 0 && (branches.length === 1 || wantsNull(place))) return null;
  const others = branches.filter((_, index) => index !== nullIndex);
  const first = place.random.integer(0, others.length - 1);
  const order = [...others.slice(first), ...others.slice(0, first)];
  let failure: unknown;
  for (const branch of place.depth > DEEP ? flatFirst(order, place) : order) {
    try {
      return valueFor({ ...beside, allOf: [...beside.allOf ?? [], branch] }, {
        ...place,
        depth: place.depth + 1,
      });
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Puts branches without nesting before the others. */
function flatFirst(branches: SchemaNode[], place: Place): SchemaNode[] {
  const nests = (branch: SchemaNode) => {
    const { type, anyOf, oneOf, const: fixed } = flatten(branch, place.root);
    return fixed === undefined &&
      (type === "object" || type === "array" || anyOf !== undefined || oneOf !== undefined);
  };
  return [...branches].sort((one, other) => Number(nests(one)) - Number(nests(other)));
}

/** The schema's type, or the one that its other keywords imply. */
function typeOf(schema: Schema, place: Place): string {
  if (Array.isArray(schema.type)) {
    const others = schema.type.filter((type) => type !== "null");
    if (others.length < schema.type.length && (others.length === 0 || wantsNull(place))) return "null";
    return place.random.pick(others);
  }
  if (schema.type !== undefined) return schema.type;
  if (schema.properties || schema.additionalProperties || schema.required) return "object";
  if (schema.items || schema.prefixItems) return "array";
  if (schema.minimum !== undefined || schema.maximum !== undefined || schema.multipleOf) return "number";
  return "string";
}

function stringValue(schema: Schema, { name, random }: Place): string {
  const { format, patterns = [], minLength = 0, maxLength = Infinity } = schema;
  const text = textValue(name, { format, patterns, minLength, maxLength }, random);
  if (text === undefined) {
    throw new SchemaError(
      `The demo model found no text for ${JSON.stringify({ format, patterns, minLength, maxLength })}`,
    );
  }
  return text;
}

/** A multiple of the step within the bounds, as close to a plausible range as possible. */
function numberValue(schema: Schema, step: number, { name, random }: Place): number {
  const isWhole = step === 1;
  const bounds = {
    min: Math.max(schema.minimum ?? -Infinity, schema.exclusiveMinimum ?? -Infinity),
    max: Math.min(schema.maximum ?? Infinity, schema.exclusiveMaximum ?? Infinity),
  };
  const isInside = (value: number) =>
    value >= bounds.min && value <= bounds.max && value !== schema.exclusiveMinimum &&
    value !== schema.exclusiveMaximum && (!isWhole || Number.isInteger(value));
  const [plausibleMin, plausibleMax] = plausibleRange(name);

  for (let unit = schema.multipleOf ?? step, tries = 0; tries < 18; tries++, unit /= 10) {
    for (
      const [low, high] of [[plausibleMin, plausibleMax], [plausibleMin, Infinity], [-Infinity, Infinity]]
    ) {
      const value = multipleBetween(
        Math.max(low!, bounds.min),
        Math.min(high!, bounds.max),
        unit,
        random,
        isInside,
      );
      if (value !== undefined) return value;
    }
    if (schema.multipleOf !== undefined || isWhole) break;
  }
  for (const value of [(bounds.min + bounds.max) / 2, bounds.min, bounds.max]) {
    if (isInside(value) && schema.multipleOf === undefined) return value;
  }
  throw new SchemaError(`The demo model found no number for ${JSON.stringify(schema)}`);
}

/** Tries a random multiple, then a few from either end. */
function multipleBetween(
  min: number,
  max: number,
  unit: number,
  random: Random,
  isInside: (value: number) => boolean,
): number | undefined {
  const width = 1_000 * unit;
  const low = Number.isFinite(min) ? min : Number.isFinite(max) ? max - width : 0;
  const high = Number.isFinite(max) ? max : low + width;
  const first = Math.ceil(low / unit), last = Math.floor(high / unit);
  if (!(first <= last)) return undefined;
  const valueAt = (index: number) => Number((index * unit).toPrecision(15));
  for (let distance = -1; distance <= 20; distance++) {
    const value = valueAt(distance < 0 ? random.integer(first, last) : first + distance);
    if (isInside(value)) return value;
  }
  return undefined;
}

function arrayValue(schema: Schema, place: Place): unknown[] {
  const fixed = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : []);
  const rest = Array.isArray(schema.items) ? schema.additionalItems : schema.items;
  const values = fixed.map((node) => valueFor(node, { ...place, depth: place.depth + 1 }));
  const min = schema.minItems ?? 0;
  const usual = place.depth > DEEP ? 0 : fixed.length + place.random.integer(2, 3);
  const count = Math.max(min, Math.min(usual, schema.maxItems ?? Infinity));
  const seen = new Set(values.map((value) => JSON.stringify(value)));
  const itemPlace = { ...place, name: place.name.replace(/s$/, ""), depth: place.depth + 1 };

  for (let tries = 0; values.length < count && rest !== false; tries++) {
    if (tries > count + 100) {
      if (values.length >= min) break;
      throw new SchemaError("The demo model found too few different items");
    }
    const value = valueFor(rest ?? {}, itemPlace);
    if (schema.uniqueItems && seen.has(JSON.stringify(value))) continue;
    seen.add(JSON.stringify(value));
    values.push(value);
  }
  return values;
}

function objectValue(schema: Schema, place: Place): Record<string, unknown> {
  const required = schema.required ?? [];
  const named = Object.keys(schema.properties ?? {});
  const isWanted = (name: string) => required.includes(name) || place.depth <= DEEP;
  const entries = [...new Set([...named, ...required])].filter(isWanted).map((name) => {
    const node = Object.hasOwn(schema.properties ?? {}, name)
      ? schema.properties![name]!
      : schema.additionalProperties ?? {};
    return [name, valueFor(node, { ...place, name, depth: place.depth + 1 })] as const;
  });
  return Object.fromEntries([...entries, ...freeEntries(schema, entries.length, place)]);
}

/** Entries with made-up names: two if the object is a map, none if it merely allows more. */
function freeEntries(schema: Schema, made: number, place: Place): [string, unknown][] {
  const values = schema.additionalProperties;
  const isMap = schema.properties === undefined && typeof values === "object" && place.depth <= DEEP;
  const count = Math.max((schema.minProperties ?? 0) - made, isMap && made === 0 ? 2 : 0);
  if (values === false) return [];
  const keys = new Set<string>();
  for (let tries = 0; keys.size < count && tries < count + 100; tries++) {
    const key = schema.propertyNames ?? {};
    keys.add(String(valueFor(key, { ...place, name: "key", depth: place.depth + 1 })));
  }
  return [...keys].map((
    key,
  ) => [key, valueFor(values ?? {}, { ...place, name: key, depth: place.depth + 1 })]);
}
