import { connect } from "node:net";
import { SignJWT } from "jose";
import postgres from "postgres";
import { describe, expect, inject, it } from "vitest";

import { parseBinding } from "../../scripts/local/realtime/changes/binding.ts";
import { writeSubscriptions } from "../../scripts/local/realtime/changes/subscriptions.ts";
import { databaseUrl } from "../../scripts/local/database_url.ts";
import { portsAt } from "../../scripts/local/ports.ts";
import { ADMIN_ROLE } from "../../scripts/local/postgres.ts";
import { roomOf } from "../../scripts/local/realtime/rooms.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { connect as connectToDatabase } from "../support/stack.ts";
import { newTopic } from "./support/clients.ts";
import { openOwnServer } from "./support/own_server.ts";
import { withPolicies } from "./support/policies.ts";
import { openWire, type Wire } from "./support/wire.ts";

// What a client without any right may send; whatever it is, the others hear on.

const sql = connectToDatabase({ connections: 2 });
const { url, dataDir, portBase } = inject("stack");
const server = await openOwnServer({ unread_bytes: 200_000, token_window_ms: 1 });

withPolicies(sql, {
  "read": `for select to authenticated using (realtime.topic() like 'hostile-open:%')`,
  "write": `for insert to authenticated with check (realtime.topic() like 'hostile-open:%')`,
  "slowly": `for select to authenticated using (
    realtime.topic() like 'hostile-slow:%' and (select pg_sleep(1.5))::text is not null)`,
  "read what is slowly written": `for select to authenticated using (realtime.topic() like 'hostile-late:%')`,
  "slowly write": `for insert to authenticated with check (
    realtime.topic() like 'hostile-late:%' and (select pg_sleep(0.5))::text is not null)`,
});

async function tokenOf({ lives = "1h" }: { lives?: string } = {}): Promise<string> {
  const { jwtSecret } = await readSecrets(dataDir);
  return await new SignJWT({ role: "authenticated", sub: crypto.randomUUID(), n: crypto.randomUUID() })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" }).setExpirationTime(lives)
    .sign(new TextEncoder().encode(jwtSecret));
}

const PRIVATE = { private: true, presence: { enabled: false } };

async function entered(topic: string, config: object, token?: string, wire?: Wire): Promise<Wire> {
  const used = wire ?? await openWire(server);
  const payload = { config, ...(token ? { access_token: token } : {}) };
  expect(await used.ask(["1", "1", topic, "phx_join", payload])).toMatchObject({ status: "ok" });
  return used;
}

/** Sends bytes to the server as no library would. */
function rawRequest(base: string, text: string): Promise<string> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(text));
    let answer = "";
    socket.on("data", (bytes: Uint8Array) => answer += new TextDecoder().decode(bytes));
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

async function beats(wire: Wire): Promise<void> {
  const ref = crypto.randomUUID();
  expect(await wire.ask([null, ref, "phoenix", "heartbeat", {}])).toMatchObject({ status: "ok" });
}

