import { Buffer } from "node:buffer";
import type { z } from "zod";

import { audioType, type Recording } from "./audio.ts";
import type { ChatAnswer, Prompt } from "./chat_model.ts";
import { AppError } from "./errors.ts";
import { heardOf } from "./heard.ts";
import { pictureType } from "./media.ts";
import { failure, type FailureReason, MOST_DETAIL_CHARACTERS } from "./model_failures.ts";
import { charactersIn, TOKENS_PER_PHOTO } from "./price.ts";
import type { ModelsConfig, Provider } from "./provider.ts";
import { countProviderCall } from "./request_metrics.ts";
import { traced } from "./tracing.ts";

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
  object<Schema extends z.ZodType>(
    prompt: Prompt & { schema: Schema; draft?: Draft },
  ): Promise<z.output<Schema>>;
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

/**
 * What of an unfinished answer may be shown, in the terms of the feature's output: a feature that checks or computes shows
 * what it has checked. Without one all of it may be that fits the output.
 */
export type Draft = (written: unknown) => unknown;

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
async function loadSdk() {
  const [provider, connection, chat, errors] = await Promise.all([
    import("./provider.ts"),
    import("./provider_connection.ts"),
    import("./chat_model.ts"),
    import("./provider_errors.ts"),
  ]);
  return { ...provider, ...connection, ...chat, ...errors };
}

type Sdk = Awaited<ReturnType<typeof loadSdk>>;

let sdkOnceLoaded: Promise<Sdk> | undefined;

/** What one try of a call is given. */
interface Try {
  sdk: Sdk;
  provider: Provider;
  abortSignal: AbortSignal;
}

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
    const sdk = await (sdkOnceLoaded ??= loadSdk());
    const provider = sdk.providerOf(config);
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
          () => sdk.runTry(progress, () => run({ sdk, provider, abortSignal })),
        );
        over("ok");
        return result;
      } catch (error) {
        const isStopped = signal?.aborted && usedByNow !== undefined && progress.isSent;
        over(
          isStopped ? "stopped" : deadline.aborted ? "timeout" : sdk.reasonOf(error, progress) ?? "error",
        );
        if (isStopped) count(usedByNow(), model);
        else if (progress.isCharged || (abortSignal.aborted && progress.isSent)) count(null, null);
        throwIfOver(model, tries);
        const reason = sdk.reasonOf(error, progress);
        if (reason === undefined) throw error; // a bug of ours, not the provider's doing
        const delayMs = retryDelayMs(sdk.retryAfterOf(error), tries, config);
        const canRetry = RETRYABLE.has(reason) && tries <= (config.maxRetries ?? USUAL_RETRIES) &&
          delayMs < deadlineAtMs - performance.now();
        if (!canRetry) {
          throw failure(reason, { model, tries, ...sdk.vendorFacts(error, config.apiKey, prompt) });
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
    draft: Draft = (written) => written,
  ): Promise<{ text: string; model: string }> {
    const kind = prompt.images?.length ? "vision" : "text";
    const name = config[`${kind}Model`];
    const words = prompt.system + prompt.user;
    let soFar = "";
    const answer = await call<ChatAnswer>(
      name,
      words,
      ({ sdk, provider, abortSignal }) => {
        const request = { ...prompt, schema, maxOutputTokens, abortSignal, headers };
        if (onDraft === undefined) return sdk.ask(provider[kind], provider.connection, request);
        return sdk.askForStream(provider[kind], {
          ...request,
          onText(delta) {
            soFar += delta;
            if (schema === undefined) prompt.onText?.(soFar);
            else onDraft(async () => draft(await readJsonSoFar(soFar)));
          },
        });
      },
      () => ({
        input_tokens: tokensIn(words) + (prompt.images?.length ?? 0) * TOKENS_PER_PHOTO,
        output_tokens: tokensIn(soFar),
      }),
    );
    const { text, model } = answer;
    count(readUsage(answer.usage), model);
    const fault = faultOf(answer.finishReason, text);
    if (fault !== undefined) throw failure(fault, { model });
    return { text, model };
  }

  return {
    async object({ schema, draft, ...prompt }) {
      const { text, model } = await ask(prompt, schema, draft);
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
      const drawn = await call(
        model,
        prompt,
        ({ provider, abortSignal }) =>
          provider.image.doGenerate({
            prompt,
            size,
            n,
            aspectRatio: undefined,
            seed: undefined,
            files: undefined,
            mask: undefined,
            providerOptions: { provider: { quality: IMAGE_QUALITY } },
            abortSignal,
            headers,
          }),
      );
      const images = drawn.images.slice(0, n);
      count(readUsage(drawn.usage ?? {}), model, { images: images.length });
      if (images.length === 0) throw failure("empty", { model });
      const files = readFiles(images);
      if (files === undefined) throw failure("nonsense", { model });
      return files;
    },

    async transcribe({ recording: { content }, language }) {
      const model = config.transcribeModel;
      const heard = await call(
        model,
        "",
        ({ provider, abortSignal }) =>
          provider.audio.transcribe({ model, recording: content, language, abortSignal, headers }),
      );
      const { duration_s, seconds, isLonger } = heardOf(content, heard.duration_s);
      count(duration_s === undefined ? null : NO_TOKENS, model, { seconds });
      if (isLonger) throw new AppError("answer_refused", "The recording is longer than its file says");
      return { ...heard, duration_s: duration_s ?? null };
    },

    async speech({ text, voice, speed }) {
      const model = config.speechModel;
      const bytes = await call(
        model,
        text,
        ({ provider, abortSignal }) =>
          provider.audio.speak({ model, input: text, voice, speed, abortSignal, headers }),
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

/** The value as far as it is whole: of a number that ends the text nobody knows whether more digits come. */
async function readJsonSoFar(text: string): Promise<unknown> {
  const { parsePartialJson } = await import("ai");
  return (await parsePartialJson(text.replace(/[-+.\deE]+$/, ""))).value;
}

const BYTES_PER_TOKEN = 4;

/** About how many tokens a text has, for an answer that was stopped before its provider counted them. */
function tokensIn(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / BYTES_PER_TOKEN);
}

/** How long to wait before the next try: what the provider asks for, or a doubling wait with some chance in it. */
function retryDelayMs(askedFor: string | undefined, tries: number, config: ModelsConfig): number {
  const askedForMs = retryAfterMs(askedFor);
  if (askedForMs === undefined) {
    return (config.retryDelayMs ?? USUAL_RETRY_DELAY_MS) * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
  }
  return askedForMs <= (config.maxRetryAfterMs ?? USUAL_MAX_RETRY_AFTER_MS) ? askedForMs : Infinity;
}

/** Reads `Retry-After` as seconds or as a date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

/** What is wrong with an answer that arrived whole, by how the provider says it ended. */
function faultOf(finishReason: string, text: string): FailureReason | undefined {
  if (finishReason === "content-filter") return "refused";
  if (text.trim() === "") return "empty";
  return finishReason === "length" ? "truncated" : undefined;
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

function parseJson(text: string, failed: () => Error): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw failed();
  }
}

/** The images as bytes; undefined when one of them is no image. */
function readFiles(images: (string | Uint8Array)[]): ImageFile[] | undefined {
  const files: ImageFile[] = [];
  for (const image of images) {
    const bytes = typeof image === "string" ? Buffer.from(image, "base64") : image;
    const mediaType = pictureType(bytes);
    if (mediaType === undefined) return undefined;
    files.push({ bytes, mediaType });
  }
  return files;
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
