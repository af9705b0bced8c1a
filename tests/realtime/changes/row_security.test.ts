import { join } from "node:path";
import postgres from "postgres";
import { afterAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { createPostgresChanges } from "../../../scripts/local/realtime/changes/changes.ts";
import { readSecrets } from "../../../scripts/local/secrets.ts";
import { createDatabase } from "../../sql/support.ts";
import { stack } from "../../support/stack.ts";

// Every table of the product is published in a database of its own, gets rows of two users, and what each reader hears is
// held against what the same reader may select.

const database = await createDatabase();
const url = new URL(database.url);
url.username = "supabase_admin";
url.password = (await readSecrets(stack.dataDir)).adminPassword;
const sql = postgres(url.href, { max: 4, onnotice: () => {} });
for (const file of ["schema.sql", "changes/schema.sql"]) {
  await sql.unsafe(await Deno.readTextFile(join(projectFolder, "scripts/local/realtime", file)));
}

interface Reader {
  name: string;
  role: string;
  claims: Record<string, unknown>;
  /** What was heard, by table, kind and key. */
  heard: Map<string, Record<string, unknown>[]>;
}

const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
const readerOf = (name: string, role: string, claims: Record<string, unknown> = {}): Reader => ({
  name,
  role,
  claims: { role, ...claims },
  heard: new Map(),
});
const readers = [
  readerOf("a user", "authenticated", { sub: one, email: "one@example.com" }),
  readerOf("another user", "authenticated", { sub: other, email: "other@example.com" }),
  readerOf("nobody signed in", "anon"),
  readerOf("a server", "service_role"),
];

interface Column {
  name: string;
  type: string;
  kind: string;
  typeOid: number;
  isKey: boolean;
  isNeeded: boolean;
  isGenerated: boolean;
}

const tables = await sql<{ name: string; columns: Column[] }[]>`
  select relname as name, (
    select json_agg(json_build_object(
      'name', attname, 'type', format_type(atttypid, atttypmod), 'kind', typtype, 'typeOid', atttypid::int,
      'isKey', coalesce(attnum = any (indkey), false), 'isNeeded', attnotnull and not atthasdef and attidentity = '',
      'isGenerated', attgenerated <> '' or attidentity <> ''
    ) order by attnum)
    from pg_attribute join pg_type on pg_type.oid = atttypid
    where attrelid = class.oid and attnum > 0 and not attisdropped
  ) as columns
  from pg_class class left join pg_index on indrelid = class.oid and indisprimary
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
  order by relname`;

/** Constraints between values would refuse what is made up here; rights and policies stay. */
await sql.unsafe(`
  do $$ declare target record; begin
    for target in
      select conrelid::regclass as name, conname from pg_constraint
      where connamespace = 'public'::regnamespace and contype in ('c', 'f') and conrelid <> 0 and conparentid = 0
    loop
      execute format('alter table %s drop constraint %I cascade', target.name, target.conname);
    end loop;
    for target in
      select oid::regclass as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and relpersistence = 'u'
    loop
      execute format('alter table %s set logged', target.name);
    end loop;
  end $$;
  create table public.the_last (id int primary key);
  grant select on public.the_last to anon, authenticated, service_role`);
await sql.unsafe(
  `alter publication supabase_realtime set table ${tables.map(({ name }) => `public.${name}`).join(", ")}`,
);
await sql.unsafe(`alter publication supabase_realtime add table public.the_last`);

const troubles: string[] = [];
const changes = createPostgresChanges({
  databaseUrl: url.href,
  slot: `tables_${crypto.randomUUID().slice(0, 8)}`,
  log: (message) => troubles.push(message),
});
afterAll(async () => {
  await changes.close();
  await sql.end();
});

for (const reader of readers) {
  const answer = await changes.subscribe({
    channel: reader,
    bindings: [{ event: "*", schema: "public" }],
    claims: reader.claims,
    deliver(json) {
      const data = JSON.parse(json);
      const key = `${data.table} ${data.type}`;
      reader.heard.set(key, [...reader.heard.get(key) ?? [], data]);
    },
  });
  if (!answer.ok) throw new Error(answer.error);
}

/** A value that a column takes; whose row it is, is in whatever may say so. */
async function valueOf(column: Column, owner: string): Promise<string> {
  const isOwner = /user|owner|profile|member|author|wallet|sender|_by$/.test(column.name);
  const type = column.type.replace(/\(.*\)/, "");
  if (type.endsWith("[]")) return "'{}'";
  if (column.kind === "e") {
    const [label] =
      await sql`select enumlabel from pg_enum where enumtypid = ${column.typeOid} order by enumsortorder`;
    return `'${label!.enumlabel}'`;
  }
  switch (type) {
    case "uuid":
      return `'${isOwner ? owner : crypto.randomUUID()}'`;
    case "boolean":
      return "true";
    case "jsonb":
    case "json":
      return "'{}'";
    case "date":
    case "timestamp with time zone":
    case "timestamp without time zone":
      return "now()";
    case "interval":
      return "'1 hour'";
    case "bytea":
      return `'\\x${crypto.randomUUID().replaceAll("-", "")}'`;
    case "inet":
    case "cidr":
      return "'10.0.0.0'";
    case "integer":
    case "bigint":
    case "smallint":
    case "numeric":
    case "double precision":
    case "real":
      return String(Math.floor(Math.random() * 30_000));
    case "int4range":
    case "tstzrange":
      return "'empty'";
    default:
      return `'${isOwner ? owner : crypto.randomUUID().slice(0, 8)}'`;
  }
}

/** What a reader may see of a table's rows: the readable columns, by key. */
async function selectable(
  reader: Reader,
  table: string,
  columns: Column[],
): Promise<Record<string, unknown>[]> {
  return await sql.begin(async (transaction) => {
    const readable = await transaction<{ name: string }[]>`
      select attname as name from pg_attribute
      where attrelid = ${`public.${table}`}::regclass and attnum > 0 and not attisdropped
        and attgenerated = '' -- Logical replication leaves out what is computed.
        and has_column_privilege(${reader.role}, attrelid, attnum, 'select')
      order by attnum`;
    const names = readable.map(({ name }) => name);
    // Whoever may not read the key is told nothing of a row.
    if (!hasKey(columns) || !columns.every(({ name, isKey }) => !isKey || names.includes(name))) return [];
    await transaction`select set_config('request.jwt.claims', ${JSON.stringify(reader.claims)}, true),
      set_config('role', ${reader.role}, true)`;
    const list = names.map((name) => `"${name}"`).join(", ");
    const rows = await transaction.unsafe(
      `select to_jsonb(visible) as row from (select ${list} from public.${table}) visible`,
    );
    return rows.map(({ row }) => row);
  });
}

const hasKey = (columns: Column[]) => columns.some(({ isKey }) => isKey);
const keyOf = (columns: Column[], row: Record<string, unknown>) =>
  JSON.stringify(columns.filter(({ isKey }) => isKey).map(({ name }) => row[name]));
const byKey = (columns: Column[], rows: Record<string, unknown>[]) =>
  Object.fromEntries(rows.map((row) => [keyOf(columns, row), Object.keys(row).sort()]));
/** Of bytes, wal2json leaves out what they begin with. */
const asTold = (columns: Column[], rows: Record<string, unknown>[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => {
        const isBytes = columns.find((column) => column.name === name)?.type === "bytea";
        return [name, isBytes && typeof value === "string" ? value.replace(/^\\x/, "") : value];
      }),
    )
  );