describe("a request", () => {
  it.each(["//", "///", "//[", "/%", "http://[", "*"])(
    "for %j is answered, and the others go on",
    async (path) => {
      const listener = await entered(`realtime:${newTopic()}`, {});
      for (const [base, prefix] of [[server.base, ""], [url, "/realtime/v1"]] as const) {
        const target = path.startsWith("/") ? `${prefix}${path}` : path;
        const plain = await rawRequest(
          base,
          `GET ${target} HTTP/1.1\r\nHost: x\r\napikey: ${server.apiKey}\r\nConnection: close\r\n\r\n`,
        );
        expect(plain).toMatch(/^HTTP\/1\.1 4\d\d /);
        const upgrade = await rawRequest(
          base,
          `GET ${target} HTTP/1.1\r\nHost: x\r\napikey: ${server.apiKey}\r\nConnection: Upgrade\r\n` +
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        expect(upgrade).toMatch(/^HTTP\/1\.1 4\d\d /);
      }
      await beats(listener);
      expect((await fetch(`${url}/realtime/v1/api/ping`, { headers: { apikey: server.apiKey } })).status)
        .toBe(200);
    },
  );

  it("to broadcast on a topic that is no text is refused", async () => {
    const answer = await fetch(`${server.base}/api/broadcast/%ff/events/e`, {
      method: "POST",
      headers: { apikey: server.apiKey },
    });
    expect([answer.status, await answer.json()]).toEqual([400, { errors: { detail: "Bad Request" } }]);
  });
});

describe("a frame", () => {
  const deep = `${'{"0":'.repeat(100_000)}1${"}".repeat(100_000)}`;
  it.each([
    ["2.0.0", `[${deep},"1","realtime:a","phx_join",{}]`],
    ["2.0.0", `["1",${deep},"realtime:a","phx_join",{}]`],
    ["1.0.0", `{"topic":"realtime:a","event":"phx_join","payload":{},"ref":"1","join_ref":${deep}}`],
    ["1.0.0", `{"topic":"realtime:a","event":"phx_join","payload":{},"ref":${deep}}`],
  ])("of version %s with a reference that is no text ends its own connection", async (version, frame) => {
    const listener = await entered(`realtime:${newTopic()}`, {});
    const wire = await openWire({ ...server, version });
    wire.send(frame);
    expect(await wire.closed).toBe(1011);
    await beats(listener);
  });

  it("with a payload that is too deep to be written ends its own channel", async () => {
    const topic = `realtime:${newTopic()}`;
    const [listener, wire] = [await entered(topic, {}), await entered(topic, {})];
    wire.send(`["1","2","${topic}","broadcast",${deep}]`);
    await wire.next(([, , , event]) => event === "phx_error");
    await beats(listener);
    expect(listener.received.filter((one) => Array.isArray(one) && one[3] === "broadcast")).toEqual([]);
  });
});

describe("a filter", () => {
  const parsed = (filter: string) => parseBinding({ schema: "public", table: "notes", filter });

  it("of many quotes is read in the time of its length", () => {
    const quick = timeOf(() => parsed(`a=eq.${'"'.repeat(5_000)}`));
    expect(timeOf(() => parsed(`a=eq.${'"'.repeat(9_000)}`))).toBeLessThan(Math.max(20 * quick, 200));
    for (const filter of [`a${'"'.repeat(200_000)}`, `a=eq."${"x".repeat(4_500_000)}`]) {
      expect(parsed(filter)).toMatchObject({ error: expect.stringContaining("filter is too long") });
    }
  });

  it.each([
    "body=match.^(a*)\\1$",
    "body=imatch.(x)\\1",
    'body=match."^(a)(b)\\\\2"',
    "body=not.match.(a)\\\\\\1",
  ])("with a back reference, over which Postgres may think for ever, is refused: %s", (filter) => {
    expect(parsed(filter)).toEqual({
      error: expect.stringMatching(/^Error parsing `filter` params: back references are not supported/),
    });
  });

  it("with a backslash before a digit that is no back reference is taken", () => {
    expect(parsed("body=match.^a\\\\1$")).toMatchObject({ wanted: { filters: [{ value: "^a\\\\1$" }] } });
    expect(parsed("body=eq.a\\1")).toMatchObject({ wanted: { filters: [{ value: "a\\1" }] } });
    expect(parsed("body=match.\\d{2}")).toMatchObject({ wanted: { filters: [{ value: "\\d{2}" }] } });
  });
});

describe("bindings", () => {
  it("of more than a hundred are refused, and the others subscribe at once", async () => {
    const topic = `realtime:${newTopic()}`;
    const bindings = Array.from({ length: 101 }, () => ({ event: "*", schema: "*" }));
    const wire = await entered(topic, { postgres_changes: bindings });
    const [, , , , said] = await wire.next(([, , , event]) => event === "system");
    expect(said).toMatchObject({
      status: "error",
      message: "Too many postgres_changes in a channel: 101, at most 100",
    });
  });

  it("that Postgres takes too long over are not asked for again", async () => {
    const { adminPassword } = await readSecrets(dataDir);
    const hurried = postgres(databaseUrl(portsAt(portBase).postgres, ADMIN_ROLE, adminPassword), {
      max: 1,
      onnotice: () => {},
    });
    const { wanted } = parseBinding({ schema: "*" }) as { wanted: never };
    try {
      await hurried`set statement_timeout = 40`;
      const claims = { role: "authenticated", text: "x".repeat(20_000_000) };
      expect(
        await writeSubscriptions(hurried, "supabase_realtime", [{ id: crypto.randomUUID(), wanted, claims }]),
      )
        .toMatchObject({ mayRetry: false, error: expect.stringContaining("57014") });
    } finally {
      await hurried.end();
    }
  });
});

it("what a connection's joins ask for is bounded, and what one of them asked for is free once it is left", async () => {
  const wire = await openWire(server);
  const join = (topic: string) =>
    wire.ask(["1", crypto.randomUUID(), `realtime:${topic}`, "phx_join", {
      config: {},
      text: "x".repeat(400_000),
    }]);
  expect(await join("one")).toMatchObject({ status: "ok" });
  expect(await join("two")).toMatchObject({ status: "ok" });
  const refused = { status: "error", response: { reason: expect.stringContaining("InvalidJoinPayload: ") } };
  expect(await join("three")).toEqual(refused);
  expect(await join("one")).toMatchObject({ status: "ok" });
  await wire.ask(["1", "leave", "realtime:two", "phx_leave", {}]);
  expect(await join("three")).toMatchObject({ status: "ok" });
  expect(await join("four")).toEqual(refused);
});

describe("a slow join", () => {
  it("holds neither the connection's other channels nor its heartbeats", async () => {
    const [slow, quick] = [`realtime:${newTopic("hostile-slow")}`, `realtime:${newTopic()}`];
    const wire = await entered(quick, { broadcast: { self: true } });
    wire.send(["s", "s", slow, "phx_join", { config: PRIVATE, access_token: await tokenOf() }]);
    await beats(wire);
    wire.send(["1", "2", quick, "broadcast", { type: "broadcast", event: "e", payload: {} }]);
    await wire.next(([, , topic, event]) => topic === quick && event === "broadcast");
    const isAnswered = () => wire.received.some((one) => Array.isArray(one) && one[1] === "s");
    expect(isAnswered()).toBe(false);
    await wire.next(([, ref, , event]) => ref === "s" && event === "phx_reply");
  });

  it("whose token ends meanwhile hears nothing, and is told so", async () => {
    const topic = newTopic("hostile-slow");
    const wire = await entered(`realtime:${topic}`, PRIVATE, await tokenOf({ lives: "1s" }));
    const [, , , , said] = await wire.next(([, , , event]) => event === "system");
    expect(said.message).toMatch(/^Token has expired \d+ seconds ago$/);
    await wire.next(([, , , event]) => event === "phx_close");
    server.context.rooms.send(roomOf(topic, true), { kind: "json", event: "broadcast", payload: {} });
    await beats(wire);
    expect(wire.received.filter((one) => Array.isArray(one) && one[3] === "broadcast")).toEqual([]);
  });

  it("for which more comes than may wait ends, and keeps none of it", async () => {
    const own = await openOwnServer({ unread_bytes: 100_000 });
    const going = Promise.withResolvers<{ ok: true }>();
    own.context.changes = { ...own.context.changes, idOf: () => 1, subscribe: () => going.promise };
    const topic = `realtime:${newTopic()}`;
    const wire = await openWire(own);
    wire.send(["1", "1", topic, "phx_join", {
      config: { postgres_changes: [{ schema: "public" }], postgres_changes_options: { wait: true } },
    }]);
    await beats(wire);
    const sender = await openWire(own);
    await sender.ask(["1", "1", topic, "phx_join", { config: {} }]);
    for (let at = 0; at < 20; at++) {
      sender.send(["1", null, topic, "broadcast", {
        type: "broadcast",
        event: "e",
        payload: { text: "x".repeat(10_000) },
      }]);
    }
    await beats(sender);
    going.resolve({ ok: true });
    await wire.next(([, , , event]) => event === "phx_error");
    expect(wire.received.filter((one) => Array.isArray(one) && one[3] === "broadcast")).toEqual([]);
  });
});

describe("a renewal", () => {
  it("loses nothing of what comes meanwhile", async () => {
    const topic = `realtime:${newTopic("hostile-open")}`;
    const sender = await entered(topic, PRIVATE, await tokenOf());
    const listener = await entered(topic, PRIVATE, await tokenOf());
    const tokens = await Promise.all(Array.from({ length: 20 }, () => tokenOf()));
    for (let at = 0; at < 400; at++) {
      if (at % 20 === 0) {
        listener.send(["1", null, topic, "access_token", { access_token: tokens[at / 20]! }]);
      }
      sender.send(["1", null, topic, "broadcast", { type: "broadcast", event: "e", payload: { at } }]);
      if (at % 5 === 0) await beats(sender);
    }
    await listener.next(([, , , event, payload]) => event === "broadcast" && payload.payload.at === 399);
    const heard = listener.received.filter((one) => Array.isArray(one) && one[3] === "broadcast");
    expect(heard).toHaveLength(400);
  });

  it("is looked at at once, and one that follows it soon at the end of the window: the last of them alone", async () => {
    const windowMs = 600;
    const own = await openOwnServer({ token_window_ms: windowMs });
    const topic = `realtime:${newTopic("hostile-open")}`;
    const join = async () => {
      const wire = await openWire(own);
      const payload = { config: PRIVATE, access_token: await tokenOf() };
      expect(await wire.ask(["1", "1", topic, "phx_join", payload])).toMatchObject({ status: "ok" });
      return wire;
    };
    const renew = (wire: Wire, token: string) =>
      wire.send(["1", null, topic, "access_token", { access_token: token }]);
    const broken = `${(await tokenOf()).split(".").slice(0, 2).join(".")}.c2lnbmF0dXJl`;

    const [spared, ended] = [await join(), await join()];
    const began = performance.now();
    for (const token of [await tokenOf(), broken, await tokenOf()]) renew(spared, token);
    for (const token of [await tokenOf(), await tokenOf(), broken]) renew(ended, token);
    await beats(ended);
    expect(ended.received.filter((one) => Array.isArray(one) && one[3] === "system")).toEqual([]);
    await ended.next(([, , , event]) => event === "phx_close");
    expect(performance.now() - began).toBeGreaterThan(windowMs - 50);
    // The other's window has ended before or with it.
    await beats(spared);
    expect(spared.received.filter((one) => Array.isArray(one) && one[3] === "system")).toEqual([]);
  });
});

it("who goes while its presence is asked about leaves none behind", async () => {
  const topic = newTopic("hostile-late");
  const token = await tokenOf();
  const wire = await entered(`realtime:${topic}`, { private: true }, token);
  wire.send(["1", "2", `realtime:${topic}`, "presence", {
    type: "presence",
    event: "track",
    payload: { a: 1 },
  }]);
  await beats(wire);
  wire.close();
  await wire.closed;
  // Asked after it, answered after it.
  const asked = { topic, claims: { role: "authenticated", exp: 4e9 }, headers: {} };
  for (let count = 0; count < 2; count++) await server.context.authorization.mayWrite(asked, "presence");
  expect(server.context.presences.state(roomOf(topic, true))).toEqual({});
});

function timeOf(work: () => unknown): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}
