import { describe, expect, it } from "vitest";

import { anonymousClient, serviceClient } from "../../support/stack.ts";
import { ask, type Asked, type Event, type Heard, listen, newTable, schema, settled, sql } from "./heard.ts";

const client = anonymousClient();
/** A connection has room for 100 channels. */
const others = anonymousClient();
const settle = await settled(serviceClient());

await sql.unsafe(`create type ${schema}.mood as enum ('sad', 'fine', 'happy')`);
const table = await newTable(
  `
  id int primary key, word text, short varchar(20), fixed char(5), number int, large bigint, price numeric(10, 2),
  ratio float8, is_on boolean, at timestamptz, day date, place uuid, tags text[], data jsonb, span int4range,
  mood ${schema}.mood, "Odd Name" text, secret text, plain json, spot point`,
  {
    readers: [],
    after: `
      alter table $table replica identity full;
      grant select (id, word, short, fixed, number, large, price, ratio, is_on, at, day, place, tags, data, span, mood,
        "Odd Name", plain, spot) on $table to anon`,
  },
);

const PLACES = ["6b1d5f0e-2f5b-4c39-8f0a-0d1f5a1f9b01", "6b1d5f0e-2f5b-4c39-8f0a-0d1f5a1f9b02"];
const ROWS = `
  (1, 'apple', 'short', 'abc', 1, 9007199254740993, 10.50, 0.25, true, '2026-01-31 12:00+02', '2026-01-31',
    '${PLACES[0]}', '{a,b}', '{"a": 1}', '[1,5)', 'sad', 'x'),
  (2, 'Banana', 'long', 'abcde', 2, 9007199254740992, 10.49, 0.75, false, '2025-12-31', '2026-06-01',
    '${PLACES[1]}', '{}', '{"a": 2}', '[5,9)', 'fine', 'y z'),
  (3, 'a,b', '', '', -5, -1, 0, -1, null, '2026-12-31', '2027-01-01', null, null, null, null, 'happy', null),
  (4, 'say "hi" \\', 'a.b', 'x', 100, 0, 99999999.99, 1e300, true, 'infinity', 'infinity', null, '{"c,d"}', '[]', 'empty',
    null, ''),
  (5, '', null, null, 0, null, null, null, false, null, null, null, null, 'null', null, null, null),
  (6, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
  (7, '100%_(x)', 'short', 'ABC', 7, 7, 7, 7, true, '2026-01-01', '2026-01-01', '${
  PLACES[0]
}', '{a}', '7', '[7,8)',
    'fine', 'x=1'),
  (8, 'Ünï', null, null, 8, 8, 8, 8, null, null, null, null, null, null, null, null, null)`;
const COLUMNS =
  `id, word, short, fixed, number, large, price, ratio, is_on, at, day, place, tags, data, span, mood,
  "Odd Name"`;

