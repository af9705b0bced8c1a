import { isAzure } from "./provider_address.ts";

/**
 * The request forms that an OpenAI-compatible server accepts for one of its models. It starts from what is known
 * about the address, and learns from refusals: docs/providers.md.
 */
export interface Dialect {
  /** How an object is requested. With the two forms below `json_schema` the schema is in the prompt. */
  structuredOutput: StructuredOutput;
  /** The schema is in the prompt too, because the server was seen to return answers that do not fit it. */
  isSchemaInPrompt: boolean;
  limitField: "max_tokens" | "max_completion_tokens";
  /** Fields that are left out; `system` puts the instructions before the user's words. */
  omitted: ReadonlySet<string>;
  /** JSON schema keywords that move into descriptions. */
  omittedKeywords: ReadonlySet<string>;
  transcriptFormat: "verbose_json" | "json" | undefined;
  speechFormat: "mp3" | "wav" | undefined;
}

export const STRUCTURED_OUTPUTS = ["json_schema", "json_object", "prompt"] as const;
export type StructuredOutput = typeof STRUCTURED_OUTPUTS[number];

/** Bounds of values: all are dropped when a server refuses one, since the answer is checked here anyway. */
const BOUNDS = [
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "propertyNames",
];
/** Keywords that a model need not know. */
const ORNAMENTS = ["$schema", "additionalProperties", "default", "examples", "title"];

/** Servers whose documentation says what they accept, so that the first request is not refused. */
const KNOWN: [host: RegExp, Partial<Dialect>][] = [
  [/(?:^|\.)openai\.com$/, { limitField: "max_completion_tokens" }],
  [/(?:^|\.)deepseek\.com$/, { structuredOutput: "json_object" }],
  [/(?:^|\.)anthropic\.com$/, { structuredOutput: "prompt" }], // It ignores response_format.
];

/** What is known about a model before its first request. */
export function firstDialect(
  { baseUrl, model, structuredOutput }: {
    baseUrl: string;
    model: string;
    structuredOutput?: StructuredOutput | "auto";
  },
): Dialect {
  const { hostname } = new URL(baseUrl);
  return {
    structuredOutput: "json_schema",
    isSchemaInPrompt: false,
    limitField: isAzure(baseUrl) ? "max_completion_tokens" : "max_tokens",
    omitted: new Set(),
    omittedKeywords: new Set(),
    transcriptFormat: tellsLength(model) ? "verbose_json" : "json",
    speechFormat: "mp3",
    ...KNOWN.find(([host]) => host.test(hostname))?.[1],
    ...structuredOutput !== undefined && structuredOutput !== "auto" && { structuredOutput },
  };
}

/** OpenAI's newer models refuse `verbose_json`; gateways may add a prefix to their names. */
function tellsLength(model: string): boolean {
  return !/(?:^|\/)gpt-[\w.-]*transcribe/.test(model);
}

/** A refused request: what was sent, and the server's words without their quotes of the request. */
export interface Refused {
  status: number;
  words: string;
  body: Record<string, unknown>;
  /** The operator set the structured form, so it stays. */
  isFormFixed: boolean;
}

/** What a refusal teaches about the server. */
export interface Lesson {
  /** Identifies the lesson, which is not applied twice in one call. */
  name: string;
  change: Partial<Dialect>;
}

const REFUSALS = [400, 404, 415, 422, 500, 501];
/** The server knows the field and refuses its value; another field would not help. */
const IS_ABOUT_VALUE =
  /too (?:large|long|many|big|small)|context (?:length|window)|exceed|at most|at least|maximum allowed/i;
const FORM = /response[_. ]?format|json_schema|json_object|structured[ _]outputs?|json[ _]mode|guided/i;
const GRAMMAR =
  /grammar|invalid schema|json[ _]schema[^.]{0,60}(?:features|conversion|not valid|invalid)|response_schema/i;
