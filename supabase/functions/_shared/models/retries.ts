import type { FailureReason } from "./failures.ts";

const DEFAULT_RETRIES = 1;
const DEFAULT_RETRY_DELAY_MS = 250;
const DEFAULT_MAX_RETRY_AFTER_MS = 5_000;

const RETRYABLE: ReadonlySet<FailureReason> = new Set(["rate_limited", "unavailable", "unreachable"]);

export interface RetrySettings {
  /** How often one call is tried again; 1 unless told otherwise. */
  maxRetries?: number;
  /** The first wait before a retry without `Retry-After`, doubled each time. */
  retryDelayMs?: number;
  /** A `Retry-After` above this is not waited for: the call fails at once. */
  maxRetryAfterMs?: number;
}

/** How long to wait before the next try: what the provider asks for, or a doubling wait with some chance in it. */
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

/** Reads `Retry-After` as seconds or as a date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

/** Waits, or ends at once when the signal aborts; the caller then looks at why. */
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
