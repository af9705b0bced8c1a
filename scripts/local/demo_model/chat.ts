import { type Answer, garbageAnswer, jsonAnswer, OpenAiError, streamAnswer } from "./answer.ts";
import type { Reply, ServerDialect } from "./dialects/dialect.ts";
import { createRandom, fingerprintOf, type Random } from "./random.ts";
import { type Schema, SchemaError } from "./schema.ts";
import { schemaValue } from "./schema_value.ts";
import type { Switches } from "./switches.ts";
import { demoProse } from "./words.ts";

/** One unit of usage is this many characters, rounded up, in both directions. */
const CHARACTERS_PER_TOKEN = 4;
/** The usage of an image in a message, as OpenAI's older vision models charge for a square. */
const TOKENS_PER_IMAGE = 765;
const CHARACTERS_PER_EVENT = 24;
/** The `created` time of answers: a constant, so that answers stay the same. */
const CREATED_SECONDS = 1_767_225_600;

interface Prompt {
  text: string;
  imageCount: number;
}

/** Answers `POST /v1/chat/completions`, as OpenAI does or in another server's dialect. */
export function answerChat(
  body: Record<string, unknown>,
  switches: Switches,
  dialect?: ServerDialect,
): Answer {
  const prompt = readPrompt(body.messages);
  const question = JSON.stringify([body.messages, body.response_format]);
  if (switches.content === "garbage") return garbageAnswer();
  const schema = readSchema(body);
  const plain = limitTokens(makeReply(schema, switches, createRandom(question)), body);
  const counted = countUsage(prompt, plain, switches);
  const usage = counted && (dialect?.usage?.(counted, dialect.reasoningTokens ?? 0) ?? counted);
  const reply = spoken(plain, schema !== undefined, dialect);
  const head = {
    id: `chatcmpl-demo-${fingerprintOf(question)}`,
    created: CREATED_SECONDS,
    model: switches.model,
  };
  return body.stream === true
    ? streamAnswer(streamIn(dialect, streamEvents(head, reply, usage, body.stream_options), usage), dialect)
    : jsonAnswer({
      ...head,
      object: "chat.completion",
      choices: [wholeChoice(reply, dialect)],
      ...usage && { usage },
    });
}

/** The reply in a server's dialect. */
function spoken(reply: Reply, isJson: boolean, dialect: ServerDialect | undefined): Reply {
  const { content, finishReason } = reply;
  return {
    ...reply,
    content: content === null ? null : dialect?.content?.(content, isJson) ?? content,
    finishReason: dialect?.finishReason?.(finishReason) ?? finishReason,
  };
}

function streamIn(
  dialect: ServerDialect | undefined,
  events: Record<string, unknown>[],
  usage: object | undefined,
): unknown[] {
  return dialect?.stream?.(events, usage) ?? events;
}

/** Adds up the content of the messages; refuses a body that is not a chat. */
function readPrompt(messages: unknown): Prompt {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new OpenAiError(400, "Cannot answer as messages must be a list with at least one message");
  }
  const parts = messages.flatMap((message) =>
    Array.isArray(message?.content) ? message.content : [{ type: "text", text: message?.content ?? "" }]
  );
  return {
    text: parts.filter((part) => !isImage(part)).map(textOf).join(""),
    imageCount: parts.filter(isImage).length,
  };
}

function isImage(part: { type?: unknown; image_url?: { url?: unknown } }): boolean {
  if (part?.type !== "image_url") return false;
  const url = String(part.image_url?.url);
  if (/^(?:data:image\/[\w.+-]+;base64,|https?:\/\/)/.test(url)) return true;
  throw new OpenAiError(400, "Cannot read an image as its url must be https or data:image/…;base64");
}

function textOf(part: { type?: unknown; text?: unknown }): string {
  if (part?.type === "text" && typeof part.text === "string") return part.text;
  throw new OpenAiError(400, `Cannot read a message part of type ${JSON.stringify(part?.type ?? null)}`);
}

function makeReply(schema: Schema | undefined, switches: Switches, random: Random): Reply {
  const reply: Reply = { content: "", refusal: null, finishReason: "stop" };
  switch (switches.content) {
    case "nonsense":
      return { ...reply, content: "{ demo nonsense that is not JSON" };
    case "refuse":
      return { content: null, refusal: "The demo model was told to refuse.", finishReason: "content_filter" };
    case "empty":
      return reply;
    case "wrong-shape":
      return { ...reply, content: wrongShape(schema) };
    case "truncated": {
      const content = makeContent(schema, random);
      return { ...reply, content: content.slice(0, Math.ceil(content.length / 2)), finishReason: "length" };
    }
    default:
      return { ...reply, content: makeContent(schema, random) };
  }
}

