import { z } from "zod";

import { safeParseAsync } from "../platform/schemas.ts";

/** A text with a lower bound is a name; a cut name may be the name of something else. */
const MIN_BOUND_CHARACTERS = 100;

/** Lists that may be shortened, as their entries are independent. */
const cuttable = z.registry<Record<never, never>>();

/** Marks a list that is shortened when a model writes too many entries: advice, ideas, remarks. */
export function shortList<Element extends z.ZodType>(
  element: Element,
  { min, max }: { min?: number; max: number },
): z.ZodArray<Element> {
  const list = z.array(element).max(max);
  return (min === undefined ? list : list.min(min)).register(cuttable, {});
}

/**
 * Parses an answer with its schema. Many providers ignore `maxLength` and `maxItems`: a text that is too long is cut
 * after a sentence or a word, and a list marked by `shortList` after the last allowed entry. Names and other lists
 * stay invalid: sums are computed from such lists.
 */
export async function readThrough<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): Promise<z.ZodSafeParseResult<z.output<Schema>>> {
  let parsed = await safeParseAsync(schema, value);
  // Zod checks the entries of a list only when the list itself fits.
  for (let cuts = 0; cuts < MAX_CUTS && !parsed.success; cuts++) {
    const { issues } = parsed.error;
    if (!issues.every((issue) => isTooMuch(schema, issue))) break;
    value = cut(value, issues as TooBig[]);
    parsed = await safeParseAsync(schema, value);
  }
  return parsed;
}

/** The deepest nesting of short lists. */
const MAX_CUTS = 4;

type TooBig = z.core.$ZodIssueTooBig;

function isTooMuch(schema: z.core.$ZodType, issue: z.core.$ZodIssue): issue is TooBig {
  if (issue.code !== "too_big" || "exact" in issue && issue.exact === true) return false;
  if (issue.origin === "string") return Number(issue.maximum) >= MIN_BOUND_CHARACTERS;
  const list = issue.origin === "array" ? schemaAt(schema, issue.path) : undefined;
  return list !== undefined && cuttable.has(list);
}

/** The schema at a path inside another; undefined if it is ambiguous. */
function schemaAt(schema: z.core.$ZodType, path: PropertyKey[]): z.core.$ZodType | undefined {
  let at: z.core.$ZodType | undefined = bare(schema);
  for (const step of path) {
    if (at instanceof z.ZodObject) at = at.shape[step as string];
    else if (at instanceof z.ZodArray) at = at.element;
    else return undefined;
    at = at && bare(at);
  }
  return at;
}

function bare(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault;
  return isWrapped ? bare(schema.def.innerType) : schema;
}

function cut(value: unknown, issues: TooBig[]): unknown {
  const copy = { value: structuredClone(value) };
  for (const { path, maximum } of issues.toSorted((a, b) => b.path.length - a.path.length)) {
    // deno-lint-ignore no-explicit-any
    let parent: any = copy;
    let key: PropertyKey = "value";
    for (const step of path) [parent, key] = [parent[key], step];
    const found = parent[key];
    parent[key] = typeof found === "string"
      ? shorten(found, Number(maximum))
      : found.slice(0, Number(maximum));
  }
  return copy.value;
}

/** Cuts a text to at most so many characters, after a sentence, or else after a word with an ellipsis. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most);
  const sentences = /^[^]*[.!?。！？](?=\s|$)/.exec(head)?.[0] ?? "";
  if (sentences.length > most / 2) return sentences;
  const room = text.slice(0, Math.max(most - 1, 0)).replace(/[\uD800-\uDBFF]$/, "");
  const words = room.replace(/\s+\S*$/, "");
  return (words.length > most / 2 ? words : room) + "…".slice(0, most);
}
