import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Stack, startStack } from "../../scripts/local/stack.ts";
import { newPlace, type Place } from "./helpers.ts";

// PostgREST has Postgres write its JSON, so that what a column looks like in an answer is what to_json makes of it.
// https://docs.postgrest.org/en/stable/references/api/tables_views.html

/** Values of each type, in Postgres's own words; each type has a column in which the first value of the row stands. */
const VALUES: Record<string, string[]> = {
  "smallint": ["2"],
  "integer": ["-2147483648"],
  "bigint": ["9007199254740993", "1", "-9223372036854775808"],
  "numeric": ["1.50", "12345678901234567890.123", "NaN", "Infinity"],
  "numeric(10,2)": ["12.3"],
  "real": ["1.1", "NaN"],
  "double precision": ["0.1", "1e300", "-Infinity"],
  "boolean": ["t", "f"],
  "text": ['a"b\\ü ,{}', "", "NULL"],
  "character varying(5)": ["ab"],
  "character(4)": ["ab"],
  "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  "json": ['{"b": 1, "a": 2}', '"text"', "null", "[1]"],
  "jsonb": ['{"n": 9007199254740993, "deep": [{"m": 12345678901234567890}]}', '"[text]"', "12"],
  "bytea": ["\\xdeadbeef", "\\x"],
  "date": ["2026-11-29", "infinity", "0044-03-15 BC"],
  "time without time zone": ["04:59:21.5"],
  "time with time zone": ["04:59:21+02"],
  "timestamp without time zone": ["2026-11-29 04:59:21.123", "-infinity", "12026-11-29 04:59:21"],
  "timestamp with time zone": ["2026-11-29 04:59:21.123456+05:30", "infinity", "0044-03-15 12:00:00+00 BC"],
  "interval": ["1 day 02:03:04", "-1 mons"],
  "inet": ["10.0.0.1/8"],
  "bit(3)": ["101"],
  "point": ["(1,2)"],
  "money": ["$12.50"],
  "int4range": ["[1,5)"],
  "tstzrange": ['["2026-01-01 00:00:00+00","2026-02-01 00:00:00+00")'],
  "tsvector": ["'cat' 'fat'"],
  "oid": ["4294967295"],
  "public.token_lock_status": ["held"],
  "public.token_grant_kind": ["paid"],
  "text[]": ['{a,"b c",NULL,"d\\"e\\\\","NULL",""}', "{}"],
  "bigint[]": ["{9007199254740993,NULL}"],
  "integer[]": ["{{1,2},{3,4}}", "[2:3]={5,6}"],
  "numeric[]": ["{1.50,2}"],
  "boolean[]": ["{t,f}"],
  "uuid[]": ["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"],
  "jsonb[]": ['{"{\\"a\\": [1]}"}'],
  "bytea[]": ['{"\\\\xdead"}'],
  "date[]": ["{2026-11-29}"],
  "timestamp with time zone[]": ['{"2026-11-29 04:59:21+00"}'],
  "public.token_lock_status[]": ["{held,settled}"],
};

/** Values that local REST does not accept in the form in which it returns them; docs/local-stack.md lists them. */
const NOT_TAKEN_BACK = ["bigint", "numeric", "jsonb", "bigint[]", "boolean[]"];

let place: Place;
let stack: Stack;
let sql: postgres.Sql;

