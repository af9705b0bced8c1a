import { describe, expect, inject, it, onTestFinished } from "vitest";

import { anonymous, type ClientName, CLIENTS, inbox, joined, newTopic } from "./support/clients.ts";
import { openWire, readUserBroadcast, userBroadcast } from "./support/wire.ts";

const { url, publishableKey } = inject("stack");
const names = Object.keys(CLIENTS) as ClientName[];
// deno-lint-ignore no-explicit-any -- a payload is what its sender says
type Heard = any;

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/realtime/v1/api/broadcast${path}`, {
    method: "POST",
    headers: {
      "apikey": publishableKey,
      "authorization": `Bearer ${publishableKey}`,
      "content-type": "application/json",
      ...headers,
    },
    body: typeof body === "string" || body instanceof Uint8Array
      ? body as Uint8Array<ArrayBuffer>
      : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
}

describe.each(names)("with %s", (name) => {
  it.each(names)("what is sent is heard by %s", async (other) => {
    const topic = newTopic();
    const heard = inbox<Heard>();
    await joined(anonymous(other).channel(topic).on("broadcast", { event: "*" }, heard.add));
    const sender = await joined(anonymous(name).channel(topic));
    const payload = { text: "Grüße, 世界 🌍", deep: [{ a: null }, 1.5, true] };
    expect(await sender.send({ type: "broadcast", event: "größe", payload })).toBe("ok");
    expect(await heard.next()).toMatchObject({ type: "broadcast", event: "größe", payload });
  });

  it("the sender hears itself where it asked to, and else not", async () => {
    const topic = newTopic();
    const [mine, others] = [inbox<Heard>(), inbox<Heard>()];
    const own = await joined(
      anonymous(name).channel(topic, { config: { broadcast: { self: true } } })
        .on("broadcast", { event: "x" }, mine.add),
    );
    const other = await joined(anonymous(name).channel(topic).on("broadcast", { event: "x" }, others.add));
    await other.send({ type: "broadcast", event: "x", payload: { from: "other" } });
    await own.send({ type: "broadcast", event: "x", payload: { from: "own" } });
    expect((await mine.next()).payload).toEqual({ from: "other" });
    expect((await mine.next()).payload).toEqual({ from: "own" });
    expect((await others.next()).payload).toEqual({ from: "own" });
  });

  it("a send is acknowledged where that was asked for", async () => {
    const channel = await joined(
      anonymous(name).channel(newTopic(), { config: { broadcast: { ack: true } } }),
    );
    expect(await channel.send({ type: "broadcast", event: "x", payload: {} })).toBe("ok");
  });

  it("a channel that is not joined sends by HTTP", async () => {
    const topic = newTopic();
    const heard = inbox<Heard>();
    await joined(anonymous().channel(topic).on("broadcast", { event: "x" }, heard.add));
    const channel = anonymous(name).channel(topic);
    expect(await channel.send({ type: "broadcast", event: "x", payload: { a: 1 } })).toBe("ok");
    expect((await heard.next()).payload).toEqual({ a: 1 });
  });
});

describe("bytes", () => {
  it("are heard by clients of version 2, and left out for those of version 1", async () => {
    const topic = newTopic();
    const [second, first] = [inbox<Heard>(), inbox<Heard>()];
    await joined(anonymous().channel(topic).on("broadcast", { event: "*" }, second.add));
    await joined(
      anonymous("the newest supabase-js, serializer 1.0.0").channel(topic)
        .on("broadcast", { event: "*" }, first.add),
    );
    const sender = await joined(anonymous().channel(topic));
    await sender.send({ type: "broadcast", event: "bytes", payload: Uint8Array.of(0, 1, 254, 255).buffer });
    await sender.send({ type: "broadcast", event: "json", payload: { after: true } });
    expect([...new Uint8Array((await second.next()).payload)]).toEqual([0, 1, 254, 255]);
    expect((await first.next()).event).toBe("json");
  });

  it("go over the wire as the real server writes them", async () => {
    const topic = `realtime:${newTopic()}`;
    const [sender, receiver] = [await openWire(), await openWire()];
    await receiver.join(topic, { config: { presence: { enabled: false } } });
    await sender.join(topic, { config: { presence: { enabled: false } } });
    sender.send(
      userBroadcast({ joinRef: "join-1", ref: "5", topic, event: "e", payload: Uint8Array.of(7, 8) }),
    );
    expect(readUserBroadcast(await receiver.nextBytes()))
      .toEqual({ topic, event: "e", meta: undefined, payload: [7, 8] });
  });

  it("of an event of the protocol itself end the channel", async () => {
    const topic = `realtime:${newTopic()}`;
    const wire = await openWire();
    await wire.join(topic);
    const fields = ["join-1", "5", topic, "broadcast"].map((field) => new TextEncoder().encode(field));
    wire.send(
      Uint8Array.from([0, ...fields.map(({ length }) => length), ...fields.flatMap((one) => [...one]), 1]),
    );
    await wire.next(([, , , event]) => event === "phx_error");
  });
});

describe("JSON goes over the wire as the real server writes it", () => {
  const payload = { type: "broadcast", event: "e", payload: { a: 1 } };

  it("from version 1 to version 2: as an array", async () => {
    const topic = `realtime:${newTopic()}`;
    const [sender, receiver] = [await openWire({ version: "1.0.0" }), await openWire()];
    await receiver.join(topic, { config: { presence: { enabled: false } } });
    await sender.join(topic, { config: { presence: { enabled: false } } });
    sender.send(["join-1", "5", topic, "broadcast", payload]);
    expect(await receiver.next(([, , , event]) => event === "broadcast"))
      .toEqual([null, null, topic, "broadcast", payload]);
  });

  it("from version 2 to both: as bytes, and as an object", async () => {
    const topic = `realtime:${newTopic()}`;
    const [sender, second, first] = [
      await openWire(),
      await openWire(),
      await openWire({ version: "1.0.0" }),
    ];
    for (const wire of [sender, second, first]) {
      await wire.join(topic, { config: { presence: { enabled: false } } });
    }
    sender.send(userBroadcast({ joinRef: "join-1", ref: "5", topic, event: "e", payload: { a: 1 } }));
    expect(readUserBroadcast(await second.nextBytes())).toEqual({ topic, event: "e", payload: { a: 1 } });
    expect(await first.next(([, , , event]) => event === "broadcast"))
      .toEqual([null, null, topic, "broadcast", payload]);
  });
});

describe("by HTTP", () => {
  it("a batch is heard in its order, in the topics that it names", async () => {
    const [topic, other] = [newTopic(), newTopic()];
    const [heard, elsewhere] = [inbox<Heard>(), inbox<Heard>()];
    await joined(anonymous().channel(topic).on("broadcast", { event: "*" }, heard.add));
    await joined(anonymous().channel(other).on("broadcast", { event: "*" }, elsewhere.add));
    const messages = [
      { topic, event: "a", payload: { n: 1 } },
      { topic: other, event: "b", payload: { n: 2 } },
      { topic, event: "c", payload: { n: 3 }, private: false },
    ];
    expect(await post("", { messages })).toEqual({ status: 202, body: undefined });
    expect([await heard.next(), await heard.next()]).toMatchObject([
      { type: "broadcast", event: "a", payload: { n: 1 } },
      { type: "broadcast", event: "c", payload: { n: 3 } },
    ]);
    expect(await elsewhere.next()).toMatchObject({ event: "b", payload: { n: 2 } });
  });

  it("one message is heard, as JSON and as bytes", async () => {
    const topic = newTopic();
    const heard = inbox<Heard>();
    await joined(anonymous().channel(topic).on("broadcast", { event: "*" }, heard.add));
    const path = `/${encodeURIComponent(topic)}/events/${encodeURIComponent("größe/1")}`;
    expect(await post(path, { a: 1 })).toEqual({ status: 202, body: undefined });
    expect(await heard.next()).toMatchObject({ event: "größe/1", payload: { a: 1 } });
    expect(await post(path, Uint8Array.of(1, 2), { "content-type": "application/octet-stream" }))
      .toMatchObject({ status: 202 });
    expect([...new Uint8Array((await heard.next()).payload)]).toEqual([1, 2]);
  });

  it.each([
    ["no messages", {}, { messages: ["can't be blank"] }],
    ["an empty list", { messages: [] }, { messages: ["can't be blank"] }],
    ["no list", { messages: "x" }, { messages: ["is invalid"] }],
    [
      "a message without fields",
      { messages: [{}] },
      { messages: [{ topic: ["can't be blank"], event: ["can't be blank"], payload: ["can't be blank"] }] },
    ],
    [
      "fields of other types",
      { messages: [{ topic: 1, event: [], payload: "x", private: "maybe" }] },
      {
        messages: [{
          topic: ["is invalid"],
          event: ["is invalid"],
          payload: ["is invalid"],
          private: ["is invalid"],
        }],
      },
    ],
    [
      "one good message and a bad one",
      { messages: [{ topic: "t", event: "e", payload: {} }, { topic: "t", event: "e" }] },
      { messages: [{}, { payload: ["can't be blank"] }] },
    ],
    [
      "a payload that is too large",
      { messages: [{ topic: "t", event: "e", payload: { text: "x".repeat(3_001_000) } }] },
      { messages: [{ payload: ["Payload size exceeds tenant limit"] }] },
    ],
  ])("a batch with %s is refused", async (_, body, errors) => {
    expect(await post("", body)).toEqual({ status: 422, body: { errors } });
  });

  it("what is no JSON, of another type, too long or of nobody is refused", async () => {
    expect(await post("", "{")).toMatchObject({ status: 400 });
    expect(await post("/t/events/e", "x", { "content-type": "text/plain" })).toEqual({
      status: 415,
      body: { error: "Unsupported Media Type. Use application/json or application/octet-stream" },
    });
    expect(await post("/t/events/e", "x".repeat(8_000_001), { "content-type": "application/octet-stream" }))
      .toMatchObject({ status: 413 });
    expect(await post("", { messages: [] }, { authorization: "Bearer nonsense" }))
      .toEqual({ status: 401, body: { message: "Unauthorized" } });
  });
});

it("a public channel and a private one of the same name are two rooms", async () => {
  const topic = newTopic();
  const heard = inbox<Heard>();
  await joined(anonymous().channel(topic).on("broadcast", { event: "*" }, heard.add));
  expect(await post("", { messages: [{ topic, event: "secret", payload: {}, private: true }] }))
    .toMatchObject({ status: 202 });
  await post("", { messages: [{ topic, event: "open", payload: {} }] });
  expect((await heard.next()).event).toBe("open");
});

describe("a number that JavaScript would write in another way", () => {
  const NUMBERS = '{"id":12345678901234567890,"one":1.0,"many":1e2,"tenth":0.10,"none":-0,"plain":12}';

  it.each(["1.0.0", "2.0.0"])("comes through as it was sent, by version %s and by HTTP", async (version) => {
    const topic = `realtime:${newTopic()}`;
    const [sender, listener] = [await openWire({ version }), await openTextWire(topic)];
    await sender.join(topic, { config: {} });
    sender.send(
      version === "1.0.0"
        ? `{"topic":"${topic}","event":"broadcast","payload":{"type":"broadcast","event":"e","payload":${NUMBERS}},"ref":"5","join_ref":"join-1"}`
        : `["join-1","5","${topic}","broadcast",{"type":"broadcast","event":"e","payload":${NUMBERS}}]`,
    );
    expect(await listener.next()).toContain(NUMBERS);
    const { url, publishableKey } = inject("stack");
    const answer = await fetch(`${url}/realtime/v1/api/broadcast`, {
      method: "POST",
      headers: { "apikey": publishableKey, "content-type": "application/json" },
      body: `{"messages":[{"topic":"${topic.slice("realtime:".length)}","event":"e","payload":${NUMBERS}}]}`,
    });
    expect(answer.status).toBe(202);
    expect(await listener.next()).toContain(NUMBERS);
  });

  /** What comes, as the text that it is. */
  async function openTextWire(topic: string) {
    const { url, publishableKey } = inject("stack");
    const socket = new WebSocket(
      `${url.replace("http", "ws")}/realtime/v1/websocket?vsn=2.0.0&apikey=${publishableKey}`,
    );
    onTestFinished(() => socket.close());
    const texts = inbox<string>();
    await new Promise((resolve) => socket.onopen = resolve);
    const joined = new Promise((resolve) =>
      socket.onmessage = ({ data }) => {
        if (String(data).includes("phx_reply")) resolve(undefined);
        else if (String(data).includes('"broadcast"')) texts.add(String(data));
      }
    );
    socket.send(JSON.stringify(["1", "1", topic, "phx_join", { config: { presence: { enabled: false } } }]));
    await joined;
    return texts;
  }
});
