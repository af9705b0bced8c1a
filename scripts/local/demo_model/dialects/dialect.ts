import { OpenAiError } from "../answer.ts";

export type Route = "chat" | "images" | "transcriptions" | "speech";

/** A chat's answer before it is written in the dialect. */
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

/** A request's body. */
export type Body = Record<string, unknown>;

/** How a server, or a kind of server, deviates from OpenAI's protocol. */
export interface ServerDialect {
  name: string;
  /** For the table in docs/providers.md. */
  title: string;
  /** The prefix of the routes, after `/dialects/<name>`. */
  path: string;
  /** The query that the URL needs. */
  query?: string;
  /** Where each deviation is documented or was seen. */
  sources: string[];
  key: "bearer" | "api-key" | "none";
  routes: readonly Route[];
  /** Its refusals, in the order of its checks. */
  refuse?(route: Route, body: Body): OpenAiError | undefined;
  /** Formats an error; default: OpenAI's format. */
  error?(error: OpenAiError): unknown;
  /** The part of a request that it uses: ignored fields are removed. */
  heed?(body: Body): Body;
  /** Formats the complete content of an answer; `isJson` if it is an object. */
  content?(content: string, isJson: boolean): string;
  /** Tokens of reasoning in each answer. */
  reasoningTokens?: number;
  usage?(usage: ChatUsage, reasoningTokens: number): object;
  message?(message: Record<string, unknown>): object;
  finishReason?(reason: string): string;
  /** The events of a stream, each as the object of a line; a string is sent unchanged. */
  stream?(events: Record<string, unknown>[], usage: object | undefined): (Record<string, unknown> | string)[];
  isWithoutDone?: boolean;
  /** Formats a transcription. */
  transcript?(transcript: Record<string, unknown>): object;
}

/** The form of object that a body requests. */
export function formOf(body: Body): string | undefined {
  return (body.response_format as { type?: string } | undefined)?.type;
}

/** The first of these words that the schema uses as a keyword. */
export function keywordIn(body: Body, keywords: string[]): string | undefined {
  const format = JSON.stringify(body.response_format ?? null);
  return keywords.find((word) => new RegExp(`"${word}":(?!\\{"(?:type|description|enum)")`).test(format));
}

/** Servers with a JSON mode require the word in the messages. */
export function wantsWordJson(body: Body): OpenAiError | undefined {
  if (formOf(body) !== "json_object" || /json/i.test(JSON.stringify(body.messages))) return undefined;
  return new OpenAiError(
    400,
    "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
  );
}

/** Refuses a field by its name. */
export function without(body: Body, field: string, message: string, status = 400): OpenAiError | undefined {
  return body[field] === undefined
    ? undefined
    : new OpenAiError(status, message, "unsupported_parameter", {}, field);
}
