import type { z } from "zod";

import { defineEndpoint, type Endpoint, type EndpointContext } from "./endpoint.ts";
import { env } from "./env.ts";
import { AppError } from "./errors.ts";
import { createFiles, type Files } from "./files.ts";
import { fingerprint } from "./identifiers.ts";
import { ledger } from "./ledger.ts";
import { createModels, type Models, type ModelsConfig, type RunUsage } from "./models.ts";
import { withPictures } from "./pictures.ts";
import { checkPrice, cost, type Price, usageBound, type UsageLimits, USUAL_LIMITS } from "./price.ts";
import { withRecordings } from "./recordings.ts";
import { type HoldOutcome, holdTokens, releaseTokens, settleTokens } from "./tokenMiddleware.ts";

/** All that a feature gets: the checked input, AI models, and a place for files. No database, no key, no environment. */
export interface FeatureTools<Input> {
  input: Input;
  models: Models;
  files: Files;
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
  run(tools: FeatureTools<z.output<Input>>): Promise<z.input<Output>>;
}

export type Feature<Input extends z.ZodType, Output extends z.ZodType> =
  & FeatureSpec<Input, Output>
  & Pick<Endpoint<Input>, "auth" | "method" | "fetch">;

/**
 * A metered AI feature. Each request is charged exactly once, for what it used: its bound is held before `run`, the cost
 * is settled together with the answer, and given back when anything fails. A retry with the same `Idempotency-Key` gets
 * the stored answer. https://github.com/ietf-wg-httpapi/idempotency
 */
export function defineFeature<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
): Feature<Input, Output> {
  checkPrice(spec.name, spec.price);
  const { auth, method, fetch } = defineEndpoint({
    name: spec.name,
    auth: "user",
    method: "POST",
    input: spec.input,
    maxBodyBytes: spec.maxBodyBytes,
    maxUploadBytes: spec.maxUploadBytes,
    handle: (context) =>
      finishInAnyCase(
        withRecordings(context.input, context.caller.token, () => answerOnce(spec, context)),
      ),
  });
  return { ...spec, auth, method, fetch };
}

/** A client that hangs up must not stop the settlement: asks the platform to let the work end. */
function finishInAnyCase(work: Promise<Response>): Promise<Response> {
  const { EdgeRuntime } = globalThis as { EdgeRuntime?: { waitUntil(promise: Promise<unknown>): void } };
  EdgeRuntime?.waitUntil(work.catch(() => {}));
  return work;
}

async function answerOnce<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
  { requestId, caller, input, log }: EndpointContext<z.output<Input>>,
): Promise<Response> {
  const limits = {
    ...USUAL_LIMITS,
    ...(typeof spec.limits === "function" ? spec.limits(input) : spec.limits),
  };
  const config = modelsConfig(); // What is wrong with it must show before anything is held.
  const request = { supabaseClient: ledger(), requestId, userId: caller.userId };
  const hold = await holdTokens({
    ...request,
    operationType: spec.name,
    tokenAmount: cost(spec.price, usageBound(input, limits)),
    fingerprint: fingerprint(input),
    metadata: { price: spec.price },
  });
  if (hold.duplicate && hold.success) {
    log.replayed = true;
    return replay(hold);
  }
  if (!hold.success || hold.attempt === undefined) throw refusal(hold);
  const held = { ...request, attempt: hold.attempt };

  const models = createModels({ config, maxOutputTokens: limits.output_tokens, requestId });
  const files = createFiles(caller.userId, `${requestId}-${hold.attempt}`);
  let responseHead: string;
  try {
    // Now, not before: a replay needs no picture, and who cannot pay makes us fetch nothing.
    const data = await withPictures(
      input,
      caller.token,
      async (complete) => checkOutput(spec.output, await spec.run({ input: complete, models, files })),
    );
    responseHead = answerHead(data, requestId, models.usage());
  } catch (error) {
    await Promise.all([releaseTokens({ ...held, reason: codeOf(error) }), files.discard()].map(settled));
    throw error;
  }

  const usage = models.usage();
  const settlement = await settleTokens({
    ...held,
    tokenAmount: isKnown(spec.price, usage) ? cost(spec.price, usage) : null,
    metadata: {
      model: usage.model,
      usage: {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        images: usage.images,
        seconds: usage.seconds,
        characters: usage.characters,
      },
    },
    responseHead,
  });
  log.model = usage.model ?? undefined;
  log.tokens_charged = settlement.charged;
  if (!settlement.success) {
    await settled(files.discard());
    throw new AppError("internal", "The request took too long; nothing was charged", {
      cause: new Error(`Settlement refused: ${settlement.error} ${settlement.message}`),
    });
  }
  return jsonResponse(responseHead + settlement.response_tail);
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
  throw new AppError("provider_error", "The AI provider's answer does not fit; nothing was charged", {
    cause: parsed.error,
  });
}

/** Whether the usage says what the request costs: tokens and seconds only matter where they have a price. */
function isKnown(price: Price, usage: RunUsage): boolean {
  return usage.known || !(price.per_1k_input_tokens || price.per_1k_output_tokens || price.per_1k_seconds);
}

function replay(hold: HoldOutcome): Response {
  if (hold.response) return jsonResponse(hold.response, { "Idempotent-Replayed": "true" });
  throw new AppError(
    "response_not_stored",
    "This request was answered and charged before; its answer was too large to keep",
    {
      details: { charged: hold.charged, balance: hold.balance },
    },
  );
}

const RETRY_AFTER_S = 2;

function refusal({ error, message = "The request was refused", required, available }: HoldOutcome): AppError {
  switch (error) {
    case "insufficient_tokens":
      return new AppError(error, message, { details: { required, available } });
    case "request_in_progress":
      return new AppError(error, message, { headers: { "Retry-After": String(RETRY_AFTER_S) } });
    case "idempotency_key_reused":
      return new AppError(error, "This Idempotency-Key was used for another request");
    default:
      return new AppError("internal", "Something went wrong on our side; nothing was charged", {
        cause: new Error(`Hold refused: ${error} ${message}`),
      });
  }
}

function jsonResponse(body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { headers: { "Content-Type": "application/json", ...headers } });
}

function codeOf(error: unknown): string {
  return error instanceof AppError ? error.code : "internal";
}

/** What cannot be given back now is given back when the hold expires; the caller hears of the first failure. */
function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch(() => {});
}
