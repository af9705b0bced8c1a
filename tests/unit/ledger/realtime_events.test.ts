import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  isOutput,
  isPassedOn,
  readClientEvent,
  readProviderEvent,
  responseEvent,
  usageOf,
} from "../../../supabase/functions/_shared/realtime/events.ts";

const ALLOWED = [
  { type: "input_audio_buffer.append", audio: "AAAA" },
  { type: "input_audio_buffer.commit", event_id: "e1" },
  { type: "input_audio_buffer.clear" },
  {
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] },
  },
  { type: "conversation.item.truncate", item_id: "item_1", content_index: 0, audio_end_ms: 1_500 },
  { type: "response.create" },
  { type: "response.cancel" },
];

describe("a client's event", () => {
  it.each(ALLOWED)("$type is read as it is", (event) => {
    expect(readClientEvent(JSON.stringify(event))).toEqual(event);
  });

  it.each(ALLOWED)("$type with one field more is none", (event) => {
    for (const name of ["session", "response", "instructions", "model", "tools"]) {
      expect(readClientEvent(JSON.stringify({ ...event, [name]: {} }))).toBeUndefined();
    }
  });

  it("of any other type, or that is no text of an object, is none", () => {
    const types = fc.string().filter((type) => !ALLOWED.some((event) => event.type === type));
    fc.assert(fc.property(fc.oneof(fc.record({ type: types }), fc.anything()), (value) => {
      expect(readClientEvent(value)).toBeUndefined();
      expect(readClientEvent(JSON.stringify(value))).toBeUndefined();
    }));
    expect(readClientEvent("{")).toBeUndefined();
  });

  it("with sound that is no whole base64 is none", () => {
    for (const audio of ["", "A", "AAA", "AAAA=", "AA AA", "-_-_", "AAAA".repeat(2) + "é"]) {
      const event = { type: "input_audio_buffer.append", audio };
      expect(readClientEvent(JSON.stringify(event))).toBeUndefined();
    }
  });
});

describe("a provider's event", () => {
  it("has a type, whatever else arrives", () => {
    fc.assert(fc.property(fc.anything(), (value) => {
      const event = readProviderEvent(JSON.stringify(value));
      expect(event === undefined || typeof event.type === "string").toBe(true);
      expect(readProviderEvent(value) === undefined || typeof value === "string").toBe(true);
    }));
  });

  it("passes on what the client needs, and nothing of the session, the limits or errors", () => {
    for (
      const type of ["session.created", "session.updated", "rate_limits.updated", "error", "response.done"]
    ) {
      expect(isPassedOn({ type })).toBe(false);
    }
    expect(isPassedOn({ type: "response.output_audio.delta" })).toBe(true);
    expect(isOutput({ type: "response.output_audio.delta" })).toBe(true);
    expect(isOutput({ type: "response.created" })).toBe(false);
  });

  it("of a whole response shows its id and status alone", () => {
    const response = {
      id: "resp_1",
      status: "failed",
      status_details: { error: "quota of acme" },
      usage: {},
    };
    expect(responseEvent({ type: "response.done", response }))
      .toEqual({ type: "response.done", response: { id: "resp_1", status: "failed" } });
    expect(responseEvent({ type: "response.done" })).toBeUndefined();
  });
});

describe("a reported usage", () => {
  const usage = (value: unknown) => usageOf({ type: "response.done", response: { usage: value } });

  it("has text and sound apart", () => {
    expect(usage({
      total_tokens: 360,
      input_tokens: 300,
      output_tokens: 60,
      input_token_details: { text_tokens: 100, audio_tokens: 200, cached_tokens: 64 },
      output_token_details: { text_tokens: 20, audio_tokens: 40 },
    })).toEqual({ input_tokens: 100, audio_input_tokens: 200, output_tokens: 20, audio_output_tokens: 40 });
  });

  it("without details counts as sound", () => {
    for (const details of [undefined, null, {}, { audio_tokens: -1 }]) {
      expect(
        usage({
          input_tokens: 3,
          output_tokens: 4,
          input_token_details: details,
          output_token_details: details,
        }),
      )
        .toEqual({ input_tokens: 0, audio_input_tokens: 3, output_tokens: 0, audio_output_tokens: 4 });
    }
  });

  it("that cannot be is unknown", () => {
    const odd = [
      undefined,
      null,
      {},
      "12",
      { input_tokens: -1, output_tokens: 0 },
      { input_tokens: 1.5, output_tokens: 0 },
      { input_tokens: 1 },
      { input_tokens: 1, output_tokens: 1, input_token_details: { audio_tokens: 2 } },
    ];
    for (const value of odd) expect(usage(value)).toBeUndefined();
    expect(usageOf({ type: "response.done" })).toBeUndefined();
    expect(usageOf({ type: "response.done", response: null })).toBeUndefined();
  });
});
