import { SignJWT } from "jose";
import { describe, expect, inject, it } from "vitest";

import { readSecrets } from "../../scripts/local/secrets.ts";
import { signUp, stack } from "../support/stack.ts";
import { newTopic } from "./support/clients.ts";
import { openWire } from "./support/wire.ts";

const { secretKey, publishableKey } = inject("stack");

async function signed(claims: Record<string, unknown>, secret?: string): Promise<string> {
  const { jwtSecret } = await readSecrets(stack.dataDir);
  return await new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(new TextEncoder().encode(secret ?? jwtSecret));
}

function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds;
}

describe("a connection", () => {
  it.each(["1.0.0", "2.0.0"])("answers a heartbeat in version %s", async (version) => {
    const wire = await openWire({ version });
    expect(await wire.ask([null, "7", "phoenix", "heartbeat", {}])).toEqual({ status: "ok", response: {} });
  });

  it("without a version speaks version 1.0.0", async () => {
    const socket = new WebSocket(
      `${stack.url.replace("http", "ws")}/realtime/v1/websocket?apikey=${publishableKey}`,
    );
    const answer = await new Promise((resolve) => {
      socket.onmessage = ({ data }) => resolve(JSON.parse(data));
      socket.onopen = () =>
        socket.send(JSON.stringify({ topic: "phoenix", event: "heartbeat", payload: {}, ref: "1" }));
    });
    socket.close();
    expect(answer).toEqual({
      topic: "phoenix",
      event: "phx_reply",
      payload: { status: "ok", response: {} },
      ref: "1",
    });
  });

  it.each([["a key of another project", "sb_publishable_0123456789abcdef"], ["no key", null], [
    "no JWT",
    "nonsense",
  ]])(
    "with %s is refused",
    async (_, apiKey) => {
      await expect(openWire({ apiKey })).rejects.toThrow("refused");
    },
  );

  it.each([
    ["the secret key", () => secretKey],
    ["a legacy key, a JWT of the role anon", () => signed({ role: "anon", exp: inSeconds(60) })],
    ["a user's token", async () => (await signUp()).token],
  ])("is taken with %s", async (_, keyOf) => {
    const wire = await openWire({ apiKey: await keyOf() });
    expect(await wire.join(`realtime:${newTopic()}`)).toMatchObject({ status: "ok" });
  });

  it.each([
    ["an expired JWT", () => signed({ role: "anon", exp: inSeconds(-60) })],
    ["a JWT of another secret", () => signed({ role: "anon", exp: inSeconds(60) }, "x".repeat(32))],
    ["a JWT without a role", () => signed({ exp: inSeconds(60) })],
  ])("is refused with %s", async (_, keyOf) => {
    await expect(openWire({ apiKey: await keyOf() })).rejects.toThrow("refused");
  });

  it.each(["3.0.0", "2.1.0", "x"])("of version %s is refused", async (version) => {
    await expect(openWire({ version })).rejects.toThrow("refused");
  });

  it.each([
    ["what is no JSON", "2.0.0", "nonsense"],
    ["an object in version 2", "2.0.0", `{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}`],
    ["an array in version 1", "1.0.0", `[null,"1","phoenix","heartbeat",{}]`],
    ["an array that is too short", "2.0.0", `[null,"1","phoenix"]`],
    ["bytes of no kind", "2.0.0", Uint8Array.of(9, 1, 2)],
    ["bytes whose fields are longer than they are", "2.0.0", Uint8Array.of(3, 200, 1, 1, 1, 0, 1, 65)],
    ["bytes that end in the header", "2.0.0", Uint8Array.of(3, 1)],
    ["bytes in version 1", "1.0.0", Uint8Array.of(3, 0, 0, 0, 0, 0, 0)],
  ])("is closed with 1011 over %s", async (_, version, message) => {
    const wire = await openWire({ version });
    wire.send(message);
    expect(await wire.closed).toBe(1011);
  });

  it("is closed with 1009 over a frame that is too large", async () => {
    const wire = await openWire();
    wire.send(`"${"x".repeat(5_000_001)}"`);
    expect(await wire.closed).toBe(1009);
  });
});

