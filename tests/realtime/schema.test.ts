import { describe, expect, it } from "vitest";

import { connect } from "../support/stack.ts";

const sql = connect({ connections: 1 });

describe("the schema realtime is the platform's", () => {
  it("its messages: columns, key, partitions, owner and row level security", async () => {
    const columns = await sql`
      select column_name as name, data_type as type, is_nullable = 'YES' as is_nullable, column_default as "default"
      from information_schema.columns where table_schema = 'realtime' and table_name = 'messages'
      order by ordinal_position`;
    expect(columns.map(({ name, type, is_nullable, default: value }) => [name, type, is_nullable, value]))
      .toEqual([
        ["topic", "text", false, null],
        ["extension", "text", false, null],
        ["payload", "jsonb", true, null],
        ["event", "text", true, null],
        ["private", "boolean", true, "false"],
        ["updated_at", "timestamp without time zone", false, "now()"],
        ["inserted_at", "timestamp without time zone", false, "now()"],
        ["id", "uuid", false, "gen_random_uuid()"],
        ["binary_payload", "bytea", true, null],
      ]);
    const [table] = await sql`
      select pg_get_userbyid(relowner) as owner, relrowsecurity, relforcerowsecurity,
        pg_get_partkeydef(oid) as partitions,
        (select pg_get_constraintdef(constraints.oid) from pg_constraint constraints
          where conrelid = pg_class.oid and contype = 'p') as key
      from pg_class where oid = 'realtime.messages'::regclass`;
    expect(table).toEqual({
      owner: "supabase_realtime_admin",
      relrowsecurity: true,
      relforcerowsecurity: false,
      partitions: "RANGE (inserted_at)",
      key: "PRIMARY KEY (id, inserted_at)",
    });
  });

  it("its functions: owner, and rights of what runs as their caller", async () => {
    const rows = await sql`
      select procedure.oid::regprocedure::text as signature, pg_get_userbyid(proowner) as owner, prosecdef as definer
      from pg_proc procedure where oid::regproc::text in (
        'realtime.topic', 'realtime.send', 'realtime.send_binary', 'realtime.broadcast_changes')
      order by 1`;
    expect(rows.map(({ signature, owner, definer }) => [signature, owner, definer])).toEqual([
      [
        "realtime.broadcast_changes(text,text,text,text,text,record,record,text)",
        "supabase_realtime_admin",
        false,
      ],
      ["realtime.send(jsonb,text,text,boolean)", "supabase_realtime_admin", false],
      ["realtime.send_binary(bytea,text,text,boolean)", "supabase_realtime_admin", false],
      ["realtime.topic()", "supabase_realtime_admin", false],
    ]);
  });

  it.each(["anon", "authenticated", "service_role"])("what %s may do", async (role) => {
    const [rights] = await sql`
      select has_schema_privilege(${role}, 'realtime', 'usage') as usage,
        has_schema_privilege(${role}, 'realtime', 'create') as create,
        has_table_privilege(${role}, 'realtime.messages', 'select') as select,
        has_table_privilege(${role}, 'realtime.messages', 'insert') as insert,
        has_table_privilege(${role}, 'realtime.messages', 'update') as update,
        has_table_privilege(${role}, 'realtime.messages', 'delete') as delete`;
    expect(rights).toEqual({
      usage: true,
      create: false,
      select: true,
      insert: true,
      update: true,
      delete: false,
    });
  });

  it("its publications, and whose they are", async () => {
    const rows = await sql`
      select pubname as name, pg_get_userbyid(pubowner) as owner, puballtables as is_all
      from pg_publication order by 1`;
    expect(rows.map(({ name, owner, is_all }) => [name, owner, is_all])).toEqual([
      ["supabase_realtime", "postgres", false],
      ["supabase_realtime_messages_publication", "supabase_admin", false],
    ]);
  });
});

describe("a migration, which runs as postgres,", () => {
  it("makes, alters and drops policies on messages", async () => {
    await sql.begin(async (transaction) => {
      await transaction.unsafe(`
        create policy mine on realtime.messages for select to authenticated using (realtime.topic() = 'x');
        alter policy mine on realtime.messages using (realtime.topic() = 'y');
        drop policy mine on realtime.messages`);
    });
  });

  it("grants what is none of Realtime's", async () => {
    const name = `granted_${crypto.randomUUID().replaceAll("-", "")}`;
    await sql.unsafe(`
      create table extensions.${name} (id int primary key);
      grant select on extensions.${name} to authenticated;
      create rule mine as on insert to extensions.${name} do instead nothing;
      drop rule mine on extensions.${name};
      revoke select on extensions.${name} from authenticated;
      drop table extensions.${name}`);
  });

  it("adds tables to the publication, and takes them away", async () => {
    const name = `published_${crypto.randomUUID().replaceAll("-", "")}`;
    await sql.unsafe(`
      create table extensions.${name} (id int primary key);
      alter publication supabase_realtime add table extensions.${name};
      alter publication supabase_realtime drop table extensions.${name};
      drop table extensions.${name}`);
  });

  it.each([
    ["alter messages", "alter table realtime.messages add column mine text"],
    ["switch its row level security off", "alter table realtime.messages disable row level security"],
    ["give it away", "alter table realtime.messages owner to postgres"],
    ["index it", "create index mine on realtime.messages (event)"],
    ["drop it", "drop table realtime.messages"],
    [
      "replace a function",
      "create or replace function realtime.topic() returns text language sql as 'select null'",
    ],
    ["drop a function", "drop function realtime.send_binary"],
    ["make a table", "create table realtime.mine (id int)"],
    ["put a rule on it", "create rule mine as on insert to realtime.messages do instead nothing"],
    ["grant more of it", "grant delete on realtime.messages to authenticated"],
    ["grant it to all", "grant select on realtime.messages to public"],
    ["grant it with all tables", "grant delete on all tables in schema realtime to anon"],
    ["take what is granted", "revoke insert on realtime.messages from authenticated"],
    ["rename the schema", "alter schema realtime rename to mine"],
    ["drop the schema", "drop schema realtime cascade"],
    [
      "do so in the role that owns it",
      "set local role supabase_realtime_admin; alter table realtime.messages add column mine text",
    ],
  ])("may not %s", async (_, statement) => {
    await expect(sql.begin((transaction) => transaction.unsafe(statement))).rejects.toMatchObject({
      code: "42501",
    });
  });
});
