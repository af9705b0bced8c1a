import type { ModelMessage } from "ai";
import { AsyncLocalStorage } from "node:async_hooks";
import type { z } from "zod";

import { audioType, type Recording } from "./audio.ts";
import { AppError } from "./errors.ts";
import { pictureType } from "./media.ts";
import {
  failure,
  type FailureReason,
  MOST_DETAIL_CHARACTERS,
  type Progress,
  reasonOf,
  vendorFacts,
} from "./model_failures.ts";
import { charactersIn, TOKENS_PER_PHOTO } from "./price.ts";
import { countProviderCall } from "./request_metrics.ts";
import { isTraced, traced, withTraceContext } from "./tracing.ts";

/** Which provider to call and how long to wait; `env.ts` fills it, nothing here reads the environment. */
export interface ModelsConfig {
  /** An OpenAI-compatible API, with its version: `https://api.openai.com/v1`. */
  baseUrl: string;
  apiKey: string;
  textModel: string;
  /** Used in the text model's place when a request has images. */
  visionModel: string;
  imageModel: string;
  transcribeModel: string;
  speechModel: string;
  /** For the whole run, all its calls, retries and waits together. */
  timeoutMs: number;
  /** How often one call is tried again; 1 unless told otherwise. */
  maxRetries?: number;
  /** The first wait before a retry without `Retry-After`, doubled each time. */
  retryDelayMs?: number;
  /** A `Retry-After` above this is not waited for: the call fails at once. */
  maxRetryAfterMs?: number;
}

/** Bytes, or where they are: `data:image/…;base64,…`, or `https://…`, which the provider fetches and we never do. */
export type ImageInput = string | { bytes: Uint8Array; mediaType: string };

export interface Prompt {
  system: string;
  user: string;
  images?: ImageInput[];
}

/** What one call cost as the provider counted it; null where it did not say, or said what cannot be true. */
type Usage = { input_tokens: number; output_tokens: number } | null;

/** What a run has cost so far, over all its calls, those included whose answer was of no use. */
export interface RunUsage {
  input_tokens: number;
  output_tokens: number;
  images: number;
  seconds: number;
  characters: number;
  /** Requests that the provider may charge for; those it refused or that never reached it are not among them. */
  calls: number;
  /** False as soon as one call's tokens are unknown, so that the sums above are too low. Says nothing of images. */
  known: boolean;
  /** The model that answered last, null before the first answer. */
  model: string | null;
}

/** What a feature's `run` may do with AI: no key, no environment and no database behind it. */
export interface Models {
  /** A value that fits the schema; the schema's fields are required, since strict providers know no optional ones. */
  object<Schema extends z.ZodType>(prompt: Prompt & { schema: Schema }): Promise<z.output<Schema>>;
  /** `onText` is told the text so far while it grows; only of an answer that somebody watches. */
  text(prompt: Prompt & { onText?: (text: string) => void }): Promise<string>;
  /** As many images as the provider made, which may be fewer than asked for. */
  image(prompt: { prompt: string; size: `${number}x${number}`; count: number }): Promise<ImageFile[]>;
  /** What is said in a recording; an empty text where nothing is. */
  transcribe(prompt: { recording: Recording; language?: string }): Promise<Transcript>;
  speech(prompt: { text: string; voice: string; speed: number }): Promise<AudioFile>;
  usage(): RunUsage;
}

export interface ImageFile {
  bytes: Uint8Array;
  mediaType: string;
}

export type AudioFile = ImageFile;

export interface Transcript {
  text: string;
  /** A code like `en`; null where the model does not tell. */
  language: string | null;
  /** None from a model that does not divide its text. */
  segments: { start_s: number; end_s: number; text: string }[];
  /** As the provider heard it, or else as measured; null where neither is known. */
  duration_s: number | null;
}

/** Reads what a model has answered so far, as far as it is whole; undefined before its first part is. */
export type ReadDraft = () => Promise<unknown>;

const USUAL_RETRIES = 1;
const USUAL_RETRY_DELAY_MS = 250;
const USUAL_MAX_RETRY_AFTER_MS = 5_000;
/** So that one request makes all images: several at once could fail in part, and be paid for in part. */
const MOST_IMAGES = 10;
/** What the price of a picture was set for; by itself the provider may choose one that costs three times as much. */
const IMAGE_QUALITY = "medium";
/** The SDK weighs more than all else here: it is loaded with the first call, not with the function. */
const loadSdk = () => import("ai");
const loadProvider = () => import("@ai-sdk/openai-compatible");
const loadAudioApi = () => import("./audio_api.ts");