/** By table and reader: what could be selected when the rows were there. */
const selected = new Map<string, Record<string, unknown>[]>();
const plantedCount = new Map<string, number>();

for (const { name, columns } of tables) {
  for (const owner of [one, other]) {
    const given = columns.filter((column) =>
      !column.isGenerated && (column.isNeeded || /user|owner|profile|member/.test(column.name))
    );
    const values = await Promise.all(given.map((column) => valueOf(column, owner)));
    await sql.begin(async (transaction) => {
      // No trigger runs.
      await transaction`set local session_replication_role = replica`;
      const into = given.length > 0 ? `(${given.map((column) => `"${column.name}"`).join(", ")}) ` : "";
      await transaction.unsafe(
        `insert into public.${name} ${into}${
          given.length > 0 ? `values (${values.join(", ")})` : "default values"
        } on conflict do nothing`,
      );
    });
  }
  const [{ count }] = await sql.unsafe(`select count(*)::int as count from public.${name}`) as unknown as [
    { count: number },
  ];
  plantedCount.set(name, count);
  for (const reader of readers) {
    selected.set(`${name} ${reader.name}`, await selectable(reader, name, columns));
  }
}
const theLast = async (id: number) => {
  await sql`insert into public.the_last values (${id})`;
  const end = Date.now() + 60_000;
  while (readers.some(({ heard }) => (heard.get("the_last INSERT")?.length ?? 0) < id)) {
    if (Date.now() > end) throw new Error(`The last change is not told: ${troubles.join("; ")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
await theLast(1);
for (const { name, columns } of tables) {
  if (!hasKey(columns)) continue;
  await sql.begin(async (transaction) => {
    await transaction`set local session_replication_role = replica`;
    await transaction.unsafe(`delete from public.${name}`);
  });
}
await theLast(2);

describe("of every table of the product", () => {
  it("there were rows of two users, and each of its owner's alone was heard somewhere", () => {
    expect(tables.length).toBeGreaterThan(10);
    for (const [name, count] of plantedCount) expect(count, name).toBeGreaterThan(0);
    for (const reader of readers.slice(0, 2)) {
      const records = (reader.heard.get("token_balances INSERT") ?? []).map(({ record }) => record);
      expect(records).toEqual([expect.objectContaining({ user_id: reader.claims.sub })]);
    }
    expect(troubles).toEqual([]);
  });

  it.each(
    tables.flatMap(({ name, columns }) =>
      readers.map((reader) => [name, reader.name, columns, reader] as const)
    ),
  )(
    "%s: %s hears what it may select, and nothing else",
    (name, _reader, columns, reader) => {
      const events = reader.heard.get(`${name} INSERT`) ?? [];
      const records = events.filter(({ errors }) => errors === null).map(({ record }) =>
        record as Record<string, unknown>
      );
      // Rows that a migration has put there were there before.
      const told = new Set(records.map((row) => keyOf(columns, row)));
      const may = asTold(columns, selected.get(`${name} ${reader.name}`)!);
      const isPossible = hasKey(columns);
      const expected = isPossible
        ? may.filter((row) => told.has(keyOf(columns, row)) || isPlanted(name, columns, row))
        : [];
      expect(byKey(columns, records)).toEqual(byKey(columns, expected));
      for (const { errors, record } of events) if (errors !== null) expect(record).toEqual({});
    },
  );

  it.each(
    tables.flatMap(({ name, columns }) =>
      readers.map((reader) => [name, reader.name, columns, reader] as const)
    ),
  )(
    "%s: of a row that is gone %s hears at most the key",
    (name, _reader, columns, reader) => {
      for (const { old_record: old } of reader.heard.get(`${name} DELETE`) ?? []) {
        const keys = columns.filter(({ isKey }) => isKey).map((column) => column.name);
        expect(keys).toEqual(expect.arrayContaining(Object.keys(old as object)));
      }
    },
  );
});

/** The server hears every planted row: what it heard is what was planted. */
function isPlanted(table: string, columns: Column[], row: Record<string, unknown>): boolean {
  const server = readers.at(-1)!;
  const records = (server.heard.get(`${table} INSERT`) ?? []).map(({ record }) =>
    record as Record<string, unknown>
  );
  if (records.some((record) => keyOf(columns, record) === keyOf(columns, row))) return true;
  const text = JSON.stringify(row);
  return text.includes(one) || text.includes(other);
}
