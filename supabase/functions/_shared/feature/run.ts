import type { z } from "zod";

import type { FeatureResponse } from "./responses.ts";
import { type Charges, openCharges } from "./charges.ts";
import { AppError } from "../platform/errors.ts";
import { safeParse } from "../platform/schemas.ts";
import type { FeatureSpec, FeatureTools } from "./spec.ts";
import { createFiles } from "../media/files.ts";
import { refusal, stored } from "./refusals.ts";
import { fingerprint } from "../http/identifiers.ts";
import { ledger } from "../ledger/connect.ts";
import { draftsFor } from "./live_drafts.ts";
import type { Viewer } from "./viewer.ts";
import type { RequestLog } from "../platform/log.ts";
import { createModels, type RunUsage } from "../models/models.ts";
import { modelsConfig } from "../models/config.ts";
import { modelSettings } from "../models/settings.ts";
import { withPictures } from "../media/pictures.ts";
import {
  cost,
  DEFAULT_LIMITS,
  type Price,
  SHORTEST_RECORDING,
  usageBound,
  type UsageLimits,
} from "../ledger/price.ts";
import { withRecordings } from "../media/recordings.ts";
import { callDatabase } from "../database/rpc.ts";
import { type HoldOutcome, holdTokens } from "../ledger/calls.ts";

/** One request for a run of a feature. */
export interface RunRequest<Input> {
  /** The ledger charges an id once: a second run with the same id gets the response of the first. */
  requestId: string;
  userId: string;
  /** The team's wallet that pays, if the user is a member who may spend; without it the user's own. */
  walletId?: string | null;
  /** The user's JWT: pictures and recordings in Storage are read as this user. */
  accessToken: string;
  input: Input;
  /** Whether the caller can ask again with the same id. */
  isRepeatable: boolean;
  /** The run adds its model, the tokens charged, and whether it was a replay. */
  log: Partial<RequestLog>;
}

/**
 * Runs a feature and charges it once: admits the request, runs it, settles. It knows nothing of HTTP, so a job or
 * another protocol can call it. `viewer`: a client that watches the response grow. Throws an AppError for every
 * refusal and failure.
 */
export function runFeature<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
  request: RunRequest<z.output<Input>>,
  viewer?: Viewer,
): Promise<FeatureResponse> {
  const reading = { token: request.accessToken, admit: () => admitReading(spec.price, request) };
  return withRecordings(request.input, reading, async () => {
    const admission = await admit(spec, request);
    const { limits } = admission.hold;
    if (admission.hold.duplicate) {
      request.log.replayed = true;
      return { json: stored(admission.hold), isReplay: true, limits };
    }
    viewer?.open(limits);
    const work = prepare(spec, request, admission, viewer);
    const responseHead = await produceHead(spec, request, work, viewer);
    return { json: await settle(request, work, responseHead), isReplay: false, limits };
  });
}

/** Before a recording is read: checks the wallet's balance and counts the read against a limit. */
async function admitReading(
  price: Price,
  { requestId, userId, walletId }: Pick<RunRequest<unknown>, "requestId" | "userId" | "walletId">,
): Promise<void> {
  const outcome = await callDatabase("admit_reading", {
    p_request_id: requestId,
    p_user_id: userId,
    p_least_amount: cost(price, SHORTEST_RECORDING),
    p_wallet_id: walletId ?? undefined,
  }) as unknown as HoldOutcome;
  if (!outcome.success) throw refusal(outcome);
}

/** An admitted request: its hold, and the usage that the hold pays for. */
interface Admission {
  hold: HoldOutcome;
  /** The hold, in tokens. */
  bound: number;
  limits: UsageLimits;
}

/** Limits, caps and the hold, in one call. Throws the refusal. */
async function admit<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
  { requestId, userId, walletId, input, isRepeatable }: RunRequest<z.output<Input>>,
): Promise<Admission> {
  const given = typeof spec.limits === "function" ? spec.limits(input) : spec.limits;
  const limits = { ...DEFAULT_LIMITS, ...given };
  modelsConfig(); // Wrong settings must fail before anything is held.
  limits.output_tokens += modelSettings().AI_REASONING_TOKENS; // Billed like the answer, so held like it.
  const bound = cost(spec.price, usageBound(input, limits));
  const hold = await holdTokens({
    supabaseClient: ledger(),
    requestId,
    userId,
    walletId,
    operationType: spec.name,
    tokenAmount: bound,
    // A generated id is new: no other input can have it.
    fingerprint: isRepeatable ? fingerprint(input) : undefined,
    metadata: { price: spec.price },
  });
  if (!hold.success) throw refusal(hold);
  return { hold, bound, limits };
}