/** Each filter with the condition of SQL that says the same. */
const FILTERS: [filter: string, condition: string][] = [
  ["word=eq.apple", "word = 'apple'"],
  ["word=eq.", "word = ''"],
  ["word=neq.apple", "word <> 'apple'"],
  ["word=lt.b", "word < 'b'"],
  ["word=lte.Banana", "word <= 'Banana'"],
  ["word=gt.a", "word > 'a'"],
  ["word=gte.apple", "word >= 'apple'"],
  ["word=in.(apple,Banana)", "word in ('apple', 'Banana')"],
  ['word=in.("a,b",apple)', "word in ('a,b', 'apple')"],
  ['word=in.("say \\"hi\\" \\\\")', `word = 'say "hi" \\'`],
  ["word=in.()", "false"],
  ["word=like.%a%", "word like '%a%'"],
  ["word=like.100\\%%", "word like '100\\%%'"],
  ["word=ilike.ban%", "word ilike 'ban%'"],
  ["word=ilike.ÜN_", "word ilike 'ÜN_'"],
  ["word=is.null", "word is null"],
  ["word=not.is.null", "word is not null"],
  ["word=match.^[aB]", "word ~ '^[aB]'"],
  ["word=imatch.^b", "word ~* '^b'"],
  ["word=not.imatch.^b", "word !~* '^b'"],
  ["word=isdistinct.apple", "word is distinct from 'apple'"],
  ["word=not.isdistinct.apple", "word is not distinct from 'apple'"],
  ['word=eq."a,b"', "word = 'a,b'"],
  ['word=eq."say \\"hi\\" \\\\"', `word = 'say "hi" \\'`],
  ["word=eq.100%_(x)", "word = '100%_(x)'"],
  ["word=not.eq.apple", "not word = 'apple'"],
  ["word=not.neq.apple", "not word <> 'apple'"],
  ["word=not.in.(apple,Banana)", "word not in ('apple', 'Banana')"],
  ["word=not.like.%a%", "word not like '%a%'"],
  ["word=not.lt.b", "not word < 'b'"],
  ["short=eq.a.b", "short = 'a.b'"],
  ["short=like.sh%", "short like 'sh%'"],
  ["fixed=eq.abc", "fixed = 'abc'"],
  ["fixed=gt.abc", "fixed > 'abc'"],
  ["number=eq.-5", "number = -5"],
  ["number=gt.1", "number > 1"],
  ["number=lte.2", "number <= 2"],
  ["number=in.(1,2,100)", "number in (1, 2, 100)"],
  ["number=not.in.(1,2)", "number not in (1, 2)"],
  ["number=is.null", "number is null"],
  ["number=isdistinct.7", "number is distinct from 7"],
  ["large=eq.9007199254740993", "large = 9007199254740993"],
  ["large=gt.9007199254740992", "large > 9007199254740992"],
  ["price=gte.10.50", "price >= 10.50"],
  ["price=eq.10.5", "price = 10.5"],
  ["ratio=lt.0.5", "ratio < 0.5"],
  ["ratio=eq.1e300", "ratio = 1e300"],
  ["is_on=is.true", "is_on is true"],
  ["is_on=is.false", "is_on is false"],
  ["is_on=is.unknown", "is_on is unknown"],
  ["is_on=not.is.true", "is_on is not true"],
  ["is_on=eq.true", "is_on"],
  ["at=gt.2026-01-01T00:00:00Z", "at > '2026-01-01T00:00:00Z'"],
  ["at=eq.2026-01-31 10:00:00+00", "at = '2026-01-31 10:00:00+00'"],
  ["day=lte.2026-06-01", "day <= '2026-06-01'"],
  [`place=eq.${PLACES[0]}`, `place = '${PLACES[0]}'`],
  [`place=in.(${PLACES.join(",")})`, `place in ('${PLACES.join("', '")}')`],
  ['tags=eq."{a,b}"', "tags = '{a,b}'"],
  ["tags=eq.{}", "tags = '{}'"],
  ['data=eq.{"a": 1}', `data = '{"a": 1}'`],
  ['span=eq."[1,5)"', "span = '[1,5)'"],
  ["mood=gt.sad", "mood > 'sad'"],
  ["mood=in.(fine,happy)", "mood in ('fine', 'happy')"],
  ["Odd Name=eq.y z", `"Odd Name" = 'y z'`],
  ["Odd Name=eq.x=1", `"Odd Name" = 'x=1'`],
  ["number=gt.0,word=like.%a%", "number > 0 and word like '%a%'"],
  ["number=gte.2,number=lte.8", "number between 2 and 8"],
  ["word=not.is.null,is_on=is.true,number=neq.1", "word is not null and is_on and number <> 1"],
  [" number=eq.1 , word=eq.apple ", "number = 1 and word = 'apple'"],
  ['word=in.("a,b",apple),number=lt.0', "word in ('a,b', 'apple') and number < 0"],
  ["", "true"],
  ["   ", "true"],
];

const idsOf = (events: Event[], row: "new" | "old") =>
  events.map((event) => (event[row] as { id: number }).id);
const wantedBy = async (condition: string) => {
  const rows = await sql.unsafe(`select id from ${schema}.${table} where ${condition} order by id`);
  return rows.map(({ id }) => id);
};

describe("what a filter lets through", async () => {
  const heard = new Map<string, Heard>();
  await Promise.all(
    FILTERS.map(async ([filter]) => heard.set(filter, await listen(others, { table, filter }))),
  );
  await sql.unsafe(`insert into ${schema}.${table} (${COLUMNS}) values ${ROWS}`);
  const inserted = new Map(
    await Promise.all(
      FILTERS.map(async ([filter, condition]) => [filter, await wantedBy(condition)] as const),
    ),
  );
  await settle();
  await sql.unsafe(`update ${schema}.${table} set number = 1000 - number, word = 'new ' || word`);
  const updated = new Map(
    await Promise.all(
      FILTERS.map(async ([filter, condition]) => [filter, await wantedBy(condition)] as const),
    ),
  );
  await settle();
  await sql.unsafe(`delete from ${schema}.${table}`);
  await settle();

  it.each(FILTERS)("%s is what Postgres says to: %s", (filter) => {
    const { events } = heard.get(filter)!;
    const of = (kind: string) => events.filter(({ eventType }) => eventType === kind);
    expect(idsOf(of("INSERT"), "new").sort(), "inserts").toEqual(inserted.get(filter));
    expect(idsOf(of("UPDATE"), "new").sort(), "updates").toEqual(updated.get(filter));
    expect(idsOf(of("DELETE"), "old").sort(), "deletes").toEqual(updated.get(filter));
  });
});

