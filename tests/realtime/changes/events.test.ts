import { describe, expect, it } from "vitest";

import { anonymousClient, serviceClient, signUp } from "../../support/stack.ts";
import { hear, listen, newTable, schema, settled, sql } from "./heard.ts";
import { joinRaw, type RawChannel } from "./raw_socket.ts";

const client = anonymousClient();
const settle = await settled(serviceClient());

/** Joins without a library, changes something, and gives what came. */
async function told(
  bindings: Record<string, unknown>[],
  statements: string,
  options: { token?: string } = {},
): Promise<RawChannel["payloads"]> {
  const channel = await joinRaw(bindings.map((binding) => ({ event: "*", schema, ...binding })), options);
  expect(channel.system[0]).toMatchObject({ status: "ok" });
  await sql.unsafe(statements);
  await settle();
  return channel.payloads;
}

const dataOf = (payloads: RawChannel["payloads"]) => payloads.map(({ data }) => data);

describe("an event", () => {
  it("has the real server's fields, and only those", async () => {
    const table = await newTable("id int primary key, name text");
    const [insert, update, remove] = dataOf(
      await told(
        [{ table }],
        `
        insert into ${schema}.${table} values (1, 'a');
        update ${schema}.${table} set name = 'b';
        delete from ${schema}.${table}`,
      ),
    );
    const common = {
      schema,
      table,
      columns: [{ name: "id", type: "int4" }, { name: "name", type: "text" }],
      errors: null,
      commit_timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    };
    expect(insert).toEqual({ ...common, type: "INSERT", record: { id: 1, name: "a" } });
    expect(update).toEqual({
      ...common,
      type: "UPDATE",
      record: { id: 1, name: "b" },
      old_record: { id: 1 },
    });
    expect(remove).toEqual({ ...common, type: "DELETE", old_record: { id: 1 } });
  });

  it("has the time of its commit, which all of a transaction share", async () => {
    const table = await newTable("id int primary key");
    const before = Date.now();
    const payloads = await told([{ table }], `insert into ${schema}.${table} values (1), (2)`);
    const times = new Set(dataOf(payloads).map((data) => Date.parse(data.commit_timestamp as string)));
    expect(times.size).toBe(1);
    expect([...times][0]! - before).toBeGreaterThanOrEqual(-5);
    expect([...times][0]! - before).toBeLessThan(60_000);
  });

  it("names the bindings that it is for, as the join's reply did", async () => {
    const table = await newTable("id int primary key");
    const channel = await joinRaw([
      { event: "INSERT", schema, table },
      { event: "DELETE", schema, table },
      { event: "*", schema, table, filter: "id=gt.1" },
    ]);
    const { status, response } = channel.reply as {
      status: string;
      response: { postgres_changes: { id: number; event: string }[] };
    };
    expect(status).toBe("ok");
    const [inserts, deletes, others] = response.postgres_changes.map(({ id }) => id);
    expect(response.postgres_changes[2]).toEqual({
      id: others,
      event: "*",
      schema,
      table,
      filter: "id=gt.1",
    });
    await sql.unsafe(
      `insert into ${schema}.${table} values (1), (2); delete from ${schema}.${table} where id = 2`,
    );
    await settle();
    expect(channel.payloads.map(({ ids }) => ids.sort())).toEqual([
      [inserts],
      [inserts, others].sort(),
      // Of the row that is gone its key alone is known, which is what the filter asks for.
      [deletes, others].sort(),
    ]);
  });

  it("says of the subscription what the real server says", async () => {
    const table = await newTable("id int primary key");
    const channel = await joinRaw([{ event: "*", schema, table }]);
    expect(channel.system).toEqual([{
      channel: expect.any(String),
      extension: "postgres_changes",
      message: "Subscribed to PostgreSQL",
      status: "ok",
    }]);
  });
});