/** The tools of a run, and what must be done with them when it ends. */
interface Work<Output> extends Omit<FeatureTools<unknown, Output>, "input"> {
  charges: Charges;
  usage(): RunUsage;
  /** Ends every call of a model. */
  stop(reason: unknown): Promise<void>;
  discardFiles(): Promise<void>;
}

/** The models, files and charges of one run, whose time starts now. */
function prepare<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
  { requestId, userId, walletId, log }: RunRequest<z.output<Input>>,
  { hold, bound, limits }: Admission,
  viewer: Viewer | undefined,
): Work<z.input<Output>> {
  const { attempt } = hold;
  if (attempt === undefined) throw refusal(hold);
  const { show, onDraft } = draftsFor(spec.output, viewer);
  const end = new AbortController();
  const signal = viewer === undefined ? end.signal : AbortSignal.any([viewer.signal, end.signal]);
  const models = createModels({
    config: modelsConfig(),
    maxOutputTokens: limits.output_tokens,
    requestId,
    signal,
    onDraft,
  });
  const files = createFiles(userId, `${requestId}-${attempt}`);
  const held = { supabaseClient: ledger(), requestId, userId: walletId ?? userId, attempt };
  return {
    models,
    files,
    show,
    charges: openCharges({ held, price: spec.price, bound, usage: models.usage, log }),
    usage: models.usage,
    stop(reason) {
      end.abort(reason);
      return models.idle();
    },
    // Files that stay in Storage do no harm; the caller gets the first failure.
    discardFiles: () => files.discard().catch(() => {}),
  };
}

/**
 * Runs the feature. Returns the head of the response: everything before the part that only the settlement knows. A
 * failure is charged or released before it is thrown.
 */
async function produceHead<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
  { requestId, input, accessToken }: RunRequest<z.output<Input>>,
  { models, files, show, charges, usage, stop, discardFiles }: Work<z.input<Output>>,
  viewer: Viewer | undefined,
): Promise<string> {
  try {
    // Only now: a replay needs no pictures, and nothing is fetched for a caller who cannot pay.
    const data = await withPictures(
      input,
      accessToken,
      async (complete) => checkOutput(spec.output, await spec.run({ input: complete, models, files, show })),
    );
    return headOf(data, requestId, usage());
  } catch (error) {
    const isShown = viewer?.stopDrafts() ?? false;
    const isStopped = viewer?.signal.aborted && error === viewer.signal.reason;
    await stop(error); // Calls that still run are useless, but their usage must be counted.
    const end = isStopped ? charges.settleHangUp().then(() => error) : charges.settleFailure(error, isShown);
    const [failure] = await Promise.all([end, discardFiles()]);
    throw failure;
  }
}

/** Charges the response and completes it. */
async function settle(
  { isRepeatable }: Pick<RunRequest<unknown>, "isRepeatable">,
  { charges, discardFiles }: Pick<Work<unknown>, "charges" | "discardFiles">,
  responseHead: string,
): Promise<string> {
  try {
    const { response_tail } = await charges.settleResponse(responseHead);
    return responseHead + response_tail;
  } catch (error) {
    // If the charge is unknown, a retry may still get this response and the files that it names.
    const mayReturn = error instanceof AppError && error.charge !== undefined && isRepeatable;
    if (!mayReturn) await discardFiles();
    throw error;
  }
}

/**
 * The response up to and including the comma before `"charged"`. The ledger completes and stores it, as it alone knows the
 * charge and the balance: `token_response_tail` in the ledger's migration is its other half.
 */
function headOf(
  data: unknown,
  requestId: string,
  { model, input_tokens, output_tokens }: RunUsage,
): string {
  const usage = JSON.stringify({ request_id: requestId, model, input_tokens, output_tokens });
  return `{"data":${JSON.stringify(data)},"usage":${usage.slice(0, -1)},`;
}

function checkOutput<Output extends z.ZodType>(output: Output, value: unknown): z.output<Output> {
  const parsed = safeParse(output, value);
  if (parsed.success) return parsed.data;
  throw new AppError("provider_error", "The AI provider's answer does not fit", { cause: parsed.error });
}
