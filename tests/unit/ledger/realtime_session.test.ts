import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { AppError } from "../../../supabase/functions/_shared/platform/errors.ts";
import { Allowance, DEFAULT_SESSION, ENDINGS } from "../../../supabase/functions/_shared/realtime/limits.ts";
import { RealtimeSession, type SessionParts } from "../../../supabase/functions/_shared/realtime/session.ts";
import { type Slice, Slices } from "../../../supabase/functions/_shared/realtime/slices.ts";
import type { Socket } from "../../../supabase/functions/_shared/http/websocket.ts";

/** One end of a connection, in the test's hands. */
class FakeSocket {
  readyState = 1;
  bufferedAmount = 0;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  readonly sent: { type: string; [field: string]: unknown }[] = [];
  closedWith: { code?: number; reason?: string } | undefined;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code?: number, reason?: string): void {
    this.closedWith ??= { code, reason };
    this.readyState = 3;
  }

  say(event: object): void {
    this.onmessage!({ data: JSON.stringify(event) } as MessageEvent);
  }

  types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}

/** Billing that counts what it holds. */
class FakeBilling {
  readonly settled: Slice[] = [];
  isSeatTaken = false;
  isSeatForfeit = false;
  held = 0;
  fail: { hold?: Error; settle?: Error } = {};
  /** Keeps holds waiting. */
  gate: Promise<void> = Promise.resolve();

  takeSeat() {
    this.isSeatTaken = true;
    return Promise.resolve("taken" as const);
  }

  leaveSeat() {
    this.isSeatTaken = false;
    return Promise.resolve();
  }

  forfeitSeat() {
    this.isSeatForfeit = true;
    return Promise.resolve();
  }

  async hold(_number: number, tokens: number) {
    await this.gate;
    if (this.fail.hold) throw this.fail.hold;
    this.held += 1;
    return tokens;
  }

  settle(slice: Slice) {
    if (this.fail.settle) return Promise.reject(this.fail.settle);
    this.held -= 1;
    this.settled.push(slice);
    return Promise.resolve({ charged: 1, balance: 1 });
  }
}

const DONE = {
  type: "response.done",
  response: { id: "resp_1", status: "completed", usage: { input_tokens: 10, output_tokens: 10 } },
};
const TEXT = {
  type: "conversation.item.create",
  item: { type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] },
};
const ASK = { type: "response.create" };
const DELTA = { type: "response.output_audio.delta", delta: "AAAA" };
const unavailable = new AppError("service_unavailable", "The ledger cannot be reached at the moment");

function open(limits: Partial<SessionParts["limits"]> = {}) {
  const [client, provider, billing] = [new FakeSocket(), new FakeSocket(), new FakeBilling()];
  const price = { per_1k_input_tokens: 1, per_1k_audio_output_tokens: 2 };
  const session = new RealtimeSession({
    sessionId: "session",
    name: "coach",
    userId: "user",
    walletId: null,
    model: "demo",
    client: client as unknown as Socket,
    openProvider: () => provider as unknown as Socket,
    setup: { type: "realtime" },
    billing,
    slices: new Slices(price, { input_tokens: 1_000, output_tokens: 1_000 }, 6),
    limits: { ...DEFAULT_SESSION, ...limits },
    tokenEndsAtMs: Infinity,
  });
  return { client, provider, billing, session };
}

async function begin(limits: Partial<SessionParts["limits"]> = {}) {
  const parts = open(limits);
  parts.client.onopen!(new Event("open"));
  await vi.advanceTimersByTimeAsync(1);
  parts.provider.say({ type: "session.created" });
  parts.provider.say({ type: "session.updated" });
  return parts;
}

/** Waits for the end, which may take all of its grace. */
async function ended({ session, client }: Pick<ReturnType<typeof open>, "session" | "client">) {
  await vi.advanceTimersByTimeAsync(20_000);
  await session.finished;
  return client.closedWith;
}

