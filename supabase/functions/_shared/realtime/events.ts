import { z } from "zod";

import { safeParse } from "../platform/schemas.ts";
import type { TalkUsage } from "./slices.ts";

/** Everything else is refused: another model, other instructions, limits, tools, responses out of turn. */
const MAX_TEXT = 1_000;
const eventId = z.string().max(64).optional();
const itemId = z.string().min(1).max(64);

const ClientEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("input_audio_buffer.append"),
    event_id: eventId,
    audio: z.string().min(4).regex(/^[A-Za-z0-9+/]+={0,2}$/).refine((text) => text.length % 4 === 0),
  }),
  z.strictObject({ type: z.literal("input_audio_buffer.commit"), event_id: eventId }),
  z.strictObject({ type: z.literal("input_audio_buffer.clear"), event_id: eventId }),
  z.strictObject({
    type: z.literal("conversation.item.create"),
    event_id: eventId,
    item: z.strictObject({
      type: z.literal("message"),
      role: z.literal("user"),
      content: z.tuple([
        z.strictObject({ type: z.literal("input_text"), text: z.string().trim().min(1).max(MAX_TEXT) }),
      ]),
    }),
  }),
  z.strictObject({
    type: z.literal("conversation.item.truncate"),
    event_id: eventId,
    item_id: itemId,
    content_index: z.int().min(0).max(100),
    audio_end_ms: z.int().min(0).max(3_600_000),
  }),
  z.strictObject({ type: z.literal("response.create"), event_id: eventId }),
  z.strictObject({ type: z.literal("response.cancel"), event_id: eventId }),
]);

export type ClientEvent = z.output<typeof ClientEvent>;

/** Parses a client's event; undefined if clients may not send it. */
export function readClientEvent(message: unknown): ClientEvent | undefined {
  if (typeof message !== "string") return undefined;
  return safeParse(ClientEvent, parse(message)).data;
}

export interface ProviderEvent {
  type: string;
  [field: string]: unknown;
}

export function readProviderEvent(message: unknown): ProviderEvent | undefined {
  const event = typeof message === "string" ? parse(message) as ProviderEvent | null : null;
  return typeof event?.type === "string" ? event : undefined;
}

/** Beta names of events, which some servers still send, and the current names that clients know. */
const BETA_NAMES: Record<string, string> = {
  "conversation.item.created": "conversation.item.added",
  "response.audio.delta": "response.output_audio.delta",
  "response.audio.done": "response.output_audio.done",
  "response.audio_transcript.delta": "response.output_audio_transcript.delta",
  "response.audio_transcript.done": "response.output_audio_transcript.done",
  "response.text.delta": "response.output_text.delta",
  "response.text.done": "response.output_text.done",
};

/**
 * Gives a provider's events their current names. If a server sends each event under both names, the old ones are
 * dropped.
 */
export class EventNames {
  readonly #seen = new Set<string>();

  /** The event under its current name; undefined if the server sends it under that name too. */
  translate(event: ProviderEvent): ProviderEvent | undefined {
    const type = BETA_NAMES[event.type];
    if (type === undefined) {
      if (PRESENT_NAMES.has(event.type)) this.#seen.add(event.type);
      return event;
    }
    return this.#seen.has(type) ? undefined : { ...event, type };
  }
}

const PRESENT_NAMES = new Set(Object.values(BETA_NAMES));

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The provider's events that the client gets unchanged; events with a whole response are rebuilt. */
const PASSED_ON = new Set([
  "input_audio_buffer.speech_started",
  "input_audio_buffer.speech_stopped",
  "input_audio_buffer.committed",
  "input_audio_buffer.cleared",
  "conversation.item.added",
  "conversation.item.done",
  "conversation.item.truncated",
  "response.output_item.added",
  "response.output_item.done",
  "response.content_part.added",
  "response.content_part.done",
  "response.output_audio.delta",
  "response.output_audio.done",
  "response.output_audio_transcript.delta",
  "response.output_audio_transcript.done",
  "response.output_text.delta",
  "response.output_text.done",
]);

export function isPassedOn({ type }: ProviderEvent): boolean {
  return PASSED_ON.has(type);
}

/** Whether the event has a part of an answer, which the provider will bill. */
export function isOutput({ type }: ProviderEvent): boolean {
  return /^response\.output_(audio|text|audio_transcript)\.delta$/.test(type);
}

const Response = z.object({
  id: z.string().max(128),
  status: z.enum(["in_progress", "completed", "cancelled", "failed", "incomplete"]),
});

/** The part of a response that the client gets: neither its settings, nor why it failed at the provider. */
export function responseEvent({ type, response }: ProviderEvent): ProviderEvent | undefined {
  const known = safeParse(Response, response).data;
  return known && { type, response: known };
}

const count = z.int().min(0).max(1_000_000_000);
const Usage = z.object({
  input_tokens: count,
  output_tokens: count,
  input_token_details: z.object({ audio_tokens: count }).nullish().catch(null),
  output_token_details: z.object({ audio_tokens: count }).nullish().catch(null),
});

/** Whether a finished answer reports any output of the model. */
export function hasOutput({ response }: ProviderEvent): boolean {
  const { status, usage } = (response ?? {}) as {
    status?: unknown;
    usage?: { output_tokens?: unknown } | null;
  };
  const tokens = usage?.output_tokens;
  return status === "completed" && typeof tokens === "number" && tokens > 0;
}

/** The usage in `response.done`; tokens of an unknown kind count as sound, which costs more. */
export function usageOf({ response }: ProviderEvent): TalkUsage | undefined {
  const usage = safeParse(Usage, (response as { usage?: unknown } | null | undefined)?.usage).data;
  if (!usage) return undefined;
  const audioIn = usage.input_token_details?.audio_tokens ?? usage.input_tokens;
  const audioOut = usage.output_token_details?.audio_tokens ?? usage.output_tokens;
  if (audioIn > usage.input_tokens || audioOut > usage.output_tokens) return undefined;
  return {
    input_tokens: usage.input_tokens - audioIn,
    output_tokens: usage.output_tokens - audioOut,
    audio_input_tokens: audioIn,
    audio_output_tokens: audioOut,
  };
}
