import { z } from "zod";

import { safeParse } from "../platform/schemas.ts";

/**
 * The part of an unfinished value that fits a schema, so that a draft never shows what a final answer could not have:
 * a field is left out until its value fits; objects and lists grow. Undefined when nothing fits.
 */
export function draftOf(schema: z.core.$ZodType, value: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return value === null && schema instanceof z.ZodNullable ? null : draftOf(schema.def.innerType, value);
  }
  if (schema instanceof z.ZodObject) {
    return isObject(value) ? fields(value, Object.entries(schema.shape)) : undefined;
  }
  if (schema instanceof z.ZodRecord) {
    const kind = schema.valueType;
    return isObject(value) ? fields(value, Object.keys(value).map((name) => [name, kind])) : undefined;
  }
  if (schema instanceof z.ZodArray) {
    if (!Array.isArray(value)) return undefined;
    return value.map((one) => draftOf(schema.element, one)).filter((one) => one !== undefined);
  }
  const parsed = safeParse(schema, value);
  return parsed.success ? parsed.data : undefined;
}

/**
 * The finished elements of a list in an unfinished answer. The last element is left out, as it may still grow, unless
 * a field after the list has begun. Checks of the whole list run only when it is complete.
 */
export function wholeElements<Element extends z.ZodType>(
  list: z.ZodArray<Element>,
  written: unknown,
  name: string,
): z.output<Element>[] {
  if (!isObject(written) || !Array.isArray(written[name])) return [];
  const isEnded = Object.keys(written).at(-1) !== name;
  const elements = isEnded ? written[name] : written[name].slice(0, -1);
  return elements.flatMap((element) => {
    const parsed = safeParse(list.element, element);
    return parsed.success ? [parsed.data] : [];
  });
}

function fields(value: Record<string, unknown>, schemas: [string, z.core.$ZodType][]): unknown {
  const fitting = schemas.map(([name, schema]) => [name, draftOf(schema, value[name])] as const)
    .filter(([_name, draft]) => draft !== undefined);
  return fitting.length > 0 ? Object.fromEntries(fitting) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