type Sdk = typeof import("ai");
type Clients = Awaited<ReturnType<typeof makeClients>>;

/** What is needed of a language model's answer, in one piece or streamed. */
type ChatResult = Pick<Awaited<ReturnType<Sdk["generateText"]>>, "text" | "finishReason"> & {
  usage: { inputTokens?: number; outputTokens?: number };
  response: { modelId: string };
};

/** What one try of a call is given. */
interface Try {
  sdk: Sdk;
  clients: Clients;
  abortSignal: AbortSignal;
}

/** Leads from a request that the SDK makes to the try that it belongs to. */
const progressOfTry = new AsyncLocalStorage<Progress>();

/** One set of clients for each configuration: making one takes longer than all that is done with it for a call. */
const clientsByConfig = new WeakMap<ModelsConfig, Promise<Clients>>();

/** Of calls that are paid by the second or the character. */
const NO_TOKENS = { input_tokens: 0, output_tokens: 0 };

const RETRYABLE: ReadonlySet<FailureReason> = new Set(["rate_limited", "unavailable", "unreachable"]);

/**
 * Opens the models for one run, whose time starts now. Every failure of the provider is an `AppError`
 * (`provider_error`, or `provider_timeout` once the time is up) with a `ModelFailure` as its cause; when the caller's
 * signal aborts, its reason is thrown.
 *
 * A call is tried again only while the provider has not begun to answer (no connection, 408, 429, 5xx), so no retry
 * pays twice and a hold for one call is enough. An answer that is of no use is an error; what it cost is in `usage()`.
 *
 * The caller's signal stops the answers of language models at once, and what they used by then is estimated. A picture, a
 * voice or a transcription that was begun goes on to its end: the provider bills it whole in any case.
 */
