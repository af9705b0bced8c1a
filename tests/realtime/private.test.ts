import { SignJWT } from "jose";
import { describe, expect, inject, it } from "vitest";

import { readSecrets } from "../../scripts/local/secrets.ts";
import { connect } from "../support/stack.ts";
import { type ClientName, CLIENTS, inbox, joined, newTopic, signedIn, subscribe } from "./support/clients.ts";
import { withPolicies } from "./support/policies.ts";
import { openWire, readUserBroadcast, userBroadcast, type Wire } from "./support/wire.ts";

const sql = connect({ connections: 2 });
const { url, publishableKey, secretKey, dataDir } = inject("stack");
const names = Object.keys(CLIENTS) as ClientName[];
// deno-lint-ignore no-explicit-any -- a payload is what its sender says
type Heard = any;

withPolicies(sql, {
  "both read and write": `for select to authenticated using (realtime.topic() like 'private-both:%')`,
  "both write": `for insert to authenticated with check (realtime.topic() like 'private-both:%')`,
  "reads": `for select to authenticated using (realtime.topic() like 'private-read:%')`,
  "writes": `for insert to authenticated with check (realtime.topic() like 'private-write:%')`,
  "broadcast alone": `for select to authenticated using (
    realtime.topic() like 'private-broadcast:%' and extension = 'broadcast')`,
  "presence alone": `for select to authenticated using (
    realtime.topic() like 'private-presence:%' and extension = 'presence')`,
  "presence alone, written": `for insert to authenticated with check (
    realtime.topic() like 'private-presence:%' and extension = 'presence')`,
  "one's own": `for select to authenticated using (realtime.topic() = 'private-user:' || auth.uid())`,
  "claims": `for select to authenticated using (
    realtime.topic() like 'private-claims:%' and auth.jwt() ->> 'plan' = 'gold')`,
  "headers": `for select to anon using (realtime.topic() like 'private-headers:%'
    and current_setting('request.headers', true)::json ->> 'x-forwarded-proto' = 'http')`,
  "broken": `for select to authenticated using (
    realtime.topic() like 'private-broken:%' and (1 / (length(realtime.topic()) - length(realtime.topic()))) = 1)`,
});

