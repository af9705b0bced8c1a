import { SignJWT } from "jose";
import { describe, expect, inject, it } from "vitest";

import { readSecrets } from "../../scripts/local/secrets.ts";
import { broughtBy } from "../../scripts/modules/brought.ts";
import { readManifest } from "../../scripts/modules/manifest.ts";
import { createDatabase } from "../sql/support.ts";
import { connect } from "../support/stack.ts";
import { openWire, type Wire } from "./support/wire.ts";
import { type OpenTopic, TOPIC_ACTIONS, type TopicAction, type TopicKind } from "./support/topics.ts";

// Every cell of what the modules declare in topics/ is tried by the protocol, and judged by what is heard.

const sql = connect({ connections: 2 });
const { url, publishableKey, secretKey, dataDir } = inject("stack");
const kinds: Record<string, TopicKind> = Object.assign(
  {},
  ...Object.values(await broughtBy<Record<string, TopicKind>>(await readManifest(), "topics")),
);

async function tokenOf(sub: string): Promise<string> {
  const { jwtSecret } = await readSecrets(dataDir);
  return await new SignJWT({ role: "authenticated", aud: "authenticated", sub, n: crypto.randomUUID() })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" }).setExpirationTime("1h")
    .sign(new TextEncoder().encode(jwtSecret));
}

/** Somebody with a connection of its own. */
interface Caller {
  wire: Wire;
  token: string | undefined;
  apiKey: string;
  topic: string;
}

async function callerOf({ topic, users }: OpenTopic, name: string): Promise<Caller> {
  const apiKey = name === "server" ? secretKey : publishableKey;
  const token = users[name] && await tokenOf(users[name]);
  return { wire: await openWire({ apiKey }), token, apiKey, topic: `realtime:${topic}` };
}

async function join({ wire, token, topic }: Caller): Promise<boolean> {
  const { status } = await wire.ask(["1", "1", topic, "phx_join", {
    config: { private: true, broadcast: { ack: true } },
    ...(token ? { access_token: token } : {}),
  }]);
  return status === "ok";
}

/** Everything that was said to it until now has come once this is answered: what follows a change of the database is heard later. */
async function settle({ wire }: Caller): Promise<void> {
  const ref = crypto.randomUUID();
  await wire.ask([null, ref, "phoenix", "heartbeat", {}]);
}

function heardOf({ wire, topic }: Caller, event: string) {
  return wire.received.filter((one) =>
    Array.isArray(one) && one[2] === topic && one[3] === "broadcast" && one[4].event === event
  );
}

/** Waits until the server hears of a change; whoever is in its room was told by then. */
async function heardByServer(opened: OpenTopic, work: (server: Caller) => Promise<string>): Promise<string> {
  const server = await callerOf(opened, "server");
  expect(await join(server)).toBe(true);
  const event = await work(server);
  await server.wire.next(([, , topic, kind, payload]) =>
    topic === server.topic && kind === "broadcast" && payload.event === event
  );
  return event;
}

/** Whether a caller may do something, as it turns out. */
const TRIALS: Record<TopicAction, (opened: OpenTopic, caller: Caller) => Promise<boolean>> = {
  join: (_opened, caller) => join(caller),
  async hear(opened, caller) {
    await join(caller);
    const event = await heardByServer(opened, () => opened.tell());
    await settle(caller);
    return heardOf(caller, event).length > 0;
  },
  async send(opened, caller) {
    await join(caller);
    const server = await callerOf(opened, "server");
    await join(server);
    const payload = { type: "broadcast", event: "mine", payload: { id: crypto.randomUUID() } };
    const { status } = await caller.wire.ask(["1", "2", caller.topic, "broadcast", payload]);
    await settle(server);
    expect(heardOf(server, "mine").length > 0).toBe(status === "ok");
    return status === "ok";
  },
  async "send by HTTP"(opened, { token, apiKey }) {
    const server = await callerOf(opened, "server");
    await join(server);
    const address = `${url}/realtime/v1/api/broadcast/${
      encodeURIComponent(opened.topic)
    }/events/mine?private=true`;
    const answer = await fetch(address, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "apikey": apiKey,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: "{}",
    });
    await answer.body?.cancel();
    await settle(server);
    const isHeard = server.wire.received.some((one) => one instanceof Uint8Array);
    expect(isHeard).toBe(answer.status === 202);
    return isHeard;
  },
  async track(_opened, caller) {
    await join(caller);
    const track = { type: "presence", event: "track", payload: { mine: true } };
    const { status } = await caller.wire.ask(["1", "3", caller.topic, "presence", track]);
    return status === "ok";
  },
};