export function createModels(
  { signal, config, maxOutputTokens, requestId, onDraft }: {
    signal?: AbortSignal;
    config: ModelsConfig;
    /** Has the language models stream, and is told whenever there is more of an object to read. */
    onDraft?: (read: ReadDraft) => void;
    /** For each call. */
    maxOutputTokens?: number;
    requestId?: string;
  },
): Models & { idle(): Promise<void> } {
  const deadline = AbortSignal.timeout(config.timeoutMs);
  const deadlineAtMs = performance.now() + config.timeoutMs;
  const stoppable = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const underWay = new Set<Promise<unknown>>();
  const headers = requestId === undefined ? undefined : { "X-Client-Request-Id": requestId };
  const total: RunUsage = {
    input_tokens: 0,
    output_tokens: 0,
    images: 0,
    seconds: 0,
    characters: 0,
    calls: 0,
    known: true,
    model: null,
  };

  /** Runs one call, with its retries, and turns whatever goes wrong into the run's errors. */
  function call<Result>(
    model: string,
    prompt: string,
    run: (one: Try) => Promise<Result>,
    usedByNow?: () => Usage,
  ): Promise<Result> {
    const work = tryCall(model, prompt, run, usedByNow);
    const over: Promise<unknown> = work.catch(() => {}).finally(() => underWay.delete(over));
    underWay.add(over);
    return work;
  }

  /** A call that can tell what it used by now may be stopped on the way. */
  async function tryCall<Result>(
    model: string,
    prompt: string,
    run: (one: Try) => Promise<Result>,
    usedByNow?: () => Usage,
  ): Promise<Result> {
    const abortSignal = usedByNow === undefined ? deadline : stoppable;
    const [sdk, clients] = await Promise.all([loadSdk(), clientsFor(config)]);
    for (let tries = 1;; tries++) {
      throwIfOver(model, tries - 1);
      const progress = { isSent: false, isUnreachable: false, isCharged: false };
      const startedAtMs = performance.now();
      const over = (outcome: string) => countProviderCall(model, outcome, performance.now() - startedAtMs);
      try {
        const result = await traced(
          `provider ${model}`,
          "client",
          { "gen_ai.request.model": model },
          () => progressOfTry.run(progress, () => run({ sdk, clients, abortSignal })),
        );
        over("ok");
        return result;
      } catch (error) {
        const isStopped = signal?.aborted && usedByNow !== undefined && progress.isSent;
        over(
          isStopped ? "stopped" : deadline.aborted ? "timeout" : reasonOf(error, progress, sdk) ?? "error",
        );
        if (isStopped) count(usedByNow(), model);
        else if (progress.isCharged || (abortSignal.aborted && progress.isSent)) count(null, null);
        throwIfOver(model, tries);
        const reason = reasonOf(error, progress, sdk);
        if (reason === undefined) throw error; // a bug of ours, not the provider's doing
        const delayMs = retryDelayMs(error, tries, config, sdk);
        const canRetry = RETRYABLE.has(reason) && tries <= (config.maxRetries ?? USUAL_RETRIES) &&
          delayMs < deadlineAtMs - performance.now();
        if (!canRetry) {
          throw failure(reason, { model, tries, ...vendorFacts(error, sdk, config.apiKey, prompt) });
        }
        await sleep(delayMs, abortSignal);
      }
    }
  }

  /** Throws what ended the run, the caller's reason before the deadline, if anything did. */
  function throwIfOver(model: string, tries: number): void {
    signal?.throwIfAborted();
    if (deadline.aborted) throw failure("timeout", { model, tries });
  }

  /** Adds one charged call to the run's cost; unknown usage is never taken for none. */
  function count(
    usage: Usage,
    model: string | null,
    pieces: Partial<Pick<RunUsage, "images" | "seconds" | "characters">> = {},
  ): void {
    total.calls++;
    total.images += pieces.images ?? 0;
    total.seconds += pieces.seconds ?? 0;
    total.characters += pieces.characters ?? 0;
    total.model = model ?? total.model;
    if (usage === null) total.known = false;
    total.input_tokens += usage?.input_tokens ?? 0;
    total.output_tokens += usage?.output_tokens ?? 0;
  }

  /** Asks a language model and counts the answer before anything can be wrong with it. */
  async function ask(
    prompt: Prompt & { onText?: (text: string) => void },
    schema?: z.ZodType,
  ): Promise<{ text: string; model: string }> {
    const kind = prompt.images?.length ? "vision" : "text";
    const name = config[`${kind}Model`];
    const messages = toMessages(prompt);
    const words = prompt.system + prompt.user;
    let soFar = "";
    const result = await call<ChatResult>(
      name,
      words,
      ({ sdk, clients, abortSignal }) => {
        const request = {
          model: clients[kind],
          instructions: prompt.system,
          messages,
          output: schema && outputFor(schema, sdk),
          maxOutputTokens,
          maxRetries: 0,
          abortSignal,
          headers,
        };
        if (onDraft === undefined) return sdk.generateText(request);
        return readStream(sdk.streamText({ ...request, onError: () => {} }), name, sdk, (delta) => {
          soFar += delta;
          if (schema === undefined) prompt.onText?.(soFar);
          else onDraft(() => readJsonSoFar(soFar, sdk));
        });
      },
      () => ({
        input_tokens: tokensIn(words) + (prompt.images?.length ?? 0) * TOKENS_PER_PHOTO,
        output_tokens: tokensIn(soFar),
      }),
    );
    const model = result.response.modelId;
    count(readUsage(result.usage), model);
    const fault = faultOf(result.finishReason, result.text);
    if (fault !== undefined) throw failure(fault, { model });
    return { text: result.text, model };
  }

  return {
    async object({ schema, ...prompt }) {
      const { text, model } = await ask(prompt, schema);
      const parsed = await schema.safeParseAsync(
        parseJson(text, () => failure("nonsense", { model })),
      );
      if (parsed.success) return parsed.data;
      const detail = parsed.error.issues.map(({ path, code }) => `${path.join(".")}: ${code}`).join(", ");
      throw failure("wrong_shape", { model, detail: detail.slice(0, MOST_DETAIL_CHARACTERS) });
    },

    async text(prompt) {
      return (await ask(prompt)).text;
    },

    async image({ prompt, size, count: n }) {
      if (!(Number.isInteger(n) && n >= 1 && n <= MOST_IMAGES)) {
        throw new RangeError(
          `Cannot make images as count must be from 1 to ${MOST_IMAGES}: current value is ${n}`,
        );
      }
      const model = config.imageModel;
      const result = await call(model, prompt, ({ sdk, clients, abortSignal }) =>
        sdk.generateImage({
          model: clients.image,
          maxImagesPerCall: MOST_IMAGES,
          prompt,
          size,
          n,
          providerOptions: { provider: { quality: IMAGE_QUALITY } },
          maxRetries: 0,
          abortSignal,
          headers,
        }));
      const images = result.images.slice(0, n);
      count(readUsage(result.usage), model, { images: images.length });
      const files = readFiles(images);
      if (files === undefined) throw failure("nonsense", { model });
      return files;
    },

    async transcribe({ recording: { content }, language }) {
      const model = config.transcribeModel;
      const heard = await call(
        model,
        "",
        ({ clients, abortSignal }) =>
          clients.audio.transcribe({ model, recording: content, language, abortSignal, headers }),
      );
      // The provider decoded it all, and bills by that; a file's own headers are only what somebody wrote.
      const duration_s = heard.duration_s ?? content.duration_s;
      const seconds = Math.ceil(duration_s ?? content.max_duration_s);
      count(duration_s === undefined ? null : NO_TOKENS, model, {
        seconds: Math.min(seconds, content.max_duration_s),
      });
      if (seconds > content.max_duration_s) {
        throw new AppError(
          "invalid_request",
          "The recording is longer than its file says; nothing was charged",
        );
      }
      return { ...heard, duration_s: duration_s ?? null };
    },

    async speech({ text, voice, speed }) {
      const model = config.speechModel;
      const bytes = await call(
        model,
        text,
        ({ clients, abortSignal }) =>
          clients.audio.speak({ model, input: text, voice, speed, abortSignal, headers }),
      );
      count(NO_TOKENS, model, { characters: charactersIn(text) });
      if (bytes.length === 0) throw failure("empty", { model });
      const mediaType = audioType(bytes);
      if (mediaType === undefined) throw failure("nonsense", { model });
      return { bytes, mediaType };
    },

    usage: () => ({ ...total }),

    /** Resolves when no call is under way any more, so that `usage` has them all. */
    async idle() {
      await Promise.all(underWay);
    },
  };
}