/** A column's type, a value in SQL, the type's name in `columns`, and the value in `record`, as text of JSON. */
const TYPES: [type: string, value: string, name: string, json: string][] = [
  ["int", "-2147483648", "int4", "-2147483648"],
  ["bigint", "9223372036854775807", "int8", "9223372036854775807"],
  [
    "numeric",
    "123456789012345678901234567890.123456789",
    "numeric",
    "123456789012345678901234567890.123456789",
  ],
  ["numeric(10, 2)", "10.50", "numeric", "10.50"],
  ["numeric", "'NaN'", "numeric", "null"],
  ["float8", "0.1", "float8", "0.1"],
  ["float8", "'-Infinity'", "float8", "null"],
  ["boolean", "true", "bool", "true"],
  ["text", `'say "hi" \\ ü'`, "text", String.raw`"say \"hi\" \\ ü"`],
  ["varchar(5)", "'abc'", "varchar", '"abc"'],
  ["char(5)", "'abc'", "bpchar", '"abc  "'],
  ["uuid", "'6b1d5f0e-2f5b-4c39-8f0a-0d1f5a1f9b01'", "uuid", '"6b1d5f0e-2f5b-4c39-8f0a-0d1f5a1f9b01"'],
  ["timestamptz", "'2026-01-31 12:00:00.123456+02'", "timestamptz", '"2026-01-31T10:00:00.123456+00:00"'],
  ["timestamp", "'2026-01-31 12:00'", "timestamp", '"2026-01-31T12:00:00"'],
  ["timestamptz", "'infinity'", "timestamptz", '"infinity"'],
  ["date", "'2026-01-31'", "date", '"2026-01-31"'],
  ["time", "'23:59:59'", "time", '"23:59:59"'],
  ["interval", "'1 day 2 hours'", "interval", '"1 day 02:00:00"'],
  ["jsonb", `'{"b": [1, null], "a": 1.50}'`, "jsonb", '{"a": 1.50, "b": [1, null]}'],
  ["json", `'{"b": 1}'`, "json", '{"b": 1}'],
  ["jsonb", "'null'", "jsonb", "null"],
  ["text[]", `'{a,"b c",NULL}'`, "_text", '["a", "b c", null]'],
  ["int[]", "'{{1,2},{3,4}}'", "_int4", "[[1, 2], [3, 4]]"],
  ["int4range", "'[1,5)'", "int4range", '"[1,5)"'],
  ["bytea", String.raw`'\x00ff'`, "bytea", '"00ff"'],
  ["inet", "'10.0.0.1'", "inet", '"10.0.0.1"'],
  ["point", "'(1,2)'", "point", '"(1,2)"'],
  ["bit(3)", "'101'", "bit", '"101"'],
];

describe("a value", () => {
  it.each(TYPES)("of type %s, %s, is of %s, and %s", async (type, value, name, json) => {
    const table = await newTable(`id int primary key, value ${type}`);
    const channel = await joinRaw([{ event: "*", schema, table }]);
    await sql.unsafe(`insert into ${schema}.${table} values (1, ${value}), (2, null)`);
    await settle();
    expect((channel.payloads[0]!.data.columns as unknown[])[1]).toEqual({ name: "value", type: name });
    // As text: numbers keep all of their digits.
    expect(channel.texts[0]).toContain(`"record":{"id": 1, "value": ${json}}`);
    expect(channel.texts[1]).toContain(`"record":{"id": 2, "value": null}`);
  });

  it("of an enum, a domain or a composite type is what to_jsonb makes of it", async () => {
    await sql.unsafe(`
      create type ${schema}.mood as enum ('sad', 'happy');
      create domain ${schema}.positive as int check (value > 0);
      create type ${schema}.pair as (one int, "Other" text)`);
    const table = await newTable(
      `id int primary key, mood ${schema}.mood, n ${schema}.positive, pair ${schema}.pair`,
    );
    const [data] = dataOf(
      await told([{ table }], `insert into ${schema}.${table} values (1, 'happy', 5, '(1,"a b")')`),
    );
    expect(data!.record).toEqual({ id: 1, mood: "happy", n: 5, pair: { one: 1, Other: "a b" } });
  });

  it("that is large and was left untouched is in the record of an update only where the identity is full", async () => {
    for (const identity of ["default", "full"]) {
      const table = await newTable("id int primary key, large text, n int", {
        after:
          `alter table $table replica identity ${identity}; alter table $table alter large set storage external`,
      });
      const [insert, update] = dataOf(
        await told(
          [{ table }],
          `
          insert into ${schema}.${table} values (1, repeat('x', 10000), 1); update ${schema}.${table} set n = 2`,
        ),
      );
      const { large } = insert!.record as { large: string };
      expect(large).toHaveLength(10_000);
      expect(update!.record).toEqual(identity === "full" ? { id: 1, n: 2, large } : { id: 1, n: 2 });
    }
  });
});

describe("the row before a change", () => {
  it.each([
    ["default", { id: 1 }, { id: 2 }],
    ["full", { id: 1, code: "a", name: "x" }, { id: 2, code: "b", name: "y" }],
    ["using index $index", { code: "a" }, { code: "b" }],
  ])("with replica identity %s is %o", async (identity, before, gone) => {
    const table = await newTable("id int primary key, code text not null unique, name text");
    await sql.unsafe(
      `alter table ${schema}.${table} replica identity ${identity.replace("$index", `${table}_code_key`)}`,
    );
    const [, update, remove] = dataOf(
      await told(
        [{ table }],
        `
        insert into ${schema}.${table} values (1, 'a', 'x');
        update ${schema}.${table} set id = 2, code = 'b', name = 'y';
        delete from ${schema}.${table}`,
      ),
    );
    expect(update!.old_record).toEqual(before);
    expect(remove!.old_record).toEqual(gone);
  });
});

