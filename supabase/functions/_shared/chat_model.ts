import type { OpenAICompatibleChatLanguageModel } from "@ai-sdk/openai-compatible";
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4FinishReason,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { asSchema, parseJSON } from "@ai-sdk/provider-utils";
import type { z } from "zod";

import { endingWith, unlessAborted } from "./aborting.ts";
import type { Connection } from "./provider_connection.ts";
import { BrokenOff, refusalOf } from "./provider_errors.ts";

/** Bytes, or where they are: `data:image/…;base64,…`, or `https://…`, which the provider fetches and we never do. */
export type ImageInput = string | { bytes: Uint8Array; mediaType: string };

export interface Prompt {
  system: string;
  user: string;
  images?: ImageInput[];
}

/** What is needed of an answer, whether it came in one piece or streamed. */
export interface ChatAnswer {
  text: string;
  finishReason: LanguageModelV4FinishReason["unified"];
  usage: { inputTokens?: number; outputTokens?: number };
  /** The model that answered. */
  model: string;
}

export interface ChatRequest extends Prompt {
  /** Of an object: sent as a strict `json_schema`. The answer is checked by whoever asked. */
  schema?: z.ZodType;
  maxOutputTokens?: number;
  abortSignal: AbortSignal;
  headers?: Record<string, string>;
}

/**
 * Asks a language model. The SDK's provider knows what to send and how to read the answer; the request itself is sent here:
 * the SDK's own way from its surface to `fetch` takes more processor time than all else that a metered request needs.
 */
export async function ask(
  model: OpenAICompatibleChatLanguageModel,
  connection: Connection,
  request: ChatRequest,
): Promise<ChatAnswer> {
  const { body } = await model.prepareRequest(await optionsOf(request));
  const url = `${connection.baseUrl}/chat/completions`;
  const response = await connection.fetchHead(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...connection.headers, ...request.headers },
    body: JSON.stringify(body),
    signal: request.abortSignal,
  });
  if (!response.ok) throw await refusalOf(endingWith(response, request.abortSignal), url, body);
  const text = await unlessAborted(response.text(), request.abortSignal).catch(breakOff);
  const { content, finishReason, usage, response: about } = await model.convertResponse({
    body: await parseJSON({ text }),
  });
  return {
    text: content.map((part) => part.type === "text" ? part.text : "").join(""),
    finishReason: finishReason.unified,
    usage: totals(usage),
    model: about?.modelId ?? model.modelId,
  };
}

/** The same as a stream, each piece told as it comes; one that ends without saying why it ended was cut. */
export async function askForStream(
  model: OpenAICompatibleChatLanguageModel,
  { onText, ...request }: ChatRequest & { onText: (delta: string) => void },
): Promise<ChatAnswer> {
  const { stream } = await model.doStream(await optionsOf(request));
  const parts = stream.getReader();
  let text = "";
  let answeredBy = model.modelId;
  try {
    for (;;) {
      const { value: part } = await parts.read().catch(breakOff);
      if (part === undefined) return breakOff("The stream ended before the answer");
      if (part.type === "error") breakOff(part.error);
      if (part.type === "response-metadata") answeredBy = part.modelId ?? answeredBy;
      if (part.type === "text-delta") {
        text += part.delta;
        onText(part.delta);
      }
      if (part.type === "finish" && part.finishReason.raw !== undefined) {
        return {
          text,
          finishReason: part.finishReason.unified,
          usage: totals(part.usage),
          model: answeredBy,
        };
      }
    }
  } finally {
    parts.cancel().catch(() => {});
  }
}

function breakOff(cause: unknown): never {
  throw new BrokenOff("The answer broke off", { cause });
}

async function optionsOf(
  { system, user, images = [], schema, maxOutputTokens, abortSignal, headers }: ChatRequest,
): Promise<LanguageModelV4CallOptions> {
  return {
    prompt: [
      { role: "system", content: system },
      { role: "user", content: [{ type: "text", text: user }, ...images.map(toFilePart)] },
    ],
    responseFormat: schema && { type: "json", schema: await jsonSchemaOf(schema) },
    maxOutputTokens,
    abortSignal,
    headers,
  };
}

type JsonSchema = Awaited<ReturnType<typeof asSchema>["jsonSchema"]>;

/** Schemas are a feature's constants: each is converted once. */
const jsonSchemas = new WeakMap<z.ZodType, JsonSchema>();

async function jsonSchemaOf(schema: z.ZodType): Promise<JsonSchema> {
  const known = jsonSchemas.get(schema) ?? await asSchema(schema).jsonSchema;
  jsonSchemas.set(schema, known);
  return known;
}

/** Any other address is refused: a picture is bytes or what the provider itself fetches, never what we do. */
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

function totals({ inputTokens, outputTokens }: LanguageModelV4Usage): ChatAnswer["usage"] {
  return { inputTokens: inputTokens.total, outputTokens: outputTokens.total };
}
