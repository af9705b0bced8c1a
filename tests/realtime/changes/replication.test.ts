import { describe, expect, it, onTestFinished } from "vitest";

import {
  type Change,
  type FollowOptions,
  followPublication,
} from "../../../scripts/local/realtime/changes/replication.ts";
import { delay } from "../../../scripts/local/process_ids.ts";
import { startPostgres } from "./postgres_server.ts";

const server = await startPostgres();
const { url } = server;
/** Keeps hardly anything for a follower that is not there. */
const sparing = await startPostgres({ max_slot_wal_keep_size: "1MB" });

/** What came of a publication, until the test ends. */
interface Followed {
  /** Each transaction's changes. */
  transactions: Change[][];
  troubles: string[];
  changes(): Change[];
  /** How often following began. */
  beginnings(): number;
  end(): Promise<void>;
}

/** A table of its own with its publication. */
async function newTable(columns: string, options: { identity?: string } = {}): Promise<string> {
  const name = `t_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
  await server.sql.unsafe(`create table ${name} (${columns})`);
  if (options.identity) await server.sql.unsafe(`alter table ${name} replica identity ${options.identity}`);
  await server.sql.unsafe(`create publication ${name} for table ${name}`);
  return name;
}

async function follow(table: string, options: Partial<FollowOptions> = {}): Promise<Followed> {
  const ending = new AbortController();
  const transactions: Change[][] = [];
  const troubles: string[] = [];
  let beginnings = 0;
  const following = followPublication({
    databaseUrl: url,
    slot: table,
    publication: table,
    temporary: true,
    onTransaction: (changes) => void transactions.push(changes),
    onFollowing: () => beginnings++,
    onTrouble: (message) => troubles.push(message),
    signal: ending.signal,
    ...options,
  });
  const end = async () => {
    ending.abort();
    await following.ended;
  };
  onTestFinished(end);
  await following.started;
  return { transactions, troubles, changes: () => transactions.flat(), beginnings: () => beginnings, end };
}

describe("following a publication", () => {
  it("tells of inserts, updates, deletes and emptying, with every value as Postgres writes it", async () => {
    const table = await newTable("id int primary key, at timestamptz, tags text[], data jsonb, raw bytea");
    const followed = await follow(table);
    await server.sql.unsafe(`
      insert into ${table} values (1, '2026-01-31 12:00:00.123456+02', '{a,"b c"}', '{"a": 1}', '\\x00ff'),
        (2, null, null, null, null);
      update ${table} set id = 3, tags = null where id = 1;
      delete from ${table} where id = 2;
      truncate ${table}`);
    await expect.poll(() => followed.changes().length).toBe(5);
    const [first, second, changed, removed, emptied] = followed.changes();
    expect(first).toMatchObject({ kind: "insert", schema: "public", table });
    expect(first!.new).toEqual({
      id: "1",
      at: "2026-01-31 10:00:00.123456+00",
      tags: '{a,"b c"}',
      data: '{"a": 1}',
      raw: "\\x00ff",
    });
    expect(second!.new).toEqual({ id: "2", at: null, tags: null, data: null, raw: null });
    expect(changed).toMatchObject({ kind: "update", old: { id: "1" }, new: { id: "3", tags: null } });
    expect(removed).toMatchObject({ kind: "delete", old: { id: "2" } });
    expect(removed!.new).toBeUndefined();
    expect(emptied).toMatchObject({ kind: "truncate", table });
  });

  it("names a table's columns, their types and its key", async () => {
    const table = await newTable("id uuid primary key, name text");
    const followed = await follow(table);
    await server.sql.unsafe(`insert into ${table} values (gen_random_uuid())`);
    await expect.poll(() => followed.changes().length).toBe(1);
    const [{ oid }] = await server.sql`select ${table}::regclass::oid as oid` as unknown as [{ oid: number }];
    expect(followed.changes()[0]).toMatchObject({
      tableOid: Number(oid),
      columns: [{ name: "id", typeOid: 2950, isKey: true }, { name: "name", typeOid: 25, isKey: false }],
    });
  });

  it("gives the whole old row where the table's identity is full", async () => {
    const table = await newTable("id int primary key, name text", { identity: "full" });
    const followed = await follow(table);
    await server.sql.unsafe(
      `insert into ${table} values (1, 'a'); update ${table} set name = 'b'; delete from ${table}`,
    );
    await expect.poll(() => followed.changes().length).toBe(3);
    expect(followed.changes().slice(1).map(({ old }) => old)).toEqual([
      { id: "1", name: "a" },
      { id: "1", name: "b" },
    ]);
  });

  it("leaves undefined what an update did not repeat, and fills it in where the identity is full", async () => {
    const columns = "id int primary key, large text, n int";
    const large = "repeat(gen_random_uuid()::text, 1000)";
    const [partial, full] = [await newTable(columns), await newTable(columns, { identity: "full" })];
    for (const table of [partial, full]) {
      await server.sql.unsafe(`alter table ${table} alter large set storage external`);
      const followed = await follow(table);
      await server.sql.unsafe(`insert into ${table} values (1, ${large}, 1); update ${table} set n = 2`);
      await expect.poll(() => followed.changes().length).toBe(2);
      const [inserted, updated] = followed.changes();
      expect(updated!.new).toEqual({
        id: "1",
        n: "2",
        large: table === full ? inserted!.new!.large : undefined,
      });
    }
  });

  it("gives each transaction by itself, in the order of commits, with its time in UTC", async () => {
    const table = await newTable("id int primary key");
    const followed = await follow(table);
    await server.sql.begin(async (first) => {
      await first.unsafe(`insert into ${table} values (1), (2)`);
      await server.sql.unsafe(`insert into ${table} values (3)`);
    });
    await expect.poll(() => followed.transactions.length).toBe(2);
    expect(followed.transactions.map((changes) => changes.map((change) => change.new!.id)))
      .toEqual([["3"], ["1", "2"]]);
    const times = followed.transactions.map(([change]) => change!.commitTimestamp);
    expect(times[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(Math.abs(Date.now() - Date.parse(times[0]!))).toBeLessThan(60_000);
    expect(times).toEqual([...times].sort());
  });

  it("gives a transaction of large values in parts, and keeps nothing of what nobody wants", async () => {
    const table = await newTable("id int primary key, large text");
    const insert = `insert into ${table} select id, repeat('x', 1000000) from generate_series(1, 30) as id`;
    const followed = await follow(table);
    const wanting = await newTable("id int primary key, large text");
    const picky = await follow(wanting, { isWanted: (change) => change.new?.id === "30" });
    await server.sql.unsafe(insert);
    await server.sql.unsafe(insert.replace(table, wanting));
    await expect.poll(() => followed.changes().length).toBe(30);
    expect(Math.max(...followed.transactions.map((part) => part.length))).toBeLessThan(10);
    await expect.poll(() => picky.changes().map((change) => change.new!.id)).toEqual(["30"]);
  });

  it("gives a large transaction in parts", async () => {
    const table = await newTable("id int primary key");
    const followed = await follow(table);
    await server.sql.unsafe(`insert into ${table} select generate_series(1, 2500)`);
    await expect.poll(() => followed.changes().length).toBe(2500);
    expect(followed.transactions.map(({ length }) => length)).toEqual([1000, 1000, 500]);
  });

  it("gives nothing of the next transaction while one is being handled", async () => {
    const table = await newTable("id int primary key");
    const { promise: isDone, resolve: done } = Promise.withResolvers<void>();
    const begun: string[] = [];
    const followed = await follow(table, {
      onTransaction: async ([change]) => {
        begun.push(change!.new!.id!);
        await isDone;
      },
    });
    for (const id of [1, 2, 3]) await server.sql.unsafe(`insert into ${table} values (${id})`);
    await expect.poll(() => begun).toEqual(["1"]);
    done();
    await expect.poll(() => begun).toEqual(["1", "2", "3"]);
    await followed.end();
  });

  it("goes on after a transaction that could not be handled, and says so", async () => {
    const table = await newTable("id int primary key");
    const handled: string[] = [];
    const followed = await follow(table, {
      onTransaction([change]) {
        if (change!.new!.id === "1") throw new Error("cannot");
        handled.push(change!.new!.id!);
      },
    });
    for (const id of [1, 2]) await server.sql.unsafe(`insert into ${table} values (${id})`);
    await expect.poll(() => handled).toEqual(["2"]);
    expect(followed.troubles).toEqual(["Changes could not be handled: cannot"]);
  });

  it("tells of nothing but the publication's tables", async () => {
    const [table, other] = [await newTable("id int primary key"), await newTable("id int primary key")];
    const followed = await follow(table);
    await server.sql.unsafe(`insert into ${other} values (1); insert into ${table} values (2)`);
    await expect.poll(() => followed.changes().map((change) => change.new!.id)).toEqual(["2"]);
  });

  it("refuses a slot's name that Postgres would not take", () => {
    const options = { databaseUrl: url, publication: "p", temporary: true, onTransaction: () => {} };
    for (const slot of ["", "With Spaces", "a-b", `x"; drop table y`, "a".repeat(64)]) {
      expect(() => followPublication({ ...options, slot, signal: AbortSignal.abort() })).toThrow(
        "Not a slot's name",
      );
    }
  });
});