function expectNothingHeld(billing: FakeBilling): void {
  expect({ held: billing.held, isSeatTaken: billing.isSeatTaken }).toEqual({ held: 0, isSeatTaken: false });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a session", () => {
  it("sends no answer's request before its slice is held, and one at a time", async () => {
    const parts = await begin();
    const { client, provider, billing } = parts;
    client.say(TEXT);
    client.say(ASK);
    client.say(ASK);
    await vi.advanceTimersByTimeAsync(1);
    expect(provider.types()).toEqual(["session.update", "conversation.item.create", "response.create"]);
    client.say(TEXT);
    client.say(ASK);
    await vi.advanceTimersByTimeAsync(1);
    expect(provider.types().filter((type) => type === "response.create").length).toBe(1);
    // Unreported usage empties the slice: the next answer has to wait for the next slice.
    let letHold = () => {};
    billing.gate = new Promise((resolve) => letHold = resolve);
    provider.say(DELTA);
    provider.say({ type: "response.done", response: { id: "resp_1", status: "completed", usage: null } });
    await vi.advanceTimersByTimeAsync(1);
    expect(provider.types().filter((type) => type === "response.create").length).toBe(1);
    letHold();
    await vi.advanceTimersByTimeAsync(1);
    expect(provider.types().filter((type) => type === "response.create").length).toBe(2);
    expect(billing.settled).toMatchObject([{ number: 1, isUnknown: true }]);
    client.onclose!({} as CloseEvent);
    await ended(parts);
    expectNothingHeld(billing);
  });

  it("that ends while a slice is being held gives it back", async () => {
    const parts = open();
    let letHold = () => {};
    parts.billing.gate = new Promise((resolve) => letHold = resolve);
    parts.client.onopen!(new Event("open"));
    await vi.advanceTimersByTimeAsync(1);
    parts.client.onclose!({} as CloseEvent);
    await vi.advanceTimersByTimeAsync(1);
    expect(parts.billing.isSeatTaken).toBe(true);
    letHold();
    await ended(parts);
    expectNothingHeld(parts.billing);
    expect(parts.provider.onmessage).toBeNull();
  });

  it("ends with 4431 for a client that takes nothing, and never keeps more for it than the limit", async () => {
    const parts = await begin();
    parts.client.bufferedAmount = DEFAULT_SESSION.buffered_bytes + 1;
    parts.provider.say({ type: "input_audio_buffer.cleared" });
    expect(await ended(parts)).toEqual({ code: 4431, reason: "client_too_slow" });
    expect(parts.client.types()).toEqual(["session_ready"]);
    expectNothingHeld(parts.billing);
  });

  it("ends with 4504 for a provider that takes nothing", async () => {
    const parts = await begin();
    parts.provider.bufferedAmount = DEFAULT_SESSION.buffered_bytes + 1;
    parts.client.say({ type: "input_audio_buffer.append", audio: "AAAA" });
    expect(await ended(parts)).toEqual({ code: 4504, reason: "provider_timeout" });
    expectNothingHeld(parts.billing);
  });

  it("waits for the usage of the answer that it breaks off, and not for ever", async () => {
    for (const isReported of [true, false]) {
      const parts = await begin();
      parts.client.say(TEXT);
      parts.client.say(ASK);
      await vi.advanceTimersByTimeAsync(1);
      parts.provider.say(DELTA);
      parts.session.end("session_ended");
      await vi.advanceTimersByTimeAsync(100);
      expect(parts.provider.types().at(-1)).toBe("response.cancel");
      expect(parts.client.closedWith).toBeUndefined();
      if (isReported) parts.provider.say(DONE);
      expect(await ended(parts)).toEqual({ code: 4410, reason: "session_ended" });
      expect(parts.billing.settled).toMatchObject([{ isUnknown: !isReported }]);
      expectNothingHeld(parts.billing);
    }
  });

  it("passes nothing on before it is ready, and forgives an open microphone", async () => {
    const parts = open();
    parts.client.onopen!(new Event("open"));
    await vi.advanceTimersByTimeAsync(1);
    for (let chunk = 0; chunk < 50; chunk++) {
      parts.client.say({ type: "input_audio_buffer.append", audio: "AAAA" });
    }
    expect(parts.client.types()).toEqual([]);
    for (let mistake = 0; mistake < 11; mistake++) parts.client.say(TEXT);
    expect(await ended(parts)).toEqual({ code: 4400, reason: "invalid_request" });
    expect(parts.provider.types()).toEqual([]);
    expectNothingHeld(parts.billing);
  });

  it("counts an answer once, however often it is reported", async () => {
    const parts = await begin();
    parts.client.say(TEXT);
    parts.client.say(ASK);
    await vi.advanceTimersByTimeAsync(1);
    parts.provider.say(DELTA);
    for (let report = 0; report < 3; report++) parts.provider.say(DONE);
    parts.session.end("closed");
    await ended(parts);
    expect(parts.billing.settled).toMatchObject([{
      used: { audio_input_tokens: 10, audio_output_tokens: 10 },
    }]);
    expect(parts.client.types().filter((type) => type === "usage").length).toBe(1);
  });

  it("passes the beta's names on as the present ones, and each piece of an answer once", async () => {
    const parts = await begin();
    parts.client.say(TEXT);
    parts.client.say(ASK);
    await vi.advanceTimersByTimeAsync(1);
    parts.provider.say({ type: "response.audio.delta", delta: "AAAA" });
    parts.provider.say({ type: "response.audio_transcript.delta", delta: "Hi" });
    parts.provider.say({ type: "response.output_audio_transcript.delta", delta: " you" });
    parts.provider.say({ type: "response.audio_transcript.delta", delta: " you" });
    parts.provider.say(DONE);
    expect(parts.client.sent.filter(({ delta }) => delta).map(({ type, delta }) => [type, delta])).toEqual([
      ["response.output_audio.delta", "AAAA"],
      ["response.output_audio_transcript.delta", "Hi"],
      ["response.output_audio_transcript.delta", " you"],
    ]);
    parts.session.end("closed");
    await ended(parts);
    expect(parts.billing.settled).toMatchObject([{ isUnknown: false, used: { audio_output_tokens: 10 } }]);
  });

  it("charges nothing for an answer of which no event was understood, and ends", async () => {
    const parts = await begin();
    parts.client.say(TEXT);
    parts.client.say(ASK);
    await vi.advanceTimersByTimeAsync(1);
    parts.provider.say({ type: "response.sound.piece", piece: "AAAA" });
    parts.provider.say(DONE);
    expect(await ended(parts)).toEqual({ code: 4502, reason: "provider_error" });
    expect(parts.billing.settled).toMatchObject([{ isUnknown: false, used: { audio_output_tokens: 0 } }]);
    expectNothingHeld(parts.billing);
  });

  it("keeps the seat of a client whose message filled the memory, and no other's", async () => {
    for (const [characters, isKept] of [[200_000, false], [1_100_000, true]] as const) {
      const parts = await begin();
      parts.client.say({ type: "x".repeat(characters) });
      expect(await ended(parts)).toEqual({ code: 4413, reason: "payload_too_large" });
      const { isSeatTaken, isSeatForfeit } = parts.billing;
      expect({ isSeatTaken, isSeatForfeit }).toEqual({ isSeatTaken: isKept, isSeatForfeit: isKept });
    }
  });

  it("does not pay for an answer that never began", async () => {
    const parts = await begin();
    parts.client.say(TEXT);
    parts.client.say(ASK);
    await vi.advanceTimersByTimeAsync(1);
    await vi.advanceTimersByTimeAsync(DEFAULT_SESSION.provider_s * 1000);
    expect(await ended(parts)).toEqual({ code: 4504, reason: "provider_timeout" });
    expect(parts.billing.settled).toMatchObject([{ isUnknown: false, used: { input_tokens: 0 } }]);
  });

  it("ends with 4503 when the ledger cannot be reached, at the beginning and in the middle", async () => {
    const early = open();
    early.billing.fail.hold = unavailable;
    early.client.onopen!(new Event("open"));
    expect(await ended(early)).toEqual({ code: 4503, reason: "service_unavailable" });

    const parts = await begin();
    parts.billing.fail.hold = unavailable;
    parts.client.say(TEXT);
    parts.client.say(ASK);
    await vi.advanceTimersByTimeAsync(1);
    parts.provider.say(DELTA);
    parts.provider.say({
      ...DONE,
      response: { ...DONE.response, usage: { input_tokens: 0, output_tokens: 2_000 } },
    });
    expect(await ended(parts)).toEqual({ code: 4503, reason: "service_unavailable" });
    expectNothingHeld(parts.billing);
  });

  it("says goodbye to the client though nothing can be settled; the hold then ends by its time", async () => {
    const parts = await begin();
    parts.billing.fail.settle = unavailable;
    parts.session.end("idle_timeout");
    expect(await ended(parts)).toEqual({ code: 4408, reason: "idle_timeout" });
    expect(parts.billing.isSeatTaken).toBe(false);
  });

  it("whatever comes in whatever order leaves nothing held, and settles each slice once", async () => {
    const events = fc.constantFrom(
      { from: "client", event: TEXT },
      { from: "client", event: ASK },
      { from: "client", event: { type: "response.cancel" } },
      { from: "client", event: { type: "input_audio_buffer.append", audio: "AAAA" } },
      { from: "provider", event: { type: "input_audio_buffer.committed" } },
      { from: "provider", event: DELTA },
      { from: "provider", event: DONE },
      {
        from: "provider",
        event: { type: "response.done", response: { id: "r", status: "failed", usage: null } },
      },
      { from: "provider", event: { type: "error", error: { code: "x", event_id: "tessera_answer" } } },
      { from: "time", event: {} },
    );
    const ends = fc.constantFrom("client", "provider", "garbage", "closed", "session_ended", "token_expired");
    await fc.assert(
      fc.asyncProperty(fc.array(events, { maxLength: 40 }), ends, async (steps, end) => {
        const parts = await begin();
        for (const { from, event } of steps) {
          if (from === "time") await vi.advanceTimersByTimeAsync(1);
          else parts[from as "client" | "provider"].say(event);
        }
        if (end === "client") parts.client.onclose!({} as CloseEvent);
        else if (end === "garbage") parts.provider.onmessage!({ data: "{" } as MessageEvent);
        else if (end === "provider") {
          parts.provider.readyState = 3;
          parts.provider.onclose!({} as CloseEvent);
        } else parts.session.end(end as keyof typeof ENDINGS);
        await ended(parts);
        expectNothingHeld(parts.billing);
        const numbers = parts.billing.settled.map(({ number }) => number);
        expect(new Set(numbers).size).toBe(numbers.length);
        expect(parts.client.types().at(-1)).toBe("session_ended");
      }),
      { numRuns: 200 },
    );
  });
});