it("every policy on realtime.messages belongs to a kind of topics that is tried here, and the other way round", async () => {
  const own = await createDatabase();
  const policies = await own.sql<{ name: string }[]>`
    select distinct policyname as name from pg_policies where schemaname = 'realtime' and tablename = 'messages'`;
  const declared = new Set(Object.values(kinds).flatMap(({ policies }) => policies));
  expect(policies.map(({ name }) => name).sort()).toEqual([...declared].sort());
  expect(declared.size).toBeGreaterThan(0);
});

describe.each(Object.entries(kinds))("%s", (_name, kind) => {
  const cells = Object.entries(kind.may).flatMap(([caller, actions]) =>
    TOPIC_ACTIONS.map((action) => ({
      caller,
      action,
      verb: actions.includes(action) ? "may" : "may not",
      isAllowed: actions.includes(action),
    }))
  );

  it("says what everybody may who has something to do with it, and those who have nothing", async () => {
    const { users } = await kind.open(sql);
    expect(Object.keys(kind.may).sort()).toEqual(["nobody", "server", ...Object.keys(users)].sort());
    expect(kind.may).toMatchObject({ nobody: [], other: [] });
  });

  it.each(cells)("$caller $verb $action", async ({ caller, action, isAllowed }) => {
    const opened = await kind.open(sql);
    expect(await TRIALS[action](opened, await callerOf(opened, caller))).toBe(isAllowed);
  });

  const hearing = Object.entries(kind.may).filter(([caller, actions]) =>
    caller !== "server" && actions.includes("hear")
  ).map(([caller]) => caller);

  it.each(hearing)("%s hears on with a renewed token", async (name) => {
    const opened = await kind.open(sql);
    const caller = await callerOf(opened, name);
    expect(await join(caller)).toBe(true);
    await renew(caller, opened.users[name]!);
    const event = await heardByServer(opened, () => opened.tell());
    await settle(caller);
    expect(heardOf(caller, event)).toHaveLength(1);
  });

  if (!("removed" in kind.may)) return;

  it("who is removed hears until its token is renewed, and nothing after", async () => {
    const opened = await kind.open(sql);
    const caller = await callerOf(opened, "member");
    expect(await join(caller)).toBe(true);
    await opened.remove(opened.users.member!);
    const event = await heardByServer(opened, () => opened.tell());
    await settle(caller);
    expect(heardOf(caller, event)).toHaveLength(1);

    await renew(caller, opened.users.member!);
    const [, , , , said] = await caller.wire.next(([, , , event]) => event === "system");
    expect(said).toMatchObject({
      status: "error",
      message: expect.stringContaining("You do not have permissions"),
    });
    await caller.wire.next(([, , , event]) => event === "phx_close");
    await heardByServer(opened, () => opened.tell());
    await settle(caller);
    expect(heardOf(caller, event)).toHaveLength(1);
    expect(await join(await callerOf(opened, "member"))).toBe(false);
  });
});

async function renew(caller: Caller, user: string): Promise<void> {
  const token = await tokenOf(user);
  caller.wire.send(["1", null, caller.topic, "access_token", { access_token: token }]);
  await settle(caller);
}
