import { reasonOf } from "./aborting.ts";

/** When a call is retried, and after which pause. */
export interface RetryOptions {
  /** How often a call is retried. Default: 3; 0 for never. */
  retries?: number;
  /** The first pause if the server names none, doubled each time. Default: 500 ms. */
  retryDelayMs?: number;
  /** With a longer `Retry-After` the call fails at once. Default: 60 s. */
  maxRetryAfterMs?: number;
}

/** A request with the same key is still running, too many requests, or the server is busy or starting. */
const RETRIED_STATUS: ReadonlySet<number> = new Set([409, 429, 503]);

/** How long to wait before the next try; undefined for no retry. */
export function retryDelayMs(
  response: Response | undefined,
  tries: number,
  { retries = 3, retryDelayMs = 500, maxRetryAfterMs = 60_000 }: RetryOptions,
): number | undefined {
  if (tries > retries || (response && !RETRIED_STATUS.has(response.status))) return undefined;
  const askedForMs = retryAfterMs(response?.headers.get("Retry-After") ?? null);
  if (askedForMs === undefined) return retryDelayMs * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
  return askedForMs <= maxRetryAfterMs ? askedForMs : undefined;
}

/** Reads `Retry-After` as seconds or as a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

/** Waits, or throws the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(reasonOf(signal!));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) return stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}
