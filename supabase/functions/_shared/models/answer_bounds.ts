import { z } from "zod";

/** A text with a lower bound is a name, of which a part may be another thing's. */
const MIN_BOUND_CHARACTERS = 100;

/** Lists of which what is too much may be left out: each entry stands for itself. */
const cuttable = z.registry<Record<never, never>>();

/** A list in an answer, of which a model that writes more than asked for is cut short: advice, ideas, remarks. */
export function shortList<Element extends z.ZodType>(
  element: Element,
  { min, max }: { min?: number; max: number },
): z.ZodArray<Element> {
  const list = z.array(element).max(max);
  return (min === undefined ? list : list.min(min)).register(cuttable, {});
}

/**
 * Reads an answer through its schema. Many providers ignore `maxLength` and `maxItems`: a text that is too long is cut
 * after a sentence or a word, and a short list after its last entry that is allowed. Names stay wrong, and any other list
 * too: it is what sums are made of.
 */
export async function readThrough<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): Promise<z.ZodSafeParseResult<z.output<Schema>>> {
  let parsed = await schema.safeParseAsync(value);
  // Zod looks at what is in a list once the list itself fits.
  for (let cuts = 0; cuts < MAX_CUTS && !parsed.success; cuts++) {
    const { issues } = parsed.error;
    if (!issues.every((issue) => isTooMuch(schema, issue))) break;
    value = cut(value, issues as TooBig[]);
    parsed = await schema.safeParseAsync(value);
  }
  return parsed;
}

/** As deep as short lists lie in each other. */
const MAX_CUTS = 4;

type TooBig = z.core.$ZodIssueTooBig;

function isTooMuch(schema: z.core.$ZodType, issue: z.core.$ZodIssue): issue is TooBig {
  if (issue.code !== "too_big" || "exact" in issue && issue.exact === true) return false;
  if (issue.origin === "string") return Number(issue.maximum) >= MIN_BOUND_CHARACTERS;
  const list = issue.origin === "array" ? schemaAt(schema, issue.path) : undefined;
  return list !== undefined && cuttable.has(list);
}

/** The schema of a value inside another; undefined where more than one could be it. */
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

/** A text of at most so many characters, ended after a sentence, or else after a word and with an ellipsis. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most);
  const sentences = /^[^]*[.!?。！？](?=\s|$)/.exec(head)?.[0] ?? "";
  if (sentences.length > most / 2) return sentences;
  const room = text.slice(0, Math.max(most - 1, 0)).replace(/[\uD800-\uDBFF]$/, "");
  const words = room.replace(/\s+\S*$/, "");
  return (words.length > most / 2 ? words : room) + "…".slice(0, most);
}
