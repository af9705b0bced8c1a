import type { JsonSchema } from "./schemas.ts";

/** One row of a table: a field at any depth. */
export interface Field {
  /** `dishes[].mass_g` */
  path: string;
  type: string;
  isRequired: boolean;
  /** Bounds and description. */
  notes: string;
}

const MAX_CHOICES = 12;

/** All fields of an object, including those of its objects and lists. */
export function fieldsOf(schema: JsonSchema, path = ""): Field[] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).flatMap(([name, property]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const one = {
      path: at,
      type: typeOf(property),
      isRequired: required.includes(name),
      notes: notesOf(property),
    };
    return [one, ...inside(property, at)];
  });
}

function inside(schema: JsonSchema, path: string): Field[] {
  if (schema.items) return inside(schema.items, `${path}[]`);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.flatMap((option) => inside(option, path));
  const record = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  return [...fieldsOf(schema, path), ...(record ? inside(record, `${path}.*`) : [])];
}

/** `list of objects`, `"g", "kg" or "ml"`, `whole number`, … */
export function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return "one of";
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map(typeOf))].join(" or ");
  const [type, ...others] = [schema.type ?? "any"].flat();
  if (others.length > 0) return [type, ...others].map((one) => typeOf({ ...schema, type: one })).join(" or ");
  if (schema.format === "binary") return "file";
  if (type === "array") return schema.items ? `list of ${plural(typeOf(schema.items))}` : "list";
  if (type === "integer") return "whole number";
  return type === "string" ? schema.format ?? "text" : type!;
}

function plural(type: string): string {
  return /^(object|whole number|number|text|date)$/.test(type) ? `${type}s` : type;
}

function notesOf(schema: JsonSchema): string {
  const told = schema.anyOf?.find(({ type }) => type !== "null") ?? schema;
  const item = told.items;
  return [
    ...choicesOf(told),
    ...(item?.enum ? choicesOf(item) : []),
    range(told.minimum ?? told.exclusiveMinimum, told.maximum ?? told.exclusiveMaximum, ""),
    range(told.minLength, told.maxLength, "characters"),
    range(told.minItems, told.maxItems, "entries"),
    isShown(schema.default) ? `default \`${JSON.stringify(schema.default)}\`` : "",
    schema.description ?? item?.description ?? (told.pattern ? `\`${told.pattern}\`` : ""),
  ].filter(Boolean).join("; ");
}

function choicesOf({ enum: choices = [] }: JsonSchema): string[] {
  if (choices.length === 0) return [];
  const shown = choices.slice(0, MAX_CHOICES).map((choice) => `\`${choice}\``).join(", ");
  return [choices.length > MAX_CHOICES ? `${shown} and ${choices.length - MAX_CHOICES} more` : shown];
}

function isShown(value: unknown): boolean {
  return value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);
}

const ONE: Record<string, string> = { characters: "character", entries: "entry" };

function range(least: number | undefined, most: number | undefined, unit: string): string {
  const number = (value: number) => value.toLocaleString("en-US");
  const of = unit && ` ${most === 1 || (most === undefined && least === 1) ? ONE[unit] : unit}`;
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return least === 0 && unit ? "" : `at least ${number(least!)}${of}`;
  if (least === undefined || (unit && least === 0)) return `up to ${number(most)}${of}`;
  return `${number(least)} to ${number(most)}${of}`;
}