async function tokenOf(claims: Record<string, unknown>): Promise<string> {
  const { jwtSecret } = await readSecrets(dataDir);
  return await new SignJWT({
    role: "authenticated",
    aud: "authenticated",
    sub: crypto.randomUUID(),
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" }).setExpirationTime("1h")
    .sign(new TextEncoder().encode(jwtSecret));
}

function mayNotRead(topic: string) {
  return {
    status: "error",
    response: {
      reason: `Unauthorized: You do not have permissions to read from this Channel topic: ${topic}`,
    },
  };
}

async function joinPrivately(
  topic: string,
  { token, config = {}, wire }: { token?: string; config?: object; wire?: Wire },
) {
  const used = wire ?? await openWire();
  const reply = await used.join(`realtime:${topic}`, {
    config: { private: true, ...config },
    ...(token ? { access_token: token } : {}),
  });
  return { wire: used, reply };
}

describe.each(names)("with %s", (name) => {
  it("who may read and write hears and is heard", async () => {
    const topic = newTopic("private-both");
    const [one, other] = [await signedIn(name), await signedIn(name)];
    const heard = inbox<Heard>();
    const config = { config: { private: true } };
    await joined(one.client.channel(topic, config).on("broadcast", { event: "*" }, heard.add));
    const sender = await joined(other.client.channel(topic, config));
    await sender.send({ type: "broadcast", event: "x", payload: { a: 1 } });
    expect((await heard.next()).payload).toEqual({ a: 1 });
  });

  it("who may not read is refused, and told so", async () => {
    const topic = newTopic("private-nobody");
    const { client } = await signedIn(name);
    const { status, message } = await subscribe(client.channel(topic, { config: { private: true } }));
    expect(status).toBe("CHANNEL_ERROR");
    expect(message).toContain(`You do not have permissions to read from this Channel topic: ${topic}`);
  });

  it("who may read alone is told at an acknowledged send", async () => {
    const topic = newTopic("private-read");
    const { client } = await signedIn(name);
    const channel = await joined(
      client.channel(topic, { config: { private: true, broadcast: { ack: true, self: true } } }),
    );
    expect(await channel.send({ type: "broadcast", event: "x", payload: {} })).toBe("error");
  });
});

describe("a private topic", () => {
  it("is not joined with the publishable key, and is with the secret one", async () => {
    const topic = newTopic("private-both");
    expect((await joinPrivately(topic, {})).reply).toEqual(mayNotRead(topic));
    const wire = await openWire({ apiKey: secretKey });
    expect((await joinPrivately(topic, { wire })).reply).toMatchObject({ status: "ok" });
  });

  it("whose policy knows the user is joined by that user alone", async () => {
    const [one, other] = [await signedIn(), await signedIn()];
    const topic = `private-user:${one.id}`;
    expect((await joinPrivately(topic, { token: one.token })).reply).toMatchObject({ status: "ok" });
    expect((await joinPrivately(topic, { token: other.token })).reply).toEqual(mayNotRead(topic));
  });

  it("whose policy looks at claims is joined by who has them", async () => {
    const topic = newTopic("private-claims");
    expect((await joinPrivately(topic, { token: await tokenOf({ plan: "gold" }) })).reply)
      .toMatchObject({ status: "ok" });
    expect((await joinPrivately(topic, { token: await tokenOf({ plan: "iron" }) })).reply)
      .toEqual(mayNotRead(topic));
  });

  it("whose policy looks at headers is given those of the connection", async () => {
    expect((await joinPrivately(newTopic("private-headers"), {})).reply).toMatchObject({ status: "ok" });
  });

  it("whose policy fails is refused", async () => {
    const topic = newTopic("private-broken");
    expect((await joinPrivately(topic, { token: await tokenOf({}) })).reply).toEqual(mayNotRead(topic));
  });

  it("is refused for a role that does not exist", async () => {
    const topic = newTopic("private-both");
    const { reply } = await joinPrivately(topic, { token: await tokenOf({ role: `nobody"'; --` }) });
    expect(reply).toEqual(mayNotRead(topic));
  });

  it("that may be written alone is not joined", async () => {
    const topic = newTopic("private-write");
    expect((await joinPrivately(topic, { token: await tokenOf({}) })).reply).toEqual(mayNotRead(topic));
  });

  it("that may be read alone takes nothing of its reader, and says nothing where no answer is asked for", async () => {
    const topic = newTopic("private-read");
    const quiet = { presence: { enabled: false }, broadcast: { self: true } };
    const { wire } = await joinPrivately(topic, { token: await tokenOf({}), config: quiet });
    const full = `realtime:${topic}`;
    wire.send(userBroadcast({ joinRef: "join-1", ref: "5", topic: full, event: "e", payload: { a: 1 } }));
    wire.send(["join-1", "6", full, "broadcast", { type: "broadcast", event: "e", payload: {} }]);
    await wire.ask([null, "9", "phoenix", "heartbeat", {}]);
    expect(wire.received).toHaveLength(2);
  });

  it("that may be read for broadcasts alone shows nobody's presence, and takes none", async () => {
    const topic = newTopic("private-broadcast");
    const { wire } = await joinPrivately(topic, { token: await tokenOf({}) });
    const reply = await wire.ask(["join-1", "5", `realtime:${topic}`, "presence", {
      type: "presence",
      event: "track",
      payload: {},
    }]);
    expect(reply).toEqual({ status: "error", response: {} });
    expect(wire.received).toHaveLength(2);
  });

  it("that may be read for presence alone lets no broadcast through", async () => {
    const topic = newTopic("private-presence");
    const { wire } = await joinPrivately(topic, { token: await tokenOf({}) });
    await wire.next(([, , , event]) => event === "presence_state");
    await sql`select realtime.send('{}', 'x', ${topic}, true)`;
    const tracked = await wire.ask(["join-1", "5", `realtime:${topic}`, "presence", {
      type: "presence",
      event: "track",
      payload: { a: 1 },
    }]);
    expect(tracked).toEqual({ status: "ok", response: {} });
    await wire.next(([, , , event]) => event === "presence_diff");
    // The database's broadcast was committed before, and has come by now.
    const other = await openWire();
    await other.join(`realtime:${topic}`, { config: { presence: { enabled: false } } });
    await sql`select realtime.send('{}', 'x', ${topic}, false)`;
    await other.next(([, , , event]) => event === "broadcast");
    expect(wire.received.filter((one) => !Array.isArray(one) || one[3] === "broadcast")).toEqual([]);
  });
});

describe("what the policies said", () => {
  it("is kept until the token is renewed, and asked again then", async () => {
    const rooms = `private_rooms_${crypto.randomUUID().replaceAll("-", "")}`;
    const topic = newTopic(rooms);
    await sql.unsafe(`
      create table extensions.${rooms} (user_id uuid);
      grant select on extensions.${rooms} to authenticated;
      create policy "${rooms}" on realtime.messages for select to authenticated using (
        realtime.topic() = '${topic}' and exists (select from extensions.${rooms} where user_id = auth.uid()))`);
    try {
      const sub = crypto.randomUUID();
      await sql.unsafe(`insert into extensions.${rooms} values ('${sub}')`);
      const { wire, reply } = await joinPrivately(topic, { token: await tokenOf({ sub, n: 1 }) });
      expect(reply).toMatchObject({ status: "ok" });
      await sql.unsafe(`delete from extensions.${rooms}`);

      await sql`select realtime.send('{"n": 1}', 'x', ${topic}, true)`;
      const [, , , , heard] = await wire.next(([, , , event]) => event === "broadcast");
      expect(heard.payload.n).toBe(1);

      const renewed = await tokenOf({ sub, n: 2 });
      wire.send(["join-1", null, `realtime:${topic}`, "access_token", { access_token: renewed }]);
      const [, , , , system] = await wire.next(([, , , event]) => event === "system");
      expect(system).toEqual({
        channel: topic,
        extension: "system",
        message: `You do not have permissions to read from this Channel topic: ${topic}`,
        status: "error",
      });
      await wire.next(([, , , event]) => event === "phx_close");
    } finally {
      await sql.unsafe(`drop policy "${rooms}" on realtime.messages; drop table extensions.${rooms}`);
    }
  });

  it("of a reader of both ends the channel when one of them is lost", async () => {
    const topic = newTopic("private-claims");
    const policy = `claims ${crypto.randomUUID()}`;
    await sql.unsafe(`create policy "${policy}" on realtime.messages for select to authenticated using (
      realtime.topic() = '${topic}' and extension = 'broadcast')`);
    try {
      const { wire } = await joinPrivately(topic, { token: await tokenOf({ plan: "gold" }) });
      const renewed = await tokenOf({ plan: "iron" });
      wire.send(["join-1", null, `realtime:${topic}`, "access_token", { access_token: renewed }]);
      const [, , , , system] = await wire.next(([, , , event]) => event === "system");
      expect(system.message).toBe(`You no longer have permission to read from this Channel topic: ${topic}`);
    } finally {
      await sql.unsafe(`drop policy "${policy}" on realtime.messages`);
    }
  });
});

describe("by HTTP", () => {
  async function post(path: string, body: unknown, token: string) {
    const answer = await fetch(`${url}/realtime/v1/api/broadcast${path}`, {
      method: "POST",
      headers: {
        "apikey": publishableKey,
        "authorization": `Bearer ${token}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  it("a batch reaches the private topics that its sender may write, and no others", async () => {
    const [mine, forbidden] = [newTopic("private-both"), newTopic("private-read")];
    const token = await tokenOf({});
    const { wire } = await joinPrivately(mine, { token, config: { presence: { enabled: false } } });
    await joinPrivately(forbidden, { token, config: { presence: { enabled: false } }, wire });
    const messages = [forbidden, mine].map((topic) => ({ topic, event: "x", payload: {}, private: true }));
    expect(await post("", { messages }, token)).toMatchObject({ status: 202 });
    const [, , topic] = await wire.next(([, , , event]) => event === "broadcast");
    expect(topic).toBe(`realtime:${mine}`);
  });

  it("one message to a topic that its sender may not write is forbidden", async () => {
    const path = (topic: string) => `/${encodeURIComponent(topic)}/events/x?private=true`;
    expect(await post(path(newTopic("private-read")), {}, await tokenOf({})))
      .toEqual({ status: 403, body: { message: "Unauthorized" } });
    const topic = newTopic("private-both");
    const { wire } = await joinPrivately(topic, { token: await tokenOf({}) });
    expect(await post(path(topic), { a: 1 }, await tokenOf({}))).toMatchObject({ status: 202 });
    expect(readUserBroadcast(await wire.nextBytes())).toMatchObject({ event: "x", payload: { a: 1 } });
  });

  it("the secret key may write anywhere", async () => {
    const topic = newTopic("private-read");
    const { wire } = await joinPrivately(topic, { token: await tokenOf({}) });
    const messages = [{ topic, event: "x", payload: {}, private: true }];
    expect(await post("", { messages }, secretKey)).toMatchObject({ status: 202 });
    await wire.next(([, , , event]) => event === "broadcast");
  });
});

it("nothing of a question to the policies stays in the database, nor in the next question", async () => {
  const topic = newTopic("private-both");
  await joinPrivately(topic, { token: await tokenOf({}) });
  expect(await sql`select from realtime.messages where topic = ${topic}`).toHaveLength(0);
  expect((await joinPrivately(topic, {})).reply).toEqual(mayNotRead(topic));
});