function clientsFor(config: ModelsConfig): Promise<Clients> {
  const clients = clientsByConfig.get(config) ?? makeClients(config);
  clientsByConfig.set(config, clients);
  return clients;
}

/** Makes the SDK's clients, with a `fetch` that notes the progress of the try that it is called for. */
async function makeClients(config: ModelsConfig) {
  const [{ createOpenAICompatible }, { createAudioApi }] = await Promise.all([
    loadProvider(),
    loadAudioApi(),
  ]);
  const provider = createOpenAICompatible({
    name: "provider",
    baseURL: config.baseUrl,
    apiKey: config.apiKey,
    supportsStructuredOutputs: true,
    includeUsage: true,
    transformRequestBody: ({ max_tokens, ...body }) => ({ ...body, [limitFieldFor(config)]: max_tokens }),
    supportedUrls: () => ({ "image/*": [/^https:/] }),
    fetch: fetchWithProgress,
  });
  return {
    text: provider.chatModel(config.textModel),
    vision: provider.chatModel(config.visionModel),
    image: provider.imageModel(config.imageModel),
    audio: createAudioApi({ ...config, fetch: fetchWithProgress }),
  };
}

/** Reads a streamed answer to its end; one that stops without saying why it ended was cut. */
async function readStream(
  { stream }: Pick<ReturnType<Sdk["streamText"]>, "stream">,
  model: string,
  sdk: Sdk,
  onText: (delta: string) => void,
): Promise<ChatResult> {
  const progress = progressOfTry.getStore()!;
  let text = "";
  for await (const part of stream) {
    if (part.type === "text-delta") {
      text += part.text;
      onText(part.text);
    } else if (part.type === "error") {
      const isKnown = !progress.isCharged || reasonOf(part.error, progress, sdk) !== undefined;
      throw isKnown ? part.error : failure("cut", { model });
    } else if (part.type === "finish-step" && part.rawFinishReason !== undefined) {
      const { finishReason, usage, response } = part;
      return { text, finishReason, usage, response };
    }
  }
  throw failure("cut", { model });
}

/** The value as far as it is whole: of a number that ends the text nobody knows whether more digits come. */
async function readJsonSoFar(text: string, { parsePartialJson }: Sdk): Promise<unknown> {
  return (await parsePartialJson(text.replace(/[-+.\deE]+$/, ""))).value;
}

const BYTES_PER_TOKEN = 4;

/** About how many tokens a text has, for an answer that was stopped before its provider counted them. */
function tokensIn(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / BYTES_PER_TOKEN);
}

/** OpenAI's own newer models refuse `max_tokens`, and many compatible servers know nothing else. */
export function limitFieldFor(
  { baseUrl }: Pick<ModelsConfig, "baseUrl">,
): "max_completion_tokens" | "max_tokens" {
  const isOpenAi = /(?:^|\.)openai\.(?:azure\.)?com$/.test(new URL(baseUrl).hostname);
  return isOpenAi ? "max_completion_tokens" : "max_tokens";
}

