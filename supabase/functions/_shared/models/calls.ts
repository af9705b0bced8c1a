import { type Dialect, dialectOf, remember } from "./dialect.ts";
import { logEvent } from "../platform/log.ts";
import { failure } from "./failures.ts";
import type { Usage, UsageMeter } from "./usage.ts";
import type { ModelsConfig, Provider } from "./provider.ts";
import { countProviderCall } from "../http/request_metrics.ts";
import { retryDelayMs, sleep } from "./retries.ts";
import { traced } from "../platform/tracing.ts";

/** The SDK is the largest part of a function: it is loaded at the first call, not with the function. */
async function loadSdk() {
  const [provider, connection, chat, errors, lessons] = await Promise.all([
    import("./provider.ts"),
    import("./connection.ts"),
    import("./chat_model.ts"),
    import("./provider_errors.ts"),
    import("./lessons.ts"),
  ]);
  return { ...provider, ...connection, ...chat, ...errors, ...lessons };
}

type Sdk = Awaited<ReturnType<typeof loadSdk>>;

let sdkOnceLoaded: Promise<Sdk> | undefined;

/** The arguments of one try of a call. */
interface Try {
  sdk: Sdk;
  provider: Provider;
  abortSignal: AbortSignal;
  /** What is known so far of the request forms that the model's server accepts. */
  dialect: Dialect;
  /** Must be called with the request body, so that a refusal of a part of it can be understood. */
  onSend(body: Record<string, unknown>): void;
}

interface Call<Result> {
  model: string;
  /** The log must not repeat it. */
  prompt: string;
  run(one: Try): Promise<Result>;
  /** For a call that can be stopped midway: what it has used so far. */
  usedByNow?(): Usage;
  /** Why an answer that arrived is unusable, for the metrics. */
  faultOf?(result: Result): string | undefined;
  /** The caller's input field whose content is sent. */
  field?: string;
}

/** A model that writes nothing for this long counts as silent; in a run with less time, for a fifth of it. */
const SILENT_AFTER_MS = 5_000;

/** The calls of one run, whose time starts now, with their retries, learned dialect and usage. */
export function openCalls(
  { signal, config, meter }: { signal?: AbortSignal; config: ModelsConfig; meter: UsageMeter },
) {
  const deadline = AbortSignal.timeout(config.timeoutMs);
  const deadlineAtMs = performance.now() + config.timeoutMs;
  const stoppable = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const silentAfterMs = Math.min(SILENT_AFTER_MS, config.timeoutMs / 5);
  const running = new Set<Promise<unknown>>();
  let lastWroteAtMs = -Infinity;

  /** Runs one call with its retries, and turns every failure into the run's errors. */
  function call<Result>(one: Call<Result>): Promise<Result> {
    const work = tryCall(one);
    const over: Promise<unknown> = work.catch(() => {}).finally(() => running.delete(over));
    running.add(over);
    return work;
  }

  async function tryCall<Result>(
    { model, prompt, run, usedByNow, faultOf, field }: Call<Result>,
  ): Promise<Result> {
    const abortSignal = usedByNow === undefined ? deadline : stoppable;
    const sdk = await (sdkOnceLoaded ??= loadSdk());
    const provider = sdk.providerOf(config);
    const address = addressOf(model);
    let dialect = dialectOf(address);
    const taken = new Set<string>();
    for (let tries = 1;; tries++) {
      throwIfOver(model, tries - 1);
      const progress = { isSent: false, isUnreachable: false, isCharged: false };
      const startedAtMs = performance.now();
      const over = (outcome: string) => countProviderCall(model, outcome, performance.now() - startedAtMs);
      let sent: Record<string, unknown> = {};
      const onSend = (body: Record<string, unknown>) => sent = body;
      try {
        const result = await traced(
          `provider ${model}`,
          "client",
          { "gen_ai.request.model": model },
          () => sdk.runTry(progress, () => run({ sdk, provider, abortSignal, dialect, onSend })),
        );
        over(faultOf?.(result) ?? "ok");
        if (taken.size > 0) learn(model, dialect, taken);
        return result;
      } catch (error) {
        const isStopped = signal?.aborted && usedByNow !== undefined && progress.isSent;
        const reason = sdk.reasonOf(error, progress);
        const isOver = abortSignal.aborted || progress.isCharged;
        const lesson = isOver ? undefined : sdk.lessonFrom(error, { dialect, sent, taken, config });
        if (lesson !== undefined) over("adapted");
        else over(isStopped ? "stopped" : deadline.aborted ? "timeout" : reason ?? "error");
        if (isStopped || isUnfinished() && usedByNow !== undefined && progress.isSent) {
          meter.count(usedByNow(), model);
        } else if (progress.isCharged || (abortSignal.aborted && progress.isSent)) {
          meter.count(null, null);
        }
        throwIfOver(model, tries);
        if (lesson !== undefined) {
          taken.add(lesson.name);
          dialect = { ...dialect, ...lesson.change };
          tries--;
          continue;
        }
        if (reason === undefined) throw error; // our bug, not the provider's failure
        const delayMs = retryDelayMs({ reason, askedFor: sdk.retryAfterOf(error), tries }, config);
        if (!(delayMs < deadlineAtMs - performance.now())) {
          throw failure(reason, { model, tries, ...sdk.vendorFacts(error, config.apiKey, prompt) }, field);
        }
        await sleep(delayMs, abortSignal);
      }
    }
  }

  function addressOf(model: string) {
    return { baseUrl: config.baseUrl, model, structuredOutput: config.structuredOutput };
  }

  /** Remembers the form in which a request was accepted, and tells the operator once. */
  function learn(model: string, dialect: Dialect, lessons: Iterable<string>): void {
    remember(addressOf(model), dialect);
    const cause = `The provider refused a part of the request and takes: ${[...lessons].join(", ")}`;
    logEvent("info", { model, cause });
  }

  /**
   * A server that enforces the schema could not give such an answer: the next request has the schema in the prompt
   * too.
   */
  function noteIgnoredSchema(model: string): void {
    const dialect = dialectOf(addressOf(model));
    if (dialect.structuredOutput !== "json_schema" || dialect.isSchemaInPrompt) return;
    if (![undefined, "auto"].includes(config.structuredOutput)) return;
    learn(model, { ...dialect, isSchemaInPrompt: true }, [
      "schema in the prompt too, as answers did not fit it",
    ]);
  }

  /** Throws if the run has ended: the caller's reason first, then the deadline. */
  function throwIfOver(model: string, tries: number): void {
    signal?.throwIfAborted();
    if (deadline.aborted) throw failure(isUnfinished() ? "unfinished" : "timeout", { model, tries });
  }

  /**
   * Whether the time ran out while a model was writing: then the answer was too long, and the provider was not
   * silent.
   */
  function isUnfinished(): boolean {
    return deadline.aborted && deadlineAtMs - lastWroteAtMs < silentAfterMs;
  }

  /** Call it whenever a model has written more of an answer. */
  function noteWriting(): void {
    lastWroteAtMs = performance.now();
  }

  /** Resolves when no call is running, so that the meter has counted all. */
  async function idle(): Promise<void> {
    await Promise.all(running);
  }

  return { call, noteIgnoredSchema, noteWriting, idle };
}