beforeAll(async () => {
  place = await newPlace();
  const options = {
    portBase: place.portBase,
    dataDir: place.dataDir,
    quiet: true,
    fast: true,
    schedule: false,
  };
  stack = await startStack(options);
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  for (const [index, [type, values]] of Object.entries(VALUES).entries()) {
    await sql.unsafe(`create table public.values_${index} (id integer primary key, it ${type})`);
    await sql.unsafe(`grant select, insert on public.values_${index} to service_role`);
    for (const [id, value] of values.entries()) {
      await sql.unsafe(`insert into public.values_${index} values ($1, $2::text::${type})`, [id, value]);
    }
    await sql.unsafe(`insert into public.values_${index} values ($1, null)`, [values.length]);
  }
  await sql.unsafe(`
    create table public.noted_calls (id integer generated always as identity primary key, is_seen boolean not null default false);
    grant select, update on public.noted_calls to service_role;
    create function public.note_call() returns integer language sql security definer set search_path = '' as $$
      insert into public.noted_calls default values;
      select 1;
    $$;
    grant execute on function public.note_call() to service_role;`);
  // Knows the types of what was made since it started.
  await stack.restart("lite");
});

afterAll(async () => {
  await sql?.end();
  await stack?.stop();
  await place.remove();
});

async function rest(path: string, body?: unknown): Promise<string> {
  const response = await fetch(`${stack.url}/rest/v1/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "apikey": stack.secretKey, "content-type": "application/json" },
    body: body as string | undefined,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return text;
}

/** Rows as JSON that Postgres has written. */
async function written(table: string): Promise<string> {
  const [row] = await sql.unsafe(`select json_agg(t order by id)::text as rows from public.${table} t`);
  return row!.rows;
}

/** JSON whose numbers are compared by each digit. */
function read(text: string): unknown {
  const withSource = JSON.parse as (
    text: string,
    revive: (key: string, value: unknown, context: { source: string }) => unknown,
  ) => unknown;
  return withSource(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && !Number.isSafeInteger(value * 100) ? `number ${source}` : value,
  );
}

describe("who asks for one row, and gets 406 for there is none,", () => {
  const ONE_ROW = "application/vnd.pgrst.object+json";
  const ask = (path: string, init: RequestInit) =>
    fetch(`${stack.url}/rest/v1/${path}`, {
      ...init,
      headers: { "apikey": stack.secretKey, "content-type": "application/json", "accept": ONE_ROW },
    });

  it("has called a function whose work is rolled back, and stays with an answer that was filtered in", async () => {
    const call = (filter: string) => ask(`rpc/note_call?note_call=${filter}`, { method: "POST", body: "{}" });
    expect((await call("eq.0")).status).toBe(406);
    expect(await sql`select from public.noted_calls`).toHaveLength(0);
    expect((await call("eq.1")).status).toBe(200);
    expect(await sql`select from public.noted_calls`).toHaveLength(1);
  });

  it("has changed no row, were it one too many or none", async () => {
    await sql`insert into public.noted_calls default values`;
    const patch = (filter: string) =>
      ask(`noted_calls?${filter}`, {
        method: "PATCH",
        body: JSON.stringify({ is_seen: true }),
      });
    expect((await patch("id=gt.0")).status).toBe(406);
    expect(await sql`select from public.noted_calls where is_seen`).toHaveLength(0);
  });
});

it("the columns of the project's own tables are of types that are compared here", async () => {
  const rows = await sql`
    select distinct format_type(atttypid, null) as type from pg_attribute
    join pg_class on pg_class.oid = attrelid
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and attnum > 0 and not attisdropped
      and relname not like 'values%' and relname <> 'noted_calls'`;
  const known = Object.keys(VALUES).map((type) => type.replace("public.", ""));
  expect(rows.map(({ type }) => type).filter((type) => !known.includes(type))).toEqual([]);
});

it.each(Object.keys(VALUES).map((type, index) => [type, index] as const))(
  "a column of type %s reads as Postgres writes it in JSON, and takes back what was read, where the documentation does not say otherwise",
  async (type, index) => {
    const table = `values_${index}`;
    const expected = await written(table);
    const answered = await rest(`${table}?order=id`);
    expect(read(answered)).toEqual(read(expected));
    if (NOT_TAKEN_BACK.includes(type)) return;
    await sql.unsafe(`delete from public.${table}`);
    await rest(table, expected);
    expect(read(await written(table))).toEqual(read(expected));
  },
);
