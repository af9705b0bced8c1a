import type { EventStream } from "../http/event_stream.ts";
import type { HoldOutcome } from "../ledger/calls.ts";

/** A client that watches the response grow, and may disconnect. */
export interface Viewer extends Pick<EventStream, "draft" | "stopDrafts"> {
  /** Called when the request was admitted. */
  open(limits: HoldOutcome["limits"]): void;
  /** Aborts with a `HungUp` when the client disconnects and cannot come back for the response. */
  signal: AbortSignal;
}

/** The client disconnected and sent no Idempotency-Key, so nobody could get the response: the run is stopped. */
export class HungUp extends Error {
  override readonly name = "HungUp";
}
