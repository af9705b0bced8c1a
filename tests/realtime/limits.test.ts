import { describe, expect, it } from "vitest";

import { openSlowReader } from "../../bench/realtime/slow_reader.ts";
import { Rate } from "../../scripts/local/realtime/rate.ts";
import { DEFAULT_LIMITS, isSwitchedOn, readLimits } from "../../scripts/local/realtime/settings.ts";
import { newTopic } from "./support/clients.ts";
import { openOwnServer } from "./support/own_server.ts";
import { openWire, userBroadcast, type Wire } from "./support/wire.ts";

const server = await openOwnServer({
  channels_per_connection: 2,
  payload_kb: 1,
  presence_calls: 3,
  unread_bytes: 200_000,
});

async function entered(topic: string, config: object = {}): Promise<Wire> {
  const wire = await openWire(server);
  expect(await wire.join(topic, { config: { presence: { enabled: false }, ...config } }))
    .toMatchObject({ status: "ok" });
  return wire;
}

function systemMessage(wire: Wire) {
  return wire.next(([, , , event]) => event === "system").then(([, , , , payload]) => payload.message);
}

function closeOf(wire: Wire, topic: string) {
  return wire.next(([, , of, event]) => of === topic && event === "phx_close");
}

describe("more than is allowed", () => {
  it("channels of a connection: the join is refused, and one that is left makes room", async () => {
    const wire = await openWire(server);
    const topics = Array.from({ length: 3 }, () => `realtime:${newTopic()}`);
    expect(await wire.join(topics[0]!)).toMatchObject({ status: "ok" });
    expect(await wire.join(topics[1]!)).toMatchObject({ status: "ok" });
    expect(await wire.join(topics[2]!))
      .toEqual({ status: "error", response: { reason: "ChannelRateLimitReached: Too many channels" } });
    await wire.ask(["join-1", "9", topics[0]!, "phx_leave", {}]);
    expect(await wire.join(topics[2]!)).toMatchObject({ status: "ok" });
  });

  it("connections: the upgrade is refused, and one that goes makes room", async () => {
    const small = await openOwnServer({ connections: 2 });
    const [first] = [await openWire(small), await openWire(small)];
    await expect(openWire(small)).rejects.toThrow("refused");
    first.close();
    await eventually(() => small.context.measures.connections === 1);
    await openWire(small);
  });

  it("presence calls in a window: the channel ends", async () => {
    const topic = `realtime:${newTopic()}`;
    const wire = await entered(topic);
    for (let call = 0; call < 4; call++) {
      wire.send(["join-1", `c${call}`, topic, "presence", { event: "track", payload: { call } }]);
    }
    expect(await systemMessage(wire)).toBe("Client presence rate limit exceeded");
    await closeOf(wire, topic);
    expect(wire.received.filter((one) => Array.isArray(one) && one[3] === "phx_reply")).toHaveLength(4);
  });

  it("bytes of a payload: an acknowledged broadcast is refused, and nobody hears it", async () => {
    const topic = `realtime:${newTopic()}`;
    const [sender, listener] = [
      await entered(topic, { broadcast: { ack: true } }),
      await entered(topic),
    ];
    const payload = { type: "broadcast", event: "e", payload: { text: "x".repeat(1_500) } };
    const refused = { status: "error", response: { error: "payload_size_exceeded" } };
    expect(await sender.ask(["join-1", "5", topic, "broadcast", payload])).toEqual(refused);
    sender.send(
      userBroadcast({ joinRef: "join-1", ref: "6", topic, event: "e", payload: new Uint8Array(1_501) }),
    );
    const [, , , , reply] = await sender.next(([, ref]) => ref === "6");
    expect(reply).toEqual(refused);
    const small = { ...payload, payload: { n: 1 } };
    expect(await sender.ask(["join-1", "7", topic, "broadcast", small])).toMatchObject({ status: "ok" });
    const [, , , , heard] = await listener.next(([, , , event]) => event === "broadcast");
    expect(heard).toEqual(small);
  });

  it("bytes of a presence: the channel ends", async () => {
    const topic = `realtime:${newTopic()}`;
    const wire = await entered(topic);
    wire.send(["join-1", "5", topic, "presence", { event: "track", payload: { text: "x".repeat(1_600) } }]);
    expect(await systemMessage(wire)).toBe("Track message size exceeded");
    await closeOf(wire, topic);
  });
});