async function fetchWithProgress(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const progress = progressOfTry.getStore()!;
  progress.isSent = true;
  try {
    const headers = isTraced() ? { headers: withTraceContext(new Headers(init?.headers)) } : undefined;
    const response = await fetch(input, { ...init, ...headers });
    progress.isCharged ||= response.ok;
    return response;
  } catch (error) {
    progress.isUnreachable = true;
    throw error;
  }
}

/** How long to wait before the next try: what the provider asks for, or a doubling wait with some chance in it. */
function retryDelayMs(error: unknown, tries: number, config: ModelsConfig, sdk: Sdk): number {
  const askedForMs = sdk.APICallError.isInstance(error) ? retryAfterMs(error.responseHeaders) : undefined;
  if (askedForMs === undefined) {
    return (config.retryDelayMs ?? USUAL_RETRY_DELAY_MS) * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
  }
  return askedForMs <= (config.maxRetryAfterMs ?? USUAL_MAX_RETRY_AFTER_MS) ? askedForMs : Infinity;
}

/** Reads `Retry-After` as seconds or as a date. */
function retryAfterMs(headers: Record<string, string> = {}): number | undefined {
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

/** What is wrong with an answer that arrived whole, by how the provider says it ended. */
function faultOf(finishReason: string, text: string): FailureReason | undefined {
  if (finishReason === "content-filter") return "refused";
  if (finishReason === "length") return "truncated";
  return text.trim() === "" ? "empty" : undefined;
}

/**
 * Reads what the provider reported. Nothing is asked or answered in 0 tokens, so 0 is as unknown as a fraction or a
 * negative number; it is also what the SDK fills in where only one of the two counts is reported.
 */
function readUsage({ inputTokens, outputTokens }: { inputTokens?: number; outputTokens?: number }): Usage {
  const isCount = (value?: number): value is number => Number.isSafeInteger(value) && value! > 0;
  if (!isCount(inputTokens) || !isCount(outputTokens)) return null;
  return { input_tokens: inputTokens, output_tokens: outputTokens };
}

/** Asks for the schema as `json_schema` and leaves reading the answer to us, so that its cost is counted first. */
function outputFor(schema: z.ZodType, { Output }: Sdk) {
  return {
    ...Output.object({ schema }),
    parseCompleteOutput: ({ text }: { text: string }) => Promise.resolve(text),
    // The SDK passes text on when this has changed; to parse it all for each piece would take the square of its length.
    parsePartialOutput: ({ text }: { text: string }) => Promise.resolve({ partial: text.length }),
  };
}

function toMessages({ user, images = [] }: Prompt): ModelMessage[] {
  return [{ role: "user", content: [{ type: "text", text: user }, ...images.map(toFilePart)] }];
}

/** Any other address is refused here, as the SDK would fetch it from inside our network. */
function toFilePart(image: ImageInput) {
  if (typeof image !== "string") {
    return { type: "file" as const, data: image.bytes, mediaType: image.mediaType };
  }
  const mediaType = image.startsWith("https://")
    ? "image/*"
    : /^data:(image\/[\w.+-]+);base64,/.exec(image)?.[1];
  if (mediaType === undefined) {
    throw new TypeError("Cannot use an image that is neither https:// nor data:image/");
  }
  const data = mediaType === "image/*" ? new URL(image) : image.slice(image.indexOf(",") + 1);
  return { type: "file" as const, data, mediaType };
}

function parseJson(text: string, failed: () => Error): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw failed();
  }
}

/** The images as bytes; undefined when one of them is no image, which the SDK would call a PNG. */
function readFiles(images: { uint8Array: Uint8Array }[]): ImageFile[] | undefined {
  const files: ImageFile[] = [];
  for (const image of images) {
    const bytes = decode(image);
    const mediaType = pictureType(bytes);
    if (mediaType === undefined) return undefined;
    files.push({ bytes, mediaType });
  }
  return files;
}

/** The SDK decodes base64 when the bytes are first asked for, and throws there when it is none. */
function decode(image: { uint8Array: Uint8Array }): Uint8Array {
  try {
    return image.uint8Array;
  } catch {
    return new Uint8Array();
  }
}

/** Waits, or ends at once when the signal aborts; the caller then looks at why. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
}
