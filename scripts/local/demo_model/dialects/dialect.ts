import { OpenAiError } from "../answer.ts";

export type Route = "chat" | "images" | "transcriptions" | "speech";

/** What a chat answers, before it is written in the dialect. */
export interface Reply {
  content: string | null;
  refusal: string | null;
  finishReason: string;
}

export interface ChatUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** A request's body, as it was sent. */
export type Body = Record<string, unknown>;

/** How one server, or a kind of server, speaks OpenAI's protocol: where it departs from OpenAI. */
export interface ServerDialect {
  name: string;
  /** For the table in docs/providers.md. */
  title: string;
  /** Where the routes begin, after `/dialects/<name>`. */
  path: string;
  /** What the address needs behind it. */
  query?: string;
  /** Where each departure is documented or was seen. */
  sources: string[];
  key: "bearer" | "api-key" | "none";
  routes: readonly Route[];
  /** What it refuses, in the order in which it looks. */
  refuse?(route: Route, body: Body): OpenAiError | undefined;
  /** How an error is written; OpenAI's form without it. */
  error?(error: OpenAiError): unknown;
  /** What it goes by of a request: what it ignores is taken out. */
  heed?(body: Body): Body;
  /** The answer's content, whole; `isJson` where it is an object. */
  content?(content: string, isJson: boolean): string;
  /** Tokens of reasoning in each answer. */
  reasoningTokens?: number;
  usage?(usage: ChatUsage, reasoningTokens: number): object;
  message?(message: Record<string, unknown>): object;
  finishReason?(reason: string): string;
  /** The events of a stream, as lines are made of them; a string is sent as it is. */
  stream?(events: Record<string, unknown>[], usage: object | undefined): (Record<string, unknown> | string)[];
  isWithoutDone?: boolean;
  /** What a transcription answers, by what the demo model would. */
  transcript?(transcript: Record<string, unknown>): object;
}

/** Whether a body asks for an object in this form. */
export function formOf(body: Body): string | undefined {
  return (body.response_format as { type?: string } | undefined)?.type;
}

/** The first of these words that stands in the schema as a word of JSON schema. */
export function keywordIn(body: Body, keywords: string[]): string | undefined {
  const format = JSON.stringify(body.response_format ?? null);
  return keywords.find((word) => new RegExp(`"${word}":(?!\\{"(?:type|description|enum)")`).test(format));
}

/** Servers with a JSON mode want the word among the messages. */
export function wantsWordJson(body: Body): OpenAiError | undefined {
  if (formOf(body) !== "json_object" || /json/i.test(JSON.stringify(body.messages))) return undefined;
  return new OpenAiError(
    400,
    "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
  );
}

/** Refuses one field by its name. */
export function without(body: Body, field: string, message: string, status = 400): OpenAiError | undefined {
  return body[field] === undefined
    ? undefined
    : new OpenAiError(status, message, "unsupported_parameter", {}, field);
}