describe("an event", () => {
  it.each(
    [
      ["INSERT", ["INSERT"]],
      ["UPDATE", ["UPDATE"]],
      ["DELETE", ["DELETE"]],
      ["*", ["INSERT", "UPDATE", "DELETE"]],
    ] as const,
  )("%s lets through %s", async (event, kinds) => {
    const own = await newTable("id int primary key, name text");
    const heard = await listen(client, { table: own, event });
    await sql.unsafe(`
      insert into ${schema}.${own} values (1); update ${schema}.${own} set name = 'a'; delete from ${schema}.${own}`);
    await settle();
    expect(heard.events.map(({ eventType }) => eventType)).toEqual(kinds);
  });

  it("of a schema is of all of its published tables, also of those that are published later", async () => {
    const first = await newTable("id int primary key");
    const heard = await listen(client, { table: undefined });
    await sql.unsafe(`insert into ${schema}.${first} values (1)`);
    await expect.poll(() => heard.events.map(({ table }) => table), { timeout: 20_000 }).toContain(first);
    const later = await newTable("id int primary key");
    let id = 0;
    await expect.poll(async () => {
      await sql.unsafe(`insert into ${schema}.${later} values (${++id})`);
      return heard.events.map(({ table }) => table);
    }, { timeout: 20_000, interval: 200 }).toContain(later);
  });

  it("comes once for each binding that it is for, and for no other of the channel", async () => {
    const own = await newTable("id int primary key, name text");
    const seen: string[] = [];
    const channel = client.channel(crypto.randomUUID());
    const said: unknown[] = [];
    for (const filter of ["id=eq.1", "id=gt.0", "id=eq.2", "name=is.null"]) {
      channel.on("postgres_changes", { event: "INSERT", schema, table: own, filter }, (event) => {
        seen.push(`${filter}: ${event.new.id}`);
      });
    }
    channel.on("system", {}, (message) => said.push(message)).subscribe();
    await expect.poll(() => said.length, { timeout: 20_000 }).toBeGreaterThan(0);
    await sql.unsafe(`insert into ${schema}.${own} values (1), (3)`);
    await settle();
    expect(seen.sort()).toEqual([
      "id=eq.1: 1",
      "id=gt.0: 1",
      "id=gt.0: 3",
      "name=is.null: 1",
      "name=is.null: 3",
    ]);
    await client.removeChannel(channel);
  });
});

