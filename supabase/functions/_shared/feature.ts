import type { z } from "zod";

import { type Answer, answerAsEvents, asJson, type Watcher } from "./answers.ts";
import { inBackground } from "./background.ts";
import { openCharges } from "./charges.ts";
import { draftOf } from "./drafts.ts";
import { defineEndpoint, type Endpoint, type EndpointContext } from "./endpoint.ts";
import { env } from "./env.ts";
import { AppError } from "./errors.ts";
import { createFiles, type Files } from "./files.ts";
import { refusal, stored } from "./holds.ts";
import { fingerprint, idempotencyKey } from "./identifiers.ts";
import { ledger } from "./ledger.ts";
import { createModels, type Models, type ReadDraft, type RunUsage } from "./models.ts";
import { withPictures } from "./pictures.ts";
import { checkPrice, cost, type Price, usageBound, type UsageLimits, USUAL_LIMITS } from "./price.ts";
import type { ModelsConfig } from "./provider.ts";
import { withRecordings } from "./recordings.ts";
import { wantsEvents } from "./stream.ts";
import { holdTokens } from "./tokenMiddleware.ts";

/** All that a feature gets: the checked input, AI models, and a place for files. No database, no key, no environment. */
export interface FeatureTools<Input, Output> {
  input: Input;
  models: Models;
  files: Files;
  /**
   * Shows what is known of the answer to a client that takes it as a stream, beside what the model has written so far of
   * the answer's own fields.
   */
  show(draft: Partial<Output>): void;
}

export interface FeatureSpec<Input extends z.ZodType, Output extends z.ZodType> {
  /** The function's folder, and the operation in the ledger. */
  name: string;
  price: Price;
  input: Input;
  output: Output;
  /** Where the usual limits do not fit; they bound what a request may cost. */
  limits?: Partial<UsageLimits> | ((input: z.output<Input>) => Partial<UsageLimits>);
  maxBodyBytes?: number;
  maxUploadBytes?: number;
  run(tools: FeatureTools<z.output<Input>, z.input<Output>>): Promise<z.input<Output>>;
}

export type Feature<Input extends z.ZodType, Output extends z.ZodType> =
  & FeatureSpec<Input, Output>
  & Pick<Endpoint<Input>, "auth" | "method" | "callLimit" | "fetch">;

/**
 * A metered AI feature. Each request is charged exactly once, for what it used: its bound is held before `run`, the cost
 * is settled together with the answer, and given back when anything fails. A retry with the same `Idempotency-Key` gets
 * the stored answer. https://github.com/ietf-wg-httpapi/idempotency
 *
 * `Accept: text/event-stream` gets the same as events: docs/streaming.md.
 */
export function defineFeature<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
): Feature<Input, Output> {
  checkPrice(spec.name, spec.price);
  const { auth, method, callLimit, fetch } = defineEndpoint({
    name: spec.name,
    auth: "user",
    method: "POST",
    input: spec.input,
    maxBodyBytes: spec.maxBodyBytes,
    maxUploadBytes: spec.maxUploadBytes,
    callLimit: { instead: "the plan's limits, taken with the hold" },
    handle(context) {
      const answer = (watcher?: Watcher) =>
        finishInAnyCase(
          withRecordings(context.input, context.caller.token, () => answerOnce(spec, context, watcher)),
        );
      return wantsEvents(context.request) ? answerAsEvents(context, answer) : answer().then(asJson);
    },
  });
  return { ...spec, auth, method, callLimit, fetch };
}

/** A client that hangs up must not stop the settlement: asks the platform to let the work end. */
function finishInAnyCase<Result>(work: Promise<Result>): Promise<Result> {
  inBackground(work.catch(() => {}));
  return work;
}

