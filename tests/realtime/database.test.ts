import { describe, expect, inject, it } from "vitest";

import { databaseUrl } from "../../scripts/local/database_url.ts";
import { portsAt } from "../../scripts/local/ports.ts";
import { ADMIN_ROLE } from "../../scripts/local/postgres.ts";
import { keepPartitions } from "../../scripts/local/realtime/stored_messages.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import postgres from "postgres";
import { connect } from "../support/stack.ts";
import {
  anonymous,
  type ClientName,
  CLIENTS,
  inbox,
  joined,
  newTopic,
  signedIn,
  subscribe,
} from "./support/clients.ts";
import { withPolicies } from "./support/policies.ts";
import { openWire, readUserBroadcast } from "./support/wire.ts";

const sql = connect({ connections: 3 });
const names = Object.keys(CLIENTS) as ClientName[];
// deno-lint-ignore no-explicit-any -- a payload is what its sender says
type Heard = any;

withPolicies(sql, {
  reads: "for select to authenticated using (realtime.topic() like 'database-test:%')",
});

async function send(topic: string, event: string, payload: object, isPrivate: boolean): Promise<void> {
  await sql`select realtime.send(${sql.json(payload as never)}, ${event}, ${topic}, ${isPrivate})`;
}

describe.each(names)("with %s", (name) => {
  it("what the database sends is heard once it is committed, with its id", async () => {
    const topic = newTopic("database-test");
    const { client } = await signedIn(name);
    const heard = inbox<Heard>();
    await joined(
      client.channel(topic, { config: { private: true } }).on("broadcast", { event: "*" }, heard.add),
    );
    await sql.begin(async (transaction) => {
      await transaction`select realtime.send('{"n": 1, "text": "Grüße"}', 'first', ${topic}, true)`;
    });
    await sql.begin(async (transaction) => {
      await transaction`select realtime.send('{"n": 2}', 'undone', ${topic}, true)`;
      throw new Error("undo");
    }).catch(() => {});
    await send(topic, "second", { n: 3, id: "own" }, true);
    const first = await heard.next();
    expect(first).toMatchObject({ type: "broadcast", event: "first", payload: { n: 1, text: "Grüße" } });
    expect(first.meta.id).toBe(first.payload.id);
    expect(await heard.next()).toMatchObject({ event: "second", payload: { n: 3, id: "own" } });
  });

  it("a change of a table is heard by its trigger", async () => {
    const table = `changes_${crypto.randomUUID().replaceAll("-", "")}`;
    const topic = newTopic("database-test");
    await sql.unsafe(`
      create table extensions.${table} (id int primary key, value text);
      create function extensions.${table}() returns trigger language plpgsql as $$ begin
        perform realtime.broadcast_changes('${topic}', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
        return null;
      end $$;
      create trigger changes after insert or update or delete on extensions.${table}
        for each row execute function extensions.${table}();`);
    try {
      const { client } = await signedIn(name);
      const heard = inbox<Heard>();
      await joined(
        client.channel(topic, { config: { private: true } }).on("broadcast", { event: "*" }, heard.add),
      );
      await sql.unsafe(`insert into extensions.${table} values (1, 'a')`);
      await sql.unsafe(`update extensions.${table} set value = 'b'`);
      await sql.unsafe(`delete from extensions.${table}`);
      const change = { schema: "extensions", table };
      const [a, b] = [{ id: 1, value: "a" }, { id: 1, value: "b" }];
      expect((await heard.next()).payload)
        .toMatchObject({ ...change, operation: "INSERT", record: a, old_record: null });
      expect((await heard.next()).payload)
        .toMatchObject({ ...change, operation: "UPDATE", record: b, old_record: a });
      expect((await heard.next()).payload)
        .toMatchObject({ ...change, operation: "DELETE", record: null, old_record: b });
    } finally {
      await sql.unsafe(`drop table extensions.${table}; drop function extensions.${table}()`);
    }
  });

  it("what was sent before is replayed to who joins, the oldest first, and not told twice", async () => {
    const topic = newTopic("database-test");
    for (const n of [1, 2, 3]) await send(topic, "x", { n }, true);
    const { client } = await signedIn(name);
    const heard = inbox<Heard>();
    await joined(
      client.channel(topic, { config: { private: true, broadcast: { replay: { since: 0, limit: 2 } } } })
        .on("broadcast", { event: "*" }, heard.add),
    );
    await send(topic, "x", { n: 4 }, true);
    const all = [await heard.next(), await heard.next(), await heard.next()];
    expect(all.map(({ payload }) => payload.n)).toEqual([2, 3, 4]);
    expect(all.map(({ meta }) => meta?.replayed)).toEqual([true, true, undefined]);
  });
});