describe("a selection", () => {
  it("leaves out other columns, but never the key", async () => {
    const table = await newTable("id int primary key, a text, b text", {
      after: "alter table $table replica identity full",
    });
    const [insert, update, remove] = dataOf(
      await told(
        [{ table, select: ["a"] }],
        `
        insert into ${schema}.${table} values (1, 'x', 'y'); update ${schema}.${table} set b = 'z';
        delete from ${schema}.${table}`,
      ),
    );
    expect(insert!.record).toEqual({ id: 1, a: "x" });
    expect(insert!.columns).toEqual([{ name: "id", type: "int4" }, { name: "a", type: "text" }]);
    expect([update!.record, update!.old_record]).toEqual([{ id: 1, a: "x" }, { id: 1, a: "x" }]);
    expect(remove!.old_record).toEqual({ id: 1, a: "x" });
  });

  it("is each binding's own", async () => {
    const table = await newTable("id int primary key, a text, b text");
    const payloads = await told(
      [{ table, select: ["a"] }, { table, select: ["b"] }, { table }, { table, select: [] }],
      `insert into ${schema}.${table} values (1, 'x', 'y')`,
    );
    const records = payloads.map(({ data }) => Object.keys(data.record as object).sort().join());
    expect(records.sort()).toEqual(["a,b,id", "a,id", "b,id"]);
  });
});

describe("what is told without the row", () => {
  it("of a table without a primary key is an error", async () => {
    const table = await newTable("id int", { after: "alter table $table replica identity full" });
    const payloads = await told([{ table }], `insert into ${schema}.${table} values (1)`);
    expect(dataOf(payloads)).toEqual([{
      schema,
      table,
      type: "INSERT",
      record: {},
      columns: [],
      commit_timestamp: null,
      errors: ["Error 400: Bad Request, no primary key"],
    }]);
  });

  it("to who may not read the key is an error", async () => {
    const table = await newTable("id int primary key, name text", {
      readers: [],
      after: "grant select (name) on $table to anon",
    });
    const payloads = await told(
      [{ table }],
      `
      insert into ${schema}.${table} values (1, 'a'); update ${schema}.${table} set name = 'b';
      delete from ${schema}.${table}`,
    );
    const error = { schema, table, columns: [], commit_timestamp: null, errors: ["Error 401: Unauthorized"] };
    expect(dataOf(payloads).slice(0, 2)).toEqual([
      { ...error, type: "INSERT", record: {} },
      { ...error, type: "UPDATE", record: {}, old_record: {} },
    ]);
    expect(dataOf(payloads)[2]).toMatchObject({ type: "DELETE", old_record: {}, errors: null });
  });

  it("are the values over 64 bytes of a record that is too large", async () => {
    const table = await newTable("id int primary key, short text, large text");
    const payloads = await told(
      [{ table }],
      `
      insert into ${schema}.${table} values (1, 'a', repeat(gen_random_uuid()::text, 40000))`,
    );
    expect(dataOf(payloads)).toEqual([
      expect.objectContaining({
        record: { id: 1, short: "a" },
        columns: expect.arrayContaining([{ name: "large", type: "text" }]),
        errors: ["Error 413: Payload Too Large"],
      }),
    ]);
  });

  it("to one whose claims a policy cannot bear is an error, and the others hear of it", async () => {
    const [unlucky, other] = await Promise.all([signUp(), signUp()]);
    const table = await newTable("id int primary key", {
      after: `
        alter table $table enable row level security;
        create policy fails on $table for select to authenticated
          using (1 / (case auth.uid() when '${unlucky!.id}' then 0 else 1 end) = 1)`,
    });
    const channel = await joinRaw([{ event: "*", schema, table }], { token: unlucky!.token });
    const heard = await listen(other!.client, { table });
    await sql.unsafe(`insert into ${schema}.${table} values (1)`);
    await settle();
    expect(heard.events.map((event) => event.new)).toEqual([{ id: 1 }]);
    expect(dataOf(channel.payloads)).toEqual([{
      schema,
      table,
      type: "INSERT",
      record: {},
      columns: [],
      commit_timestamp: null,
      errors: ["Error 500: Internal Server Error, RLS policy evaluation failed"],
    }]);
  });

  it("is nothing of a table that is emptied", async () => {
    const table = await newTable("id int primary key");
    const payloads = await told(
      [{ table }],
      `
      insert into ${schema}.${table} values (1); truncate ${schema}.${table}; insert into ${schema}.${table} values (2)`,
    );
    expect(dataOf(payloads).map(({ type }) => type)).toEqual(["INSERT", "INSERT"]);
  });
});