describe("a topic", () => {
  it("is joined, left, and then not known any more", async () => {
    const wire = await openWire();
    const topic = `realtime:${newTopic()}`;
    expect(await wire.join(topic)).toEqual({ status: "ok", response: { postgres_changes: [] } });
    expect(await wire.ask(["join-1", "9", topic, "phx_leave", {}])).toEqual({ status: "ok", response: {} });
    expect(await wire.next(([, , , event]) => event === "phx_close"))
      .toEqual(["join-1", "join-1", topic, "phx_close", {}]);
    expect(await wire.ask([null, "10", topic, "broadcast", {}]))
      .toEqual({ status: "error", response: { reason: "unmatched topic" } });
    expect(await wire.ask([null, "11", topic, "phx_leave", {}])).toEqual({ status: "ok", response: {} });
  });

  it("that is joined again closes the first one", async () => {
    const wire = await openWire();
    const topic = `realtime:${newTopic()}`;
    await wire.join(topic);
    expect(await wire.join(topic)).toMatchObject({ status: "ok" });
    expect(await wire.next(([, , , event]) => event === "phx_close"))
      .toEqual(["join-1", "join-1", topic, "phx_close", {}]);
    expect(await wire.ask(["join-2", "9", topic, "phx_leave", {}])).toMatchObject({ status: "ok" });
  });

  it.each([
    ["another prefix", "room:1", "unmatched topic"],
    ["no name", "realtime:", "TopicNameRequired: You must provide a topic name"],
  ])("with %s is refused", async (_, topic, reason) => {
    const wire = await openWire();
    expect(await wire.join(topic)).toEqual({ status: "error", response: { reason } });
  });

  it.each([
    ["nothing", undefined],
    ["no object", "text"],
    ["a config that is none", { config: 7 }],
    ["parts that are none", {
      config: { broadcast: [], presence: "x", postgres_changes: {}, private: "maybe" },
    }],
  ])("is joined with a payload of %s", async (_, payload) => {
    const wire = await openWire();
    wire.send(["1", "1", `realtime:${newTopic()}`, "phx_join", payload ?? null]);
    const [, , , , reply] = await wire.next(([, , , event]) => event === "phx_reply");
    expect(reply).toMatchObject({ status: "ok" });
  });

  it.each([
    ["is no JWT", () => "nonsense", "MalformedJWT: The token provided is not a valid JWT"],
    [
      "has expired",
      () => signed({ role: "authenticated", exp: inSeconds(-100) }),
      /^InvalidJWTToken: Token has expired 10\d seconds ago$/,
    ],
    [
      "names no role",
      () => signed({ exp: inSeconds(100) }),
      "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
    ],
    [
      "never expires",
      () => signed({ role: "authenticated" }),
      "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
    ],
    [
      "has another signature",
      () => signed({ role: "authenticated", exp: inSeconds(100) }, "x".repeat(32)),
      "JwtSignatureError: Failed to validate JWT signature",
    ],
  ])("is refused with a token that %s", async (_, tokenOf, reason) => {
    const wire = await openWire();
    const reply = await wire.join(`realtime:${newTopic()}`, { config: {}, access_token: await tokenOf() });
    expect(reply).toEqual({
      status: "error",
      response: { reason: typeof reason === "string" ? reason : expect.stringMatching(reason) },
    });
  });

  it("takes the connection's key where the token is an API key", async () => {
    const wire = await openWire();
    const reply = await wire.join(`realtime:${newTopic()}`, {
      config: {},
      access_token: "sb_publishable_other",
    });
    expect(reply).toMatchObject({ status: "ok" });
  });

  it("says nothing to an event that it does not know", async () => {
    const wire = await openWire();
    const topic = `realtime:${newTopic()}`;
    await wire.join(topic, { config: { presence: { enabled: false } } });
    wire.send(["join-1", "8", topic, "unheard_of", {}]);
    await wire.ask([null, "9", "phoenix", "heartbeat", {}]);
    expect(wire.received).toHaveLength(2);
  });

  it("whose process falls over ends with phx_error, and can be joined again", async () => {
    const wire = await openWire();
    const topic = `realtime:${newTopic()}`;
    await wire.join(topic);
    wire.send(["join-1", "8", topic, "broadcast", "no object"]);
    expect(await wire.next(([, , , event]) => event === "phx_error"))
      .toEqual(["join-1", "join-1", topic, "phx_error", {}]);
    expect(await wire.join(topic)).toMatchObject({ status: "ok" });
  });

  it("ends when its token expires, with the real server's words", async () => {
    const wire = await openWire();
    const topic = `realtime:${newTopic()}`;
    const token = await signed({ role: "authenticated", exp: inSeconds(2) });
    expect(await wire.join(topic, { config: {}, access_token: token })).toMatchObject({ status: "ok" });
    const [, , , , payload] = await wire.next(([, , , event]) => event === "system");
    expect(payload).toEqual({
      channel: topic.slice("realtime:".length),
      extension: "system",
      message: expect.stringMatching(/^Token has expired \d seconds ago$/),
      status: "error",
    });
    await wire.next(([, , , event]) => event === "phx_close");
  });

  it("goes on when its token is renewed in time", async () => {
    const wire = await openWire();
    const topic = `realtime:${newTopic()}`;
    const expires = inSeconds(2);
    const first = await signed({ role: "authenticated", exp: expires });
    await wire.join(topic, { config: { broadcast: { self: true, ack: true } }, access_token: first });
    const second = await signed({ role: "authenticated", exp: inSeconds(600) });
    wire.send(["join-1", null, topic, "access_token", { access_token: second }]);
    await new Promise((resolve) => setTimeout(resolve, expires * 1_000 - Date.now() + 500));
    expect(
      await wire.ask(["join-1", "9", topic, "broadcast", { type: "broadcast", event: "x", payload: {} }]),
    )
      .toEqual({ status: "ok", response: {} });
    expect(wire.received.filter((one) => Array.isArray(one) && one[3] === "system")).toEqual([]);
  });

  it.each([
    ["is no JWT", "nonsense", "The token provided is not a valid JWT"],
    ["has expired", () => signed({ role: "anon", exp: inSeconds(-5) }), /^Token has expired \d seconds ago$/],
  ])("ends over a renewed token that %s", async (_, token, message) => {
    const wire = await openWire();
    const topic = `realtime:${newTopic()}`;
    await wire.join(topic);
    const renewed = typeof token === "string" ? token : await token();
    wire.send(["join-1", null, topic, "access_token", { access_token: renewed }]);
    const [, , , , payload] = await wire.next(([, , , event]) => event === "system");
    expect(payload.message).toEqual(typeof message === "string" ? message : expect.stringMatching(message));
    await wire.next(([, , , event]) => event === "phx_close");
  });

  it.each([["an API key", "sb_secret_x"], ["nothing", null]])(
    "goes on over a renewal with %s",
    async (_, token) => {
      const wire = await openWire();
      const topic = `realtime:${newTopic()}`;
      await wire.join(topic, { config: { presence: { enabled: false } } });
      wire.send(["join-1", null, topic, "access_token", { access_token: token }]);
      await wire.ask([null, "9", "phoenix", "heartbeat", {}]);
      expect(wire.received).toHaveLength(2);
    },
  );
});

describe("over HTTP", () => {
  it("an address that is none is not found, and one without a key is refused", async () => {
    const unknown = await fetch(`${stack.url}/realtime/v1/api/nothing`, {
      headers: { apikey: publishableKey },
    });
    expect([unknown.status, await unknown.json()]).toEqual([404, { errors: { detail: "Not Found" } }]);
    const keyless = await fetch(`${stack.url}/realtime/v1/api/broadcast`, { method: "POST", body: "{}" });
    expect([keyless.status, await keyless.json()]).toMatchObject([401, {
      message: "No API key found in request",
    }]);
  });

  it("a page of another origin may ask", async () => {
    const answer = await fetch(`${stack.url}/realtime/v1/api/broadcast`, {
      method: "OPTIONS",
      headers: {
        "origin": "http://example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "apikey,authorization,content-type",
      },
    });
    await answer.text();
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-allow-headers")).toBe("apikey,authorization,content-type");
  });

  it("its own measures are told to the stack alone", async () => {
    const answer = await fetch(`${stack.url}/realtime/v1/metrics`, { headers: { apikey: secretKey } });
    expect(answer.status).toBe(403);
    await answer.body?.cancel();
  });
});
