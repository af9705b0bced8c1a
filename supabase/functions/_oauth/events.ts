import { describeCause, logEvent } from "../_shared/platform/log.ts";

/** Events of the store, the leases and the providers. */
export interface TokenEvent {
  event:
    | "store_degraded"
    | "store_recovered"
    | "leases_degraded"
    | "leases_recovered"
    | "provider_failed"
    | "token_refused"
    | "authorization_ended"
    | "late_token_refused";
  /** The name of the backend or the provider. */
  of: string;
  /** Writes that were replayed or refused; failures in a row. */
  count?: number;
  /** The cause, without secrets. */
  cause?: unknown;
}

type Listener = (event: TokenEvent) => void;

const listeners = new Set<Listener>();

/** Registers a listener for events, for metrics. Returns a function that removes it. */
export function onTokenEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const HARMLESS: TokenEvent["event"][] = ["store_recovered", "leases_recovered", "late_token_refused"];

/** Writes one line to the log, and calls the listeners. */
export function report({ cause, ...event }: TokenEvent): void {
  const level = HARMLESS.includes(event.event) ? "info" : "error";
  logEvent(level, { component: "oauth", ...event, cause: describeCause(cause) });
  for (const listener of listeners) {
    try {
      listener({ ...event, cause });
    } catch (error) {
      logEvent("error", { component: "oauth", cause: describeCause(error) });
    }
  }
}