/** What is refused, with how the server's words end. */
const REFUSED: [what: string, asked: Asked & Record<string, unknown>, words: string | RegExp][] = [
  [
    "a table that is not there",
    { table: "nothing" },
    "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect " +
    `parameters: [event: *, schema: ${schema}, table: nothing, filters: [], select: nil]`,
  ],
  [
    "a schema that is not there",
    { schema: "nowhere", table },
    /^Unable to subscribe .* Please check Realtime is enabled/,
  ],
  ["a filter of one word", { filter: "undefined" }, 'Error parsing `filter` params: ["undefined"]'],
  ["an operator that is none", { filter: "number=foo.1" }, 'Error parsing `filter` params: ["foo", "1"]'],
  ["an operator without a value", { filter: "number=eq" }, 'Error parsing `filter` params: ["eq"]'],
  ["only a not", { filter: "number=not.1" }, 'Error parsing `filter` params: ["1"]'],
  [
    "an empty part",
    { filter: "number=eq.1,,word=eq.a" },
    "Error parsing `filter` params: filter must not contain empty segments (check for extra commas)",
  ],
  [
    "a list without parentheses",
    { filter: "number=in.1" },
    "Error parsing `filter` params: `in` filter value must be wrapped by parentheses",
  ],
  [
    "a column that is not there",
    { filter: "nothing=eq.1" },
    "Unable to subscribe to changes with given parameters. An exception happened so please check your connect " +
    `parameters: [event: *, schema: ${schema}, table: ${table}, filters: [{"nothing", "eq", "1", false}], select: nil]. ` +
    "Exception: ERROR P0001 (raise_exception) invalid column for filter nothing",
  ],
  ["a column that may not be read", { filter: "secret=eq.1" }, /invalid column for filter secret$/],
  ["a system's column", { filter: "ctid=eq.(0\\,1)" }, /invalid column for filter ctid$/],
  [
    "a value of another type",
    { filter: "number=eq.x" },
    /Exception: ERROR 22P02 \(invalid_text_representation\) invalid input syntax for type integer: "x"$/,
  ],
  ["a list of another type", { filter: "number=in.(1,x)" }, /invalid input syntax for type integer: "x"$/],
  [
    "a day that is none",
    { filter: "day=eq.2026-02-31" },
    /ERROR 22008 \(datetime_field_overflow\) date\/time field value/,
  ],
  [
    "a list without an end",
    { filter: 'word=in.("a)' },
    /ERROR 22P02 \(invalid_text_representation\) malformed array literal/,
  ],
  [
    "too long a list",
    { filter: `number=in.(${Array.from({ length: 101 }, (_, at) => at).join(",")})` },
    /too many values for `in` filter. Maximum 100$/,
  ],
  [
    "a pattern that is none",
    { filter: "word=match.[" },
    /invalid regular expression for match filter: .*brackets/,
  ],
  [
    "is with another word",
    { filter: "word=is.nothing" },
    /invalid value for is filter: must be null, true, false, or unknown$/,
  ],
  ["is true of a text", { filter: "word=is.true" }, /is true filter requires a boolean column, got text$/],
  [
    "like of a number",
    { filter: "number=like.1%" },
    /operator like is not supported on column number of type integer: (operator does not exist|invalid input)/,
  ],
  [
    "a comparison that a type has not",
    { filter: "plain=eq.{}" },
    /operator eq is not supported on column plain of type json/,
  ],
  [
    "a comparison of points",
    { filter: 'spot=eq."(1,2)"' },
    /operator eq is not supported on column spot of type point/,
  ],
  [
    "a column to select that is not there",
    { select: ["id", "nothing"] },
    /invalid column for select nothing$/,
  ],
  [
    "a column to select that may not be read",
    { select: ["id", "secret"] },
    /invalid column for select secret$/,
  ],
  [
    "a selection of all tables",
    { table: undefined, select: ["id"] },
    "Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.",
  ],
  [
    "a selection as text",
    { select: "id" as never },
    'Error parsing `select` params: expected a list of column name strings, e.g. select: ["col1", "col2"]',
  ],
];

describe("what is refused", () => {
  it.each(REFUSED)("%s", async (_what, asked, words) => {
    const { said } = await ask(client, { table, ...asked });
    expect(said).toHaveLength(1);
    expect(said[0]!.status).toBe("error");
    if (typeof words === "string") expect(said[0]!.message).toBe(words);
    else expect(said[0]!.message).toMatch(words);
  });

  it("a table that is not published", async () => {
    const own = await newTable("id int primary key", { isPublished: false });
    const { said } = await ask(client, { table: own });
    expect(said[0]!.message).toMatch(/Please check Realtime is enabled for the given connect parameters/);
  });

  it("all of a channel's bindings where one is", async () => {
    const own = await newTable("id int primary key");
    const { said, events } = await ask(client, { table: own }, { table: "nothing" });
    expect(said[0]!.status).toBe("error");
    await sql.unsafe(`insert into ${schema}.${own} values (1)`);
    await settle();
    expect(events).toEqual([]);
  });

  it("nothing that looks like SQL: a filter's words are values alone", async () => {
    const own = await newTable("id int primary key, name text");
    const names = ["x'); drop table t; --", "$$", "%1$s %L", "\\'", 'x" or 1=1', "'::text is not null or 'a"];
    for (const name of names) {
      const heard = await listen(client, { table: own, filter: `name=eq.${name.replaceAll(",", "\\,")}` });
      await sql.unsafe(`delete from ${schema}.${own}`);
      await sql.unsafe(`insert into ${schema}.${own} values (1, $1), (2, 'other')`, [name]);
      await settle();
      expect(heard.events.filter(({ eventType }) => eventType === "INSERT").map((event) => event.new), name)
        .toEqual([{ id: 1, name }]);
    }
  });
});