describe("an allowance", () => {
  it("lets through what fills again with time, and does not count what it refused", () => {
    const allowance = new Allowance(10, 20, 0);
    expect(allowance.take(20, 0)).toBe(true);
    expect(allowance.take(1, 0)).toBe(false);
    expect(allowance.take(1, 100)).toBe(true);
    expect(allowance.take(21, 1_000_000)).toBe(false);
    expect(allowance.take(20, 1_000_000)).toBe(true);
    expect(allowance.take(1, 999_000)).toBe(false); // A clock that goes back gives nothing.
  });
});

describe("the close codes", () => {
  it("are the API: of the range that is free for applications, none twice, none renamed", () => {
    expect(Object.fromEntries(Object.entries(ENDINGS).map(([name, { closeCode }]) => [name, closeCode])))
      .toEqual({
        closed: 1000,
        invalid_request: 4400,
        token_expired: 4401,
        balance_exhausted: 4402,
        account_paused: 4403,
        forbidden: 4405,
        member_cap_reached: 4407,
        spend_cap_reached: 4406,
        idle_timeout: 4408,
        session_ended: 4410,
        payload_too_large: 4413,
        rate_limited: 4429,
        client_too_slow: 4431,
        internal: 4500,
        provider_error: 4502,
        service_unavailable: 4503,
        provider_timeout: 4504,
      });
  });
});
