import { inBackground, isProcessEnding, later } from "../platform/background.ts";
import { adminClient } from "../database/database.ts";
import { observability } from "../platform/settings.ts";
import { describeCause, logEvent, type RequestLog } from "../platform/log.ts";

// An isolate keeps its counts in memory for a few seconds and then adds them to the database's sums, in one call. No
// request waits for that or fails because of it.

/** Upper bounds of the latency buckets, in seconds. To change them, empty the table `metrics.request_totals`. */
export const LATENCY_BOUNDS_S = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
  120,
] as const;

const FLUSH_TIMEOUT_MS = 5_000;
/** The most series that the database takes in one call. */
const MAX_SERIES = 2_000;
/** How often a failed flush is tried again without a new request. */
const MAX_RETRIES = 5;

interface Series {
  name: "requests" | "errors" | "replays" | "provider_calls";
  labels: string[];
  count: number;
  seconds?: number;
  buckets?: number[];
}

/** What was counted since the last flush. */
let counted = new Map<string, Series>();
/** A flush that may not have arrived: it is sent again unchanged, and the database adds it once. */
let unsent: { id: string; series: Series[] } | undefined;
let isPlanned = false;
let failureCount = 0;
let lastFlush: Promise<void> = Promise.resolve();

/** Counts a request that has ended, without its user, id or text. */
export function countRequest(
  { function: name, status, code, replayed }: Pick<RequestLog, "function" | "status" | "code" | "replayed">,
  durationMs: number,
): void {
  add("requests", name, String(status), durationMs / 1_000);
  if (code !== undefined) add("errors", name, code);
  if (replayed) add("replays", name);
}

/** Counts one call of a provider: `ok`, `stopped` or why it failed. `model`: as configured. */
export function countProviderCall(model: string, outcome: string, durationMs: number): void {
  add("provider_calls", model, outcome, durationMs / 1_000);
}

function add(name: Series["name"], first: string, second?: string, seconds?: number): void {
  const key = second === undefined ? `${name} ${first}` : `${name} ${first} ${second}`;
  let series = counted.get(key);
  if (series === undefined) {
    if (counted.size >= MAX_SERIES || observability().METRICS_FLUSH_MS === 0) return;
    series = { name, labels: second === undefined ? [first] : [first, second], count: 0 };
    if (seconds !== undefined) {
      series.seconds = 0;
      series.buckets = new Array(LATENCY_BOUNDS_S.length + 1).fill(0);
    }
    counted.set(key, series);
  }
  series.count++;
  if (seconds !== undefined) {
    series.seconds! += seconds;
    series.buckets![bucketOf(seconds)]!++;
  }
  if (!isPlanned) plan();
}

function bucketOf(seconds: number): number {
  let index = 0;
  while (index < LATENCY_BOUNDS_S.length && seconds > LATENCY_BOUNDS_S[index]!) index++;
  return index;
}

function plan(): void {
  isPlanned = true;
  const flushed = later(observability().METRICS_FLUSH_MS).then(() => {
    isPlanned = false;
    return flushMetrics();
  });
  inBackground(flushed);
}

/** Writes the counts, one flush at a time. Never throws. */
export function flushMetrics(): Promise<void> {
  lastFlush = lastFlush.then(flush);
  return lastFlush;
}

/**
 * Sends the rest of the flush before, and the counts until now. Counts that arrive meanwhile wait for the next flush.
 */
async function flush(): Promise<void> {
  if (!await sendUnsent() || counted.size === 0) return;
  unsent = { id: crypto.randomUUID(), series: [...counted.values()] };
  counted = new Map();
  await sendUnsent();
}

/** Whether everything was sent. */
async function sendUnsent(): Promise<boolean> {
  if (unsent === undefined) return true;
  const failure = await send(unsent);
  if (failure === undefined) {
    unsent = undefined;
    failureCount = 0;
    return true;
  }
  failureCount++;
  if (failureCount === 1) report(failure);
  if (failureCount <= MAX_RETRIES && !isPlanned && !isProcessEnding()) plan();
  return false;
}

/** Why it was not written; undefined when it was. */
async function send({ id, series }: { id: string; series: Series[] }): Promise<unknown> {
  try {
    const { data, error } = await adminClient()
      .rpc("record_request_metrics", { p_flush_id: id, p_series: series as never })
      .abortSignal(AbortSignal.timeout(FLUSH_TIMEOUT_MS));
    if (error) return error;
    // The database would refuse it again, so this is reported and dropped.
    const outcome = data as { success: boolean; message?: string };
    if (!outcome.success) report(new Error(outcome.message));
    return undefined;
  } catch (error) {
    return error;
  }
}

function report(failure: unknown): void {
  const cause = `Requests were counted and could not be written: ${describeCause(failure)}`;
  logEvent("warning", { function: "metrics", cause });
}