describe("a replay", () => {
  it("has what came since a time, 25 messages at most, and 10 where no limit is given", async () => {
    const topic = newTopic("database-test");
    for (let n = 0; n < 30; n++) await send(topic, "x", { n }, true);
    const [{ now }] = await sql<[{ now: number }]>`select (extract(epoch from now()) * 1000)::float8 as now`;
    const { token } = await signedIn();
    for (
      const [replay, count] of [
        [{ since: 0, limit: 100 }, 25],
        [{ since: 0 }, 10],
        [{}, 10],
        [{ since: 0, limit: -5 }, 1],
        [{ since: Math.ceil(now) + 60_000 }, 0],
      ] as const
    ) {
      const wire = await openWire();
      const config = { private: true, broadcast: { replay }, presence: { enabled: false } };
      await wire.join(`realtime:${topic}`, { config, access_token: token });
      await wire.ask([null, "9", "phoenix", "heartbeat", {}]);
      const replayed = wire.received.filter((one) => Array.isArray(one) && one[3] === "broadcast");
      expect(replayed, JSON.stringify(replay)).toHaveLength(count);
    }
  });

  it("of bytes comes as bytes, and in version 1 not at all", async () => {
    const topic = newTopic("database-test");
    await sql`select realtime.send_binary(${Uint8Array.of(1, 255)}::bytea, 'bytes', ${topic}, true)`;
    const { token } = await signedIn();
    const payload = {
      config: { private: true, broadcast: { replay: { since: 0 } }, presence: { enabled: false } },
      access_token: token,
    };
    const [second, first] = [await openWire(), await openWire({ version: "1.0.0" })];
    await second.join(`realtime:${topic}`, payload);
    expect(readUserBroadcast(await second.nextBytes())).toEqual({
      topic: `realtime:${topic}`,
      event: "bytes",
      meta: { replayed: true, id: expect.any(String) },
      payload: [1, 255],
    });
    await first.join(`realtime:${topic}`, payload);
    await first.ask([null, "9", "phoenix", "heartbeat", {}]);
    expect(first.received).toHaveLength(2);
  });

  it.each([
    ["of a public channel", { private: false }, { since: 0 }, "Replay is not allowed for public channels"],
    ["since a text", { private: true }, { since: "yesterday" }, "Replay params are not valid"],
    [
      "with a limit that is no number",
      { private: true },
      { since: 0, limit: 1.5 },
      "Replay params are not valid",
    ],
    ["since a time that is none", { private: true }, { since: 1e300 }, "Replay params are not valid"],
  ])("%s is refused", async (_, channel, replay, words) => {
    const { token } = await signedIn();
    const wire = await openWire();
    const reply = await wire.join(`realtime:${newTopic("database-test")}`, {
      config: { ...channel, broadcast: { replay } },
      access_token: token,
    });
    expect(reply).toEqual({ status: "error", response: { reason: `UnableToReplayMessages: ${words}` } });
  });
});

it("what is sent to a public topic is heard in public, and not in private", async () => {
  const topic = newTopic("database-test");
  const heard = inbox<Heard>();
  await joined(anonymous().channel(topic).on("broadcast", { event: "*" }, heard.add));
  await send(topic, "private", {}, true);
  await send(topic, "public", {}, false);
  expect((await heard.next()).event).toBe("public");
});