describe("slots", () => {
  const slotOf = async (name: string) =>
    (await server.sql`select temporary, active from pg_replication_slots where slot_name = ${name}`)[0];

  it("that are temporary are gone with their follower", async () => {
    const table = await newTable("id int primary key");
    const followed = await follow(table);
    expect(await slotOf(table)).toEqual({ temporary: true, active: true });
    await followed.end();
    await expect.poll(() => slotOf(table)).toBeUndefined();
  });

  it("that are kept tell of what was committed while nobody followed, and of nothing twice that was acknowledged", async () => {
    const table = await newTable("id int primary key");
    const before = await follow(table, { temporary: false });
    await server.sql.unsafe(`insert into ${table} values (1)`);
    await expect.poll(() => before.changes().length).toBe(1);
    await before.end();
    await expect.poll(() => slotOf(table)).toEqual({ temporary: false, active: false });
    await server.sql.unsafe(`insert into ${table} values (2)`);
    const after = await follow(table, { temporary: false });
    await expect.poll(() => after.changes().map((change) => change.new!.id)).toEqual(["2"]);
    await after.end();
    await server.sql`select pg_drop_replication_slot(${table})`;
  });

  it("do not keep the WAL of others' changes", async () => {
    const table = await newTable("id int primary key");
    await server.sql.unsafe(`create table ${table}_other (id int)`);
    await follow(table, { temporary: false });
    await server.sql.unsafe(`insert into ${table}_other select generate_series(1, 20000)`);
    const behind = async () => {
      const [slot] = await server.sql`
        select pg_current_wal_lsn() - confirmed_flush_lsn as bytes from pg_replication_slots where slot_name = ${table}`;
      return Number(slot!.bytes);
    };
    expect(await behind()).toBeGreaterThan(100_000);
    await expect.poll(behind, { timeout: 50_000 }).toBeLessThan(100_000);
  });

  it("that Postgres gave up are made anew, and it says that changes are lost", async () => {
    const { sql, url: databaseUrl } = sparing;
    const table = "given_up";
    await sql.unsafe(
      `create table ${table} (id int primary key); create publication ${table} for table ${table}`,
    );
    await (await follow(table, { databaseUrl, temporary: false })).end();
    await sql.unsafe(`insert into ${table} select generate_series(1, 10)`);
    await expect.poll(async () => {
      await sql.unsafe(`create table filler as select gen_random_uuid() from generate_series(1, 200000)`);
      await sql`drop table filler`;
      await sql`select pg_switch_wal()`;
      await sql`checkpoint`;
      const [slot] = await sql`select wal_status from pg_replication_slots where slot_name = ${table}`;
      return slot!.wal_status;
    }, { timeout: 30_000 }).toBe("lost");
    const followed = await follow(table, { databaseUrl, temporary: false });
    await sql.unsafe(`insert into ${table} values (11)`);
    await expect.poll(() => followed.changes().map((change) => change.new!.id)).toEqual(["11"]);
    expect(followed.troubles).toEqual(["Changes are lost, as Postgres gave up the WAL that it needs"]);
  });
});