async function answerOnce<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
  { request: { headers }, requestId, caller, input, log }: EndpointContext<z.output<Input>>,
  watcher?: Watcher,
): Promise<Answer> {
  const limits = {
    ...USUAL_LIMITS,
    ...(typeof spec.limits === "function" ? spec.limits(input) : spec.limits),
  };
  const config = modelsConfig(); // What is wrong with it must show before anything is held.
  limits.output_tokens += env().AI_REASONING_TOKENS; // Billed like the answer, so it is held like it.
  const request = { supabaseClient: ledger(), requestId, userId: caller.userId };
  const bound = cost(spec.price, usageBound(input, limits));
  const hold = await holdTokens({
    ...request,
    operationType: spec.name,
    tokenAmount: bound,
    // Of an id that is new nothing is known that could be another request.
    fingerprint: idempotencyKey(headers) === null ? undefined : fingerprint(input),
    metadata: { price: spec.price },
  });
  if (hold.duplicate && hold.success) {
    log.replayed = true;
    return { json: stored(hold), isReplay: true, limits: hold.limits };
  }
  if (!hold.success || hold.attempt === undefined) throw refusal(hold);
  const held = { ...request, attempt: hold.attempt };
  watcher?.open(hold.limits);

  const { show, onDraft } = draftsFor(spec.output, watcher);
  const run = new AbortController();
  const signal = watcher === undefined ? run.signal : AbortSignal.any([watcher.signal, run.signal]);
  const models = createModels({ config, maxOutputTokens: limits.output_tokens, requestId, signal, onDraft });
  const files = createFiles(caller.userId, `${requestId}-${hold.attempt}`);
  const charges = openCharges({ held, price: spec.price, bound, usage: models.usage, log });

  let responseHead: string;
  try {
    // Now, not before: a replay needs no picture, and who cannot pay makes us fetch nothing.
    const data = await withPictures(
      input,
      caller.token,
      async (complete) => checkOutput(spec.output, await spec.run({ input: complete, models, files, show })),
    );
    responseHead = answerHead(data, requestId, models.usage());
  } catch (error) {
    const isShown = watcher?.stopDrafts() ?? false;
    const isStopped = watcher?.signal.aborted && error === watcher.signal.reason;
    run.abort(error); // What still runs is of no use, and must be counted.
    await models.idle();
    const end = isStopped ? charges.hangUp().then(() => error) : charges.failure(error, isShown);
    const [failure] = await Promise.all([end, settled(files.discard())]);
    throw failure;
  }
  try {
    const { response_tail } = await charges.answer(responseHead);
    return { json: responseHead + response_tail, isReplay: false, limits: hold.limits };
  } catch (error) {
    // Whose charge is not known may still be asked for by its key, with the files that it names.
    const mayReturn = error instanceof AppError && error.charge !== undefined &&
      idempotencyKey(headers) !== null;
    if (!mayReturn) await settled(files.discard());
    throw error;
  }
}

/** Joins what a feature shows with what its model writes, and passes on as much of it as the output could have. */
function draftsFor<Output extends z.ZodType>(output: Output, watcher: Watcher | undefined) {
  if (watcher === undefined) return { show: () => {} };
  let shown: unknown;
  let isShownNew = false;
  let readWritten: ReadDraft = () => Promise.resolve(undefined);

  async function read(): Promise<string | undefined> {
    const written = draftOf(output, await readWritten());
    if (written === undefined && !isShownNew) return undefined;
    isShownNew = false;
    return JSON.stringify({ ...shown as object, ...written as object });
  }

  return {
    show(draft: Partial<z.input<Output>>) {
      shown = draftOf(output, draft);
      isShownNew = true;
      watcher.draft(read);
    },
    onDraft(readSoFar: ReadDraft) {
      readWritten = readSoFar;
      watcher.draft(read);
    },
  };
}

let knownConfig: ModelsConfig | undefined;

function modelsConfig(): ModelsConfig {
  const settings = env();
  knownConfig ??= {
    baseUrl: settings.AI_BASE_URL,
    apiKey: settings.AI_API_KEY,
    textModel: settings.AI_TEXT_MODEL,
    visionModel: settings.AI_VISION_MODEL,
    imageModel: settings.AI_IMAGE_MODEL,
    transcribeModel: settings.AI_TRANSCRIBE_MODEL,
    speechModel: settings.AI_SPEECH_MODEL,
    timeoutMs: settings.AI_TIMEOUT_MS,
    structuredOutput: settings.AI_STRUCTURED_OUTPUT,
    reasoningEffort: settings.AI_REASONING_EFFORT,
  };
  return knownConfig;
}

/** The answer up to the two numbers that only the settlement knows; the ledger completes and keeps it. */
function answerHead(
  data: unknown,
  requestId: string,
  { model, input_tokens, output_tokens }: RunUsage,
): string {
  const usage = JSON.stringify({ request_id: requestId, model, input_tokens, output_tokens });
  return `{"data":${JSON.stringify(data)},"usage":${usage.slice(0, -1)},`;
}

function checkOutput<Output extends z.ZodType>(output: Output, value: unknown): z.output<Output> {
  const parsed = output.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError("provider_error", "The AI provider's answer does not fit", {
    cause: parsed.error,
  });
}

/** What is left in Storage hurts nobody; the caller hears of the first failure. */
function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch(() => {});
}