describe("a rate", () => {
  it("of events: the channel that is over it ends, and the others' go on", async () => {
    const strict = await openOwnServer({ events_per_second: 20 });
    const topic = `realtime:${newTopic()}`;
    const [flood, calm] = [await openWire(strict), await openWire(strict)];
    const config = { presence: { enabled: false } };
    await flood.join(topic, { config: { ...config, broadcast: { self: true } } });
    await calm.join(`${topic}-other`, { config: { ...config, broadcast: { ack: true } } });
    for (let n = 0; n < 200; n++) {
      flood.send(["join-1", null, topic, "broadcast", { type: "broadcast", event: "e", payload: { n } }]);
    }
    expect(await systemMessage(flood)).toBe("Too many messages per second");
    await closeOf(flood, topic);
    expect(await calm.ask(["join-1", "5", `${topic}-other`, "broadcast", { event: "e", payload: {} }]))
      .toMatchObject({ status: "ok" });
  });

  it("of events: a listener that gets too many is let go, too", async () => {
    const strict = await openOwnServer({ events_per_second: 20 });
    const topic = newTopic();
    const listener = await openWire(strict);
    await listener.join(`realtime:${topic}`, { config: { presence: { enabled: false } } });
    for (let n = 0; n < 200; n++) {
      strict.context.rooms.send(`public:${topic}`, { kind: "json", event: "broadcast", payload: { n } });
    }
    expect(await systemMessage(listener)).toBe("Too many messages per second");
    expect(listener.received.filter((one) => Array.isArray(one) && one[3] === "broadcast").length)
      .toBeLessThan(200);
  });

  it("of joins: the join is refused, and the connection closed with 1000", async () => {
    const strict = await openOwnServer({ joins_per_second: 2 });
    const wire = await openWire(strict);
    const replies = [];
    for (let n = 0; n < 10; n++) {
      const reply = await wire.join(`realtime:${newTopic()}`);
      replies.push(reply);
      if (reply.status === "error") break;
    }
    expect(replies.at(-1)).toEqual({
      status: "error",
      response: { reason: "ClientJoinRateLimitReached: Too many joins per second" },
    });
    expect(await wire.closed).toBe(1000);
  });

  it("of presence events: the channel ends", async () => {
    const strict = await openOwnServer({ presence_events_per_second: 2 });
    const topic = `realtime:${newTopic()}`;
    const wires: Wire[] = [];
    const ends: Promise<string>[] = [];
    for (let n = 0; n < 8; n++) {
      const wire = await openWire(strict);
      wire.send(["1", "1", topic, "phx_join", { config: { presence: { key: `${n}` } } }]);
      wires.push(wire);
      ends.push(systemMessage(wire));
    }
    expect(await Promise.any(ends)).toBe("Too many presence messages per second");
    for (const wire of wires) wire.close();
    await Promise.allSettled(ends);
  });

  it("of messages by HTTP: the batch, or the next one, is refused", async () => {
    const strict = await openOwnServer({ events_per_second: 5 });
    const post = async (count: number) => {
      const messages = Array.from({ length: count }, () => ({ topic: "t", event: "e", payload: {} }));
      const answer = await fetch(`${strict.base}/api/broadcast`, {
        method: "POST",
        headers: { apikey: strict.apiKey, "content-type": "application/json" },
        body: JSON.stringify({ messages }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text && JSON.parse(text) };
    };
    expect(await post(6)).toEqual({
      status: 429,
      body: { message: "Too many messages to broadcast, please reduce the batch size" },
    });
    expect(await post(5)).toMatchObject({ status: 202 });
    expect((await post(5)).status).toBe(429);
  });

  it("is the average of the last minute, or of what there was of it", () => {
    const rate = new Rate(10, 0);
    rate.add(15, 500);
    expect([rate.average(900), rate.isExceeded(900)]).toEqual([15, true]);
    expect([rate.average(1_000), rate.isExceeded(1_000)]).toEqual([7.5, false]);
    rate.add(45, 29_000);
    expect(rate.average(29_999)).toBe(2);
    expect(rate.average(59_999)).toBe(1);
    expect(rate.average(60_000)).toBe(0.75);
    expect(rate.average(88_999)).toBe(0.75);
    expect(rate.average(89_000)).toBe(0);
    rate.add(60, 500_000);
    expect(rate.average(500_000)).toBe(1);
  });
});

it("a client that does not read is let go, without a word, and holds nobody up", async () => {
  const topic = newTopic();
  const { base: url, path, apiKey: publishableKey } = server;
  const { ended } = await openSlowReader({ url, path, publishableKey }, topic);

  const listener = await entered(`realtime:${topic}`);
  const before = server.context.measures.slowReaders;
  const payload = { type: "broadcast", event: "e", payload: { text: "x".repeat(100_000) } };
  let sent = 0;
  while (server.context.measures.slowReaders === before) {
    if (++sent > 500) throw new Error("it is never let go");
    server.context.rooms.send(`public:${topic}`, { kind: "json", event: "broadcast", payload });
    await listener.ask([null, `h${sent}`, "phoenix", "heartbeat", {}]);
  }
  await ended;
  const heard = listener.received.filter((one) => Array.isArray(one) && one[3] === "broadcast");
  expect(heard).toHaveLength(sent);
  expect(server.context.rooms.count).toBe(1);
});

it("a client that says nothing for the time allowed is closed with 1000, and one that says something is not", async () => {
  const impatient = await openOwnServer({}, { silenceMs: 300 });
  const [silent, talking] = [await openWire(impatient), await openWire(impatient)];
  let beats = 0;
  let isClosed = false;
  silent.closed.then(() => isClosed = true);
  while (!isClosed) {
    await talking.ask([null, `${++beats}`, "phoenix", "heartbeat", {}]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await silent.closed).toBe(1000);
  expect(await talking.ask([null, "last", "phoenix", "heartbeat", {}])).toMatchObject({ status: "ok" });
});

describe("settings", () => {
  it("are given over the defaults", () => {
    expect(readLimits(undefined)).toEqual(DEFAULT_LIMITS);
    expect(readLimits(" connections = 7, payload_kb=256,")).toEqual({
      ...DEFAULT_LIMITS,
      connections: 7,
      payload_kb: 256,
    });
  });

  it.each([
    ["a limit that is none", "speed=3", /no limit named "speed"; it has connections, /],
    ["no number", "connections=many", /connections is a whole number above 0/],
    ["nothing", "connections", /connections is a whole number above 0/],
    ["less than one", "connections=0", /connections is a whole number above 0/],
  ])("with %s are refused with what is wrong", (_, text, message) => {
    expect(() => readLimits(text)).toThrow(message);
  });

  it("switch it off, and are refused where they are neither on nor off", () => {
    expect([undefined, "", "on", "off"].map(isSwitchedOn)).toEqual([true, true, true, false]);
    expect(() => isSwitchedOn("OFF")).toThrow(`TESSERA_REALTIME is "OFF", and may be on or off`);
  });
});

it("its measures are told in Prometheus's format to who has the stack's token", async () => {
  const answer = await fetch(`${server.base}/metrics`, {
    headers: { authorization: `Bearer ${server.metricsToken}` },
  });
  const text = await answer.text();
  expect(text).toMatch(/^# TYPE realtime_connections gauge\nrealtime_connections \d+$/m);
  expect(text).toMatch(/^realtime_slow_readers_total 1$/m);
});

async function eventually(isSo: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!isSo()) {
    if (Date.now() > end) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
