/** The longest that `setTimeout` can wait; above, it does not wait at all. */
const MAX_MS = 2 ** 31 - 1;

/** The abort signal of one try; call `end` after the try to clean up. */
export interface Deadline {
  signal: AbortSignal;
  end(): void;
}

/** `AbortSignal.any` with `AbortSignal.timeout`, which React Native and browsers before 2024 do not have. */
export function deadline(timeoutMs: number, caller?: AbortSignal): Deadline {
  const controller = new AbortController();
  const follow = () => controller.abort(reasonOf(caller!));
  const timer = setTimeout(
    () => controller.abort(named("TimeoutError", `There was no response within ${timeoutMs} ms`)),
    Math.min(timeoutMs, MAX_MS),
  );
  if (caller?.aborted) follow();
  else caller?.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      caller?.removeEventListener("abort", follow);
    },
  };
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw reasonOf(signal);
}

/** Why a signal aborted; React Native's do not say. */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason ?? named("AbortError", "The call was aborted");
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
