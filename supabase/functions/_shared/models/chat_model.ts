import type { OpenAICompatibleChatLanguageModel } from "@ai-sdk/openai-compatible";
import type { LanguageModelV4CallOptions, LanguageModelV4FilePart } from "@ai-sdk/provider";
import { parseJSON } from "@ai-sdk/provider-utils";
import type { z } from "zod";

import { endingWith, unlessAborted } from "../platform/aborting.ts";
import { jsonSchemaOf, schemaInWords } from "./answer_schema.ts";
import { readChatStream } from "./chat_stream.ts";
import type { Dialect } from "./dialect.ts";
import { type Ending, endingOf } from "./finish_reasons.ts";
import { type ChatUsage, readChatUsage } from "./usage.ts";
import type { Connection } from "./connection.ts";
import { BrokenOff, errorInAnswer, refusedWith } from "./provider_errors.ts";

/**
 * Bytes, or a URL: `data:image/…;base64,…`, or `https://…`, which the provider fetches and we never do, with all of
 * the camera's metadata. A feature's pictures are data URLs without metadata (`pictures.ts`).
 */
export type ImageInput = string | { bytes: Uint8Array; mediaType: string };

export interface Prompt {
  system: string;
  user: string;
  images?: ImageInput[];
}

/** The needed parts of an answer, whole or streamed. */
export interface ChatAnswer {
  text: string;
  ending: Ending;
  usage: ChatUsage;
  /** The model's name as the provider reports it. */
  model: string;
}

export interface ChatRequest extends Prompt {
  /** For an object: sent in the form that the server accepts. The caller checks the answer. */
  schema?: z.ZodType;
  maxOutputTokens?: number;
  reasoningEffort?: string;
  dialect: Dialect;
  /** Called with the request before it is sent. */
  onSend(body: Record<string, unknown>): void;
  abortSignal: AbortSignal;
  headers?: Record<string, string>;
}

/**
 * Calls a language model. The SDK's provider builds the request and reads the answer, but the request is sent here:
 * the SDK's own path to `fetch` takes more CPU time than the rest of a metered request.
 */
export async function ask(
  model: OpenAICompatibleChatLanguageModel,
  connection: Connection,
  request: ChatRequest,
): Promise<ChatAnswer> {
  const response = await send(model, connection, request, {});
  return await readWhole(model, connection, response, request.abortSignal);
}

/**
 * The same as a stream, with each piece passed on as it arrives. A stream that ends without a finish reason was cut.
 */
export async function askForStream(
  model: OpenAICompatibleChatLanguageModel,
  connection: Connection,
  { onText, ...request }: ChatRequest & { onText: (delta: string) => void },
): Promise<ChatAnswer> {
  const options = request.dialect.omitted.has("stream_options")
    ? {}
    : { stream_options: { include_usage: true } };
  const response = await send(model, connection, request, { stream: true, ...options });
  // Some servers do not stream what they must check first, and send a whole answer instead.
  if (/^application\/json/i.test(response.headers.get("content-type") ?? "")) {
    const answer = await readWhole(model, connection, response, request.abortSignal);
    onText(answer.text);
    return answer;
  }
  const { finishReason, isRefusal, usage, ...read } = await readChatStream(
    endingWith(response, request.abortSignal),
    onText,
  );
  return {
    text: read.text,
    ending: isRefusal ? "refused" : endingOf(finishReason),
    usage: readChatUsage(usage),
    model: read.model ?? model.modelId,
  };
}

async function send(
  model: OpenAICompatibleChatLanguageModel,
  connection: Connection,
  request: ChatRequest,
  streaming: Record<string, unknown>,
): Promise<Response> {
  const { dialect, reasoningEffort, abortSignal } = request;
  const { body: prepared } = await model.prepareRequest(await optionsOf(request));
  const { max_tokens, ...rest } = prepared;
  const body: Record<string, unknown> = { ...rest, [dialect.limitField]: max_tokens, ...streaming };
  if (reasoningEffort !== undefined && !dialect.omitted.has("reasoning_effort")) {
    body.reasoning_effort = reasoningEffort;
  }
  request.onSend(body);
  const url = connection.addressOf("/chat/completions");
  const response = await connection.fetchHead(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...connection.headers, ...request.headers },
    body: JSON.stringify(body),
    signal: abortSignal,
  });
  if (!response.ok) throw await refusedWith(endingWith(response, abortSignal), url, body);
  return response;
}

async function readWhole(
  model: OpenAICompatibleChatLanguageModel,
  connection: Connection,
  response: Response,
  abortSignal: AbortSignal,
): Promise<ChatAnswer> {
  const text = await unlessAborted(response.text(), abortSignal).catch((cause) => {
    throw new BrokenOff("The answer broke off", { cause });
  });
  const answer = await parseJSON({ text }) as { error?: unknown; choices?: unknown; usage?: unknown } | null;
  if (answer?.error && !answer.choices) {
    throw errorInAnswer(answer.error, connection.addressOf("/chat/completions"));
  }
  const { content, finishReason, response: about } = await model.convertResponse({ body: answer });
  return {
    text: content.map((part) => part.type === "text" ? part.text : "").join(""),
    ending: finishReason.unified === "content-filter" ? "refused" : endingOf(finishReason.raw),
    usage: readChatUsage(answer?.usage),
    model: about?.modelId ?? model.modelId,
  };
}

async function optionsOf(
  { system, user, images = [], schema, maxOutputTokens, dialect }: ChatRequest,
): Promise<LanguageModelV4CallOptions> {
  let instructions = system;
  let responseFormat: LanguageModelV4CallOptions["responseFormat"];
  if (schema !== undefined) {
    const { structuredOutput, isSchemaInPrompt, omittedKeywords } = dialect;
    if (structuredOutput === "json_schema") {
      responseFormat = { type: "json", schema: await jsonSchemaOf(schema, omittedKeywords) };
    } else if (structuredOutput === "json_object") responseFormat = { type: "json" };
    if (structuredOutput !== "json_schema" || isSchemaInPrompt) {
      instructions += `\n\n${schemaInWords(await jsonSchemaOf(schema, NOTHING))}`;
    }
  }
  const words = dialect.omitted.has("system") ? `${instructions}\n\n${user}` : user;
  const question = {
    role: "user" as const,
    content: [{ type: "text" as const, text: words }, ...images.map(toFilePart)],
  };
  return {
    prompt: dialect.omitted.has("system")
      ? [question]
      : [{ role: "system" as const, content: instructions }, question],
    responseFormat,
    maxOutputTokens,
  };
}

const NOTHING: ReadonlySet<string> = new Set();

/** Throws for any other URL: the provider fetches pictures, we never do. */
function toFilePart(image: ImageInput): LanguageModelV4FilePart {
  if (typeof image !== "string") {
    return { type: "file", data: { type: "data", data: image.bytes }, mediaType: image.mediaType };
  }
  if (image.startsWith("https://")) {
    return { type: "file", data: { type: "url", url: new URL(image) }, mediaType: "image/*" };
  }
  const mediaType = /^data:(image\/[\w.+-]+);base64,/.exec(image)?.[1];
  if (mediaType === undefined) {
    throw new TypeError("Cannot use an image that is neither https:// nor data:image/");
  }
  return { type: "file", data: { type: "data", data: image.slice(image.indexOf(",") + 1) }, mediaType };
}