describe("a column", () => {
  it("that the role may not read is left out, for each role by itself", async () => {
    const table = await newTable("id int primary key, name text, secret text", {
      readers: ["service_role"],
      after: `
        alter table $table replica identity full;
        grant select (id, name) on $table to anon`,
    });
    const statements = `
      insert into ${schema}.${table} values (1, 'a', 'hidden'); update ${schema}.${table} set secret = 'hidden too';
      delete from ${schema}.${table}`;
    const server = await listen(serviceClient(), { table });
    const [insert, update, remove] = dataOf(await told([{ table }], statements));
    expect(insert!.columns).toEqual([{ name: "id", type: "int4" }, { name: "name", type: "text" }]);
    expect(insert!.record).toEqual({ id: 1, name: "a" });
    expect([update!.record, update!.old_record]).toEqual([{ id: 1, name: "a" }, { id: 1, name: "a" }]);
    expect(remove!.old_record).toEqual({ id: 1, name: "a" });
    const [first] = await hear(server, 3);
    expect(first!.new).toEqual({ id: 1, name: "a", secret: "hidden" });
  });

  it("that was added, renamed or dropped is so in the next event", async () => {
    const table = await newTable("id int primary key, a text");
    const own = `${schema}.${table}`;
    const payloads = await told(
      [{ table }],
      `
      insert into ${own} values (1, 'x');
      alter table ${own} add column b int default 7;
      insert into ${own} values (2, 'y');
      alter table ${own} drop column a;
      alter table ${own} rename column b to c;
      insert into ${own} values (3, 8)`,
    ).catch((error) => error);
    const records = dataOf(payloads).map(({ record }) => record);
    expect(records.at(-1)).toEqual({ id: 3, c: 8 });
    expect(records).toHaveLength(3);
  });
});

describe("a subscription", () => {
  it("is in realtime.subscription while its channel is there, for its owner to look at", async () => {
    const table = await newTable("id int primary key");
    const user = await signUp();
    await listen(user.client, { table, event: "INSERT", filter: "id=gt.1" });
    const find = () =>
      sql`
      select filters::text, claims ->> 'sub' as sub, claims_role::text as role, action_filter
      from realtime.subscription where entity = ${`${schema}.${table}`}::regclass`;
    expect([...await find()]).toEqual([
      { filters: '{"(id,gt,1,f)"}', sub: user.id, role: "authenticated", action_filter: "INSERT" },
    ]);
    await user.client.removeAllChannels();
    await expect.poll(async () => (await find()).length, { timeout: 20_000 }).toBe(0);
  });

  it("is judged by the claims of a new token as soon as it is given", async () => {
    const table = await newTable("id int primary key, owner uuid", {
      after: `
        alter table $table enable row level security;
        create policy own on $table for select to authenticated using (owner = auth.uid())`,
    });
    const [first, second] = await Promise.all([signUp(), signUp()]);
    const channel = await joinRaw([{ event: "*", schema, table }], { token: first!.token });
    const write = (id: number) =>
      sql.unsafe(
        `insert into ${schema}.${table} values (${id}, '${first!.id}'), (${id + 1}, '${second!.id}')`,
      );
    const ids = () => channel.payloads.map(({ data }) => (data.record as { id: number }).id);
    await write(1);
    await settle();
    expect(ids()).toEqual([1]);
    channel.send("access_token", { access_token: second!.token });
    await expect.poll(() => channel.system.length, { timeout: 20_000 }).toBe(2);
    await write(3);
    await settle();
    expect(ids()).toEqual([1, 4]);
  });

  it("of the secret key hears what no policy lets others hear", async () => {
    const table = await newTable("id int primary key", {
      after: "alter table $table enable row level security",
    });
    const [server, nobody] = await Promise.all([
      listen(serviceClient(), { table }),
      listen(client, { table }),
    ]);
    await sql.unsafe(`insert into ${schema}.${table} values (1)`);
    await settle();
    expect(server.events).toHaveLength(1);
    expect(nobody.events).toHaveLength(0);
  });

  it("costs nobody else a channel: a client that asks for what is not there stays connected", async () => {
    const table = await newTable("id int primary key");
    const heard = await listen(client, { table });
    const bad = await joinRaw([{ event: "*", schema, table: "nothing" }]);
    expect(bad.system[0]).toMatchObject({ status: "error", extension: "postgres_changes" });
    expect((bad.reply as { status: string }).status).toBe("ok");
    await sql.unsafe(`insert into ${schema}.${table} values (1)`);
    await hear(heard, 1);
  });
});