const NO_SYSTEM =
  /(?:system|developer) (?:role|message|prompt|instruction)s?\b[^.]{0,40}not (?:be )?(?:support|enabl)|role ['"`]?system['"`]?[^.]{0,40}not support/i;

/**
 * What to change after a refusal so that the next try may be accepted; undefined when the refusal is not about the
 * request's form.
 */
export function lessonOf(dialect: Dialect, refused: Refused, taken: ReadonlySet<string>): Lesson | undefined {
  if (!REFUSALS.includes(refused.status)) return undefined;
  return lessonsOf(dialect, refused).find(({ name }) => !taken.has(name));
}

function lessonsOf(dialect: Dialect, { words, body, isFormFixed }: Refused): Lesson[] {
  const lessons: Lesson[] = [];
  const names = (word: string) => new RegExp(`(?<!\\w)${word.replace("$", "\\$")}(?!\\w)`).test(words);
  const omit = (field: string, name = field) =>
    lessons.push({ name: `without ${name}`, change: { omitted: new Set([...dialect.omitted, field]) } });

  if (body[dialect.limitField] !== undefined && names(dialect.limitField) && !IS_ABOUT_VALUE.test(words)) {
    const limitField = dialect.limitField === "max_tokens" ? "max_completion_tokens" : "max_tokens";
    lessons.push({ name: limitField, change: { limitField } });
  }
  for (const field of ["stream_options", "reasoning_effort", "quality", "language"]) {
    if (body[field] !== undefined && names(field)) omit(field);
  }
  if (body.speed === 1 && names("speed")) omit("speed");
  if (body.response_format !== undefined) lessons.push(...formLessons(dialect, { words, body, isFormFixed }));
  if (body.messages !== undefined && NO_SYSTEM.test(words)) omit("system");
  return lessons;
}

function formLessons(
  dialect: Dialect,
  { words, body, isFormFixed }: Omit<Refused, "status">,
): Lesson[] {
  const format = body.response_format;
  if (format === "verbose_json") {
    return FORM.test(words) || /verbose/i.test(words)
      ? [{ name: "transcript as json", change: { transcriptFormat: "json" } }]
      : [];
  }
  if (format === "json") {
    return FORM.test(words) ? [{ name: "transcript as it is", change: { transcriptFormat: undefined } }] : [];
  }
  if (format === "mp3") {
    return FORM.test(words) ? [{ name: "speech as wav", change: { speechFormat: "wav" } }] : [];
  }
  if (format === "wav") {
    return FORM.test(words) ? [{ name: "speech as it is", change: { speechFormat: undefined } }] : [];
  }
  const lessons: Lesson[] = [];
  if (dialect.structuredOutput === "json_schema") lessons.push(...schemaLessons(dialect, words, format));
  if (isFormFixed || !(FORM.test(words) || GRAMMAR.test(words))) return lessons;
  if (dialect.structuredOutput === "json_schema") {
    lessons.push({ name: "json_object", change: { structuredOutput: "json_object" } });
  }
  lessons.push({ name: "schema in the prompt", change: { structuredOutput: "prompt" } });
  return lessons;
}

function schemaLessons({ omittedKeywords }: Dialect, words: string, format: unknown): Lesson[] {
  const sent = JSON.stringify(format);
  const isRefused = (word: string) => {
    if (!sent.includes(`"${word}":`)) return false;
    const name = word.replace("$", "\\$");
    // Some of these are also ordinary English words, and count only as a name.
    const pattern = /[A-Z$]/.test(word)
      ? `(?<!\\w)${name}(?!\\w)`
      : `['"\`]${name}['"\`]|(?<!\\w)${name} (?:is|are) not|keyword:? ${name}(?!\\w)`;
    return new RegExp(pattern).test(words);
  };
  const without = (name: string, keywords: string[]): Lesson => ({
    name: `schema without ${name}`,
    change: { omittedKeywords: new Set([...omittedKeywords, ...keywords]) },
  });
  const lessons = ORNAMENTS.filter(isRefused).map((word) => without(word, [word]));
  const hasBounds = BOUNDS.some((word) => sent.includes(`"${word}":`));
  if (BOUNDS.some(isRefused) || (hasBounds && GRAMMAR.test(words))) lessons.push(without("bounds", BOUNDS));
  return lessons;
}

/**
 * What the process knows about each model of each server; a change is remembered once a request was accepted with it.
 */
const known = new Map<string, Dialect>();

/** Fields whose refusal is about the value; the next request has them again. */
const OF_ONE_REQUEST = ["language"];

export function dialectOf(
  address: { baseUrl: string; model: string; structuredOutput?: StructuredOutput | "auto" },
): Dialect {
  const key = keyOf(address);
  let dialect = known.get(key);
  if (dialect === undefined) known.set(key, dialect = firstDialect(address));
  return dialect;
}

export function remember(
  address: { baseUrl: string; model: string; structuredOutput?: StructuredOutput | "auto" },
  dialect: Dialect,
): void {
  const omitted = new Set([...dialect.omitted].filter((field) => !OF_ONE_REQUEST.includes(field)));
  known.set(keyOf(address), { ...dialect, omitted });
}

function keyOf({ baseUrl, model, structuredOutput = "auto" }: Parameters<typeof dialectOf>[0]): string {
  return `${structuredOutput} ${baseUrl} ${model}`;
}
