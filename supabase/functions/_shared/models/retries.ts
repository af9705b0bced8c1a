import type { FailureReason } from "./failures.ts";
import { retryAfterMs } from "../http/retry_after.ts";

const DEFAULT_RETRIES = 1;
const DEFAULT_RETRY_DELAY_MS = 250;
const DEFAULT_MAX_RETRY_AFTER_MS = 5_000;

const RETRYABLE: ReadonlySet<FailureReason> = new Set(["rate_limited", "unavailable", "unreachable"]);

export interface RetrySettings {
  /** How often one call is tried again. Default: 1. */
  maxRetries?: number;
  /** The first wait before a retry without `Retry-After`, doubled each time. */
  retryDelayMs?: number;
  /** With a longer `Retry-After` the call fails at once. */
  maxRetryAfterMs?: number;
}

/** How long to wait before the next try: the provider's `Retry-After`, or exponential backoff with jitter. */
export function retryDelayMs(
  { reason, askedFor, tries }: { reason: FailureReason; askedFor: string | undefined; tries: number },
  settings: RetrySettings,
): number {
  if (!RETRYABLE.has(reason) || tries > (settings.maxRetries ?? DEFAULT_RETRIES)) return Infinity;
  const askedForMs = retryAfterMs(askedFor);
  if (askedForMs === undefined) {
    return (settings.retryDelayMs ?? DEFAULT_RETRY_DELAY_MS) * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
  }
  return askedForMs <= (settings.maxRetryAfterMs ?? DEFAULT_MAX_RETRY_AFTER_MS) ? askedForMs : Infinity;
}

/** Waits, or returns at once when the signal aborts; the caller then checks why. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
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