describe("when Postgres is gone", () => {
  it("a follower with a temporary slot begins anew after a crash, and says so", async () => {
    const table = await newTable("id int primary key");
    const followed = await follow(table);
    await server.sql.unsafe(`insert into ${table} values (1)`);
    await expect.poll(() => followed.changes().length).toBe(1);
    await server.crash();
    await expect.poll(() => followed.troubles.length, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(followed.troubles[0]).toMatch(/^The connection to Postgres is lost: /);
    await server.start();
    await expect.poll(followed.beginnings, { timeout: 20_000 }).toBe(2);
    await server.sql.unsafe(`insert into ${table} values (2)`);
    await expect.poll(() => followed.changes().map((change) => change.new!.id)).toEqual(["1", "2"]);
  });

  it("a follower with a kept slot is told everything at least once, whenever the crash comes", async () => {
    const table = await newTable("id int primary key");
    const followed = await follow(table, { temporary: false });
    const committed: number[] = [];
    for (let round = 1; round <= 3; round++) {
      const [before, isOver] = [committed.length, new AbortController()];
      onTestFinished(() => isOver.abort());
      const writers = [1, 2, 3, 4].map(async (writer) => {
        for (let at = 0; !isOver.signal.aborted; at++) {
          const id = round * 1_000_000 + writer * 100_000 + at;
          // The client may not hear of a crash in the middle of a query: that one counts as not committed.
          const isIn = await Promise.race([
            server.sql.unsafe(`insert into ${table} values (${id})`).then(() => true, () => false),
            delay(2_000).then(() => false),
          ]);
          if (isIn) committed.push(id);
          else await delay(10);
        }
      });
      await expect.poll(() => committed.length, { timeout: 20_000 }).toBeGreaterThan(before + 50);
      await server.crash();
      await server.start();
      isOver.abort();
      await Promise.all(writers);
    }
    await expect.poll(() => {
      const told = new Set(followed.changes().map((change) => Number(change.new!.id)));
      return committed.filter((id) => !told.has(id));
    }, { timeout: 30_000 }).toEqual([]);
    expect(committed.length).toBeGreaterThan(100);
    await followed.end();
    await server.sql`select pg_drop_replication_slot(${table})`;
  });

  it("a follower that cannot connect goes on trying, and ends when it is told to", async () => {
    const ending = new AbortController();
    const troubles: string[] = [];
    const following = followPublication({
      databaseUrl: "postgresql://nobody:wrong@127.0.0.1:1/postgres",
      slot: "s",
      publication: "p",
      temporary: true,
      onTransaction: () => {},
      onTrouble: (message) => troubles.push(message),
      signal: ending.signal,
    });
    await expect.poll(() => troubles.length, { timeout: 20_000 }).toBeGreaterThan(2);
    expect(troubles[0]).toContain("ECONNREFUSED");
    ending.abort();
    await following.ended;
    await expect(following.started).rejects.toThrow("It was ended before it began");
  });

  it("goes on when its publication is dropped and made again", async () => {
    const table = await newTable("id int primary key");
    const followed = await follow(table);
    await server.sql.unsafe(`drop publication ${table}; insert into ${table} values (1)`);
    await expect.poll(() => followed.troubles.length).toBeGreaterThan(0);
    await server.sql.unsafe(`create publication ${table} for table ${table}`);
    await expect.poll(async () => {
      await server.sql.unsafe(`insert into ${table} select coalesce(max(id), 0) + 1 from ${table}`);
      return followed.changes().length;
    }, { timeout: 20_000, interval: 200 }).toBeGreaterThan(0);
  });
});