/** The text of a normal answer: JSON for the schema, any JSON object, or prose. */
function makeContent(schema: Schema | undefined, random: Random): string {
  if (schema === undefined) return demoProse(random);
  try {
    return JSON.stringify(schemaValue(schema, random));
  } catch (error) {
    if (error instanceof SchemaError) throw new OpenAiError(400, error.message, "invalid_json_schema");
    throw error;
  }
}

/** The schema to answer to, wherever it is; undefined if prose was requested. */
function readSchema({ response_format, messages }: Record<string, unknown>): Schema | undefined {
  const format = response_format as { type?: string; json_schema?: { schema?: Schema } } | null | undefined;
  if (format?.type !== "json_schema") {
    const told = schemaIn(messages);
    if (told !== undefined || format?.type !== "json_object") return told;
    return { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] };
  }
  const schema = format.json_schema?.schema;
  if (typeof schema === "object" && schema !== null) return withBounds(schema);
  throw new OpenAiError(400, "Cannot answer as response_format.json_schema.schema is missing");
}

/** A schema in the instructions: a line of JSON after the words "JSON schema". */
function schemaIn(messages: unknown): Schema | undefined {
  const text = JSON.stringify(messages);
  if (!/JSON schema/.test(text)) return undefined;
  const lines = (messages as { content: unknown }[]).flatMap(({ content }) =>
    (Array.isArray(content) ? content.map(({ text }) => text ?? "").join("\n") : String(content)).split("\n")
  );
  const line = lines.find((one) => one.startsWith("{") && one.includes('"type":"object"'));
  return line === undefined ? undefined : JSON.parse(line);
}

/** Models read descriptions, so bounds in them are respected like those of the schema. */
function withBounds(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema), (_name, value) => {
    const told = /Bounds: (\{.*\})$/.exec(value?.description ?? "")?.[1];
    return told === undefined ? value : { ...value, ...JSON.parse(told) };
  });
}

/** JSON that does not fit: an object without its required fields, or a list instead of an object. */
function wrongShape(schema: Schema | undefined): string {
  return (schema?.required?.length ?? 0) > 0 ? "{}" : '["demo wrong shape"]';
}

/** Cuts the reply at the caller's limit, as a provider does, so that no answer costs more than was held. */
function limitTokens(reply: Reply, body: Record<string, unknown>): Reply {
  const limit = body.max_completion_tokens ?? body.max_tokens;
  if (typeof limit !== "number" || reply.content === null || tokensIn(reply.content) <= limit) return reply;
  return { ...reply, content: reply.content.slice(0, limit * CHARACTERS_PER_TOKEN), finishReason: "length" };
}

function countUsage(prompt: Prompt, reply: Reply, { usage }: Switches) {
  if (usage === "none") return undefined;
  const input = usage === "default"
    ? tokensIn(prompt.text) + prompt.imageCount * TOKENS_PER_IMAGE
    : usage.input;
  const output = usage === "default"
    ? tokensIn(reply.content ?? "") + tokensIn(reply.refusal ?? "")
    : usage.output;
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

function tokensIn(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}

function wholeChoice({ content, refusal, finishReason }: Reply, dialect: ServerDialect | undefined) {
  const message = { role: "assistant", content, refusal };
  return {
    index: 0,
    message: dialect?.message?.(message) ?? message,
    logprobs: null,
    finish_reason: finishReason,
  };
}

/** The events of a stream: the role, the text in pieces, the finish reason and, if requested, the usage. */
function streamEvents(
  head: object,
  reply: Reply,
  usage: object | undefined,
  streamOptions: unknown,
): Record<string, unknown>[] {
  const event = (delta: object, finishReason: string | null = null) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
  const pieces = reply.content?.match(new RegExp(`[\\s\\S]{1,${CHARACTERS_PER_EVENT}}`, "g")) ?? [];
  const events: Record<string, unknown>[] = [
    event({ role: "assistant", content: "" }),
    ...pieces.map((content) => event({ content })),
    ...reply.refusal === null ? [] : [event({ refusal: reply.refusal })],
    event({}, reply.finishReason),
  ];
  const wantsUsage = (streamOptions as { include_usage?: boolean } | undefined)?.include_usage === true;
  if (wantsUsage && usage !== undefined) {
    events.push({ ...head, object: "chat.completion.chunk", choices: [], usage });
  }
  return events;
}