it("bytes from the database are heard as bytes, with their id", async () => {
  const topic = newTopic("database-test");
  const wire = await openWire();
  await wire.join(`realtime:${topic}`, { config: { presence: { enabled: false } } });
  await sql`select realtime.send_binary(${Uint8Array.of(0, 1, 255)}::bytea, 'bytes', ${topic}, false)`;
  expect(readUserBroadcast(await wire.nextBytes())).toEqual({
    topic: `realtime:${topic}`,
    event: "bytes",
    meta: { id: expect.any(String) },
    payload: [0, 1, 255],
  });
});

it("a channel is told when the database's broadcasts are followed, where it asks", async () => {
  const wire = await openWire();
  const topic = newTopic();
  await wire.join(`realtime:${topic}`, { config: { broadcast: { replication_ready: true } } });
  const [joinRef, , , , payload] = await wire.next(([, , , event]) => event === "system");
  expect([joinRef, payload]).toEqual(["join-1", {
    channel: topic,
    extension: "system",
    message: "Replication connection established",
    status: "ok",
  }]);
});

it("a send that fails warns, and what called it goes on", async () => {
  const notices: string[] = [];
  const listening = postgres(inject("stack").databaseUrl, {
    max: 1,
    onnotice: ({ message }) => notices.push(String(message)),
  });
  try {
    const [{ one }] = await listening<[{ one: number }]>`
      select 1 as one from (select realtime.send('{}', 'x', null, false)) sent`;
    expect(one).toBe(1);
    expect(notices).toEqual([
      expect.stringMatching(/^WarnSendingBroadcastMessage: syntax error at or near "NULL"/),
    ]);
  } finally {
    await listening.end();
  }
});

it("an operation that is none, or of a whole statement, is refused", async () => {
  const call = (operation: string, level: string) =>
    sql`select realtime.broadcast_changes('t', 'e', ${operation}, 'a', 'b', null::record, null::record, ${level})`;
  await expect(call("TRUNCATE", "ROW")).rejects.toThrow(
    "Failed to process the row: Unexpected operation type: TRUNCATE",
  );
  await expect(call("INSERT", "STATEMENT")).rejects.toThrow("can only be triggered for each row");
});

describe("the partitions of messages", () => {
  async function asAdmin<Result>(work: (admin: postgres.Sql) => Promise<Result>): Promise<Result> {
    const { portBase, dataDir } = inject("stack");
    const { adminPassword } = await readSecrets(dataDir);
    const admin = postgres(databaseUrl(portsAt(portBase).postgres, ADMIN_ROLE, adminPassword), {
      max: 1,
      onnotice: () => {},
    });
    return await work(admin).finally(() => admin.end());
  }

  async function partitions(): Promise<string[]> {
    const rows = await sql`
      select inhrelid::regclass::text as name from pg_inherits
      where inhparent = 'realtime.messages'::regclass order by 1`;
    return rows.map(({ name }) => name);
  }

  function nameOf(dayFromNow: number): string {
    const day = new Date(Date.now() + dayFromNow * 86_400_000).toISOString().slice(0, 10);
    return `realtime.messages_${day.replaceAll("-", "_")}`;
  }

  it("are there from yesterday to the day after the day after tomorrow", async () => {
    expect(await partitions()).toEqual(expect.arrayContaining([-1, 0, 1, 2, 3].map(nameOf)));
  });

  it("are made when their days come, and dropped when all of theirs is three days old", async () => {
    await asAdmin(async (admin) => {
      // As if the server had run a week ago, and runs now.
      await keepPartitions(admin, Date.now() - 7 * 86_400_000);
      const old = await partitions();
      expect(old).toContain(nameOf(-8));
      await keepPartitions(admin);
      const kept = await partitions();
      expect(kept).toEqual(expect.arrayContaining([-1, 0, 1, 2, 3].map(nameOf)));
      expect(kept.filter((name) => name < nameOf(-3))).toEqual([]);
    });
  });
});

it("who may not read a private topic does not join it for its replay", async () => {
  const { client } = await signedIn();
  const channel = client.channel(newTopic("nobody's"), {
    config: { private: true, broadcast: { replay: { since: 0 } } },
  });
  expect(await subscribe(channel)).toMatchObject({ status: "CHANNEL_ERROR" });
});
