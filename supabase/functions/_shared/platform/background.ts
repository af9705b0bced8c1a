interface Runtime {
  EdgeRuntime?: { waitUntil(promise: Promise<unknown>): void };
}

/** Asks the platform to let work finish that goes on after the response. The work must not throw. */
export function inBackground(work: Promise<unknown>): void {
  (globalThis as Runtime).EdgeRuntime?.waitUntil(work);
}

let isEnding = false;
const urgent = new Set<() => void>();

/** Resolves after a time, or at once when the platform announces the end of the process. */
export function later(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      urgent.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, isEnding ? 0 : delayMs);
    urgent.add(wake);
  });
}

/** Whether the platform has announced the end of the process. */
export const isProcessEnding = (): boolean => isEnding;

globalThis.addEventListener?.("beforeunload", () => {
  isEnding = true;
  for (const wake of urgent) wake();
});
