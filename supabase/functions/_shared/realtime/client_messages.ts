import { type ClientEvent, readClientEvent } from "./events.ts";
import { Allowance, type Ending, type SessionLimits } from "./limits.ts";

/** Sound may arrive a little faster than real time, plus a burst of what a client buffered while it connected. */
const AUDIO_PACE = 1.5;
const AUDIO_AT_ONCE_S = 10;
const MESSAGES_AT_ONCE_S = 4;
const MAX_MISTAKES = 10;
/**
 * A message is measured after it has arrived, and takes memory that all sessions in this process share: a larger one
 * than this blocks the seat for 10 minutes.
 */
const SEAT_BYTES = 1024 * 1024;

/** Sound in and out: PCM of 16 bits at 24 kHz in one channel. */
export const AUDIO_BYTES_PER_S = 48_000;

/** A message's event; without an event or an ending, one that clients may not send. */
interface ReadMessage {
  event?: ClientEvent;
  /** Why the message ends the session. */
  ending?: Ending;
  isSeatForfeit?: boolean;
}

/** Reads a client's messages, within the limits of a session. */
export class ClientMessages {
  readonly #maxBytes: number;
  readonly #messages: Allowance;
  readonly #audio: Allowance;
  #mistakes = 0;

  constructor({ message_bytes, messages_per_s }: SessionLimits, nowMs: number) {
    this.#maxBytes = message_bytes;
    this.#messages = new Allowance(messages_per_s, messages_per_s * MESSAGES_AT_ONCE_S, nowMs);
    this.#audio = new Allowance(AUDIO_BYTES_PER_S * AUDIO_PACE, AUDIO_BYTES_PER_S * AUDIO_AT_ONCE_S, nowMs);
  }

  read(data: unknown): ReadMessage {
    const byteCount = sizeOf(data);
    if (byteCount > this.#maxBytes) {
      return { ending: "payload_too_large", isSeatForfeit: byteCount > SEAT_BYTES };
    }
    if (!this.#messages.take(1, Date.now())) return { ending: "rate_limited" };
    return { event: readClientEvent(data) };
  }

  /** Whether this much sound may come now. */
  takeAudio(bytes: number): boolean {
    return this.#audio.take(bytes, Date.now());
  }

  /** Counts a mistake of the client. Returns whether it has made too many. */
  countMistake(): boolean {
    this.#mistakes += 1;
    return this.#mistakes > MAX_MISTAKES;
  }
}

/** The length in UTF-16, which equals the bytes of everything that a client has reason to send. */
function sizeOf(data: unknown): number {
  if (typeof data === "string") return data.length;
  const { byteLength, size } = data as { byteLength?: number; size?: number };
  return byteLength ?? size ?? 0;
}
