import { z } from "zod";

import { StackError } from "../local/errors.ts";
import { DECLARED, type Need, NEEDS } from "./declared.ts";

/** A setting of the functions, as its module declares it. */
export interface Setting {
  name: string;
  /** The title of its module's settings. */
  title: string;
  description: string;
  /** The default as text; undefined if there is none. */
  defaultText?: string;
  /** The accepted values: a list, a range, a form. */
  values: string;
  /** The functions do not work without it. */
  isRequired: boolean;
  /** For an optional setting. */
  need?: Need;
}

/** Every setting, module by module. Throws if no module says when an optional one is required. */
export function settings(): Setting[] {
  const found = DECLARED.flatMap(({ title, schema }) =>
    Object.entries(schema.shape).map(([name, one]) => describe(title, name, one as z.ZodType))
  );
  const gone = Object.keys(NEEDS).filter((name) => !found.some((setting) => setting.name === name));
  if (gone.length > 0) {
    throw new StackError(`scripts/settings/modules: "needs" has what no module declares: ${gone.join(", ")}`);
  }
  return found;
}

function describe(title: string, name: string, schema: z.ZodType): Setting {
  const isOptional = schema instanceof z.ZodOptional;
  const hasDefault = schema instanceof z.ZodDefault;
  const need = NEEDS[name];
  if (isOptional && !need) {
    throw new StackError(`When is ${name} needed? No "needs" in scripts/settings/modules says so`);
  }
  if (!schema.description) throw new StackError(`${name} has no description`);
  return {
    name,
    title,
    description: schema.description,
    defaultText: hasDefault ? textOf(schema.def.defaultValue) : undefined,
    values: valuesOf(isOptional || hasDefault ? (schema.unwrap() as z.ZodType) : schema),
    isRequired: !isOptional && !hasDefault,
    need,
  };
}

function textOf(value: unknown): string | undefined {
  if (value instanceof Map || Array.isArray(value)) return undefined;
  return String(value);
}

function valuesOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodEnum) return schema.options.join(", ");
  const { type, format, minimum, maximum } = jsonSchemaOf(schema);
  if (type === "integer" || type === "number") {
    return `${Number(minimum).toLocaleString("en")} to ${Number(maximum).toLocaleString("en")}`;
  }
  if (type === "boolean") return "true, false";
  return format === "uri" ? "a URL" : "";
}

interface JsonSchema {
  type?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { unrepresentable: "any", io: "output" }) as JsonSchema;
}

/** The settings that a project lacks: those that everything needs, and those that some functions need. */
export function missingSettings(
  names: Iterable<string>,
  functions: string[],
): { required: Setting[]; needed: Setting[] } {
  const set = new Set(names);
  const missing = settings().filter(({ name }) => !set.has(name) && !name.startsWith("SUPABASE_"));
  return {
    required: missing.filter(({ isRequired }) => isRequired),
    needed: missing.filter(({ need }) => need?.functions.some((name) => functions.includes(name))),
  };
}
