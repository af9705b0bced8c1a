import { describe, expect, it } from "vitest";

import { connect } from "../../support/stack.ts";

const sql = connect({ connections: 2 });

const FUNCTIONS = [
  "apply_rls(jsonb,integer)",
  "build_prepared_statement_sql(text,regclass,realtime.wal_column[])",
  '"cast"(text,regtype)',
  "check_equality_op(realtime.equality_op,regtype,text,text)",
  "check_equality_op(realtime.equality_op,regtype,text,text,boolean)",
  "filters_hash(realtime.user_defined_filter[])",
  "is_visible_through_filters(realtime.wal_column[],realtime.user_defined_filter[])",
  "list_changes(name,name,integer,integer)",
  "quote_wal2json(regclass)",
  "subscription_check_filters()",
  "to_regrole(text)",
  "wal2json_escape_identifier(text)",
];

describe("the schema realtime has what a hosted project's has for changes", () => {
  it.each(FUNCTIONS)("the function %s, of its owner", async (signature) => {
    const [found] = await sql`
      select pg_get_userbyid(proowner) as owner, prosecdef as definer,
        has_function_privilege('postgres', oid, 'execute') as may
      from pg_proc where oid = ${`realtime.${signature}`}::regprocedure`;
    expect(found).toEqual({ owner: "supabase_realtime_admin", definer: false, may: true });
  });

  it("its types", async () => {
    const [row] = await sql`
      select enum_range(null::realtime.action)::text as actions, enum_range(null::realtime.equality_op)::text as operators,
        row('a', 'eq', 'b', false)::realtime.user_defined_filter::text as filter`;
    expect(row).toEqual({
      actions: "{INSERT,UPDATE,DELETE,TRUNCATE,ERROR}",
      operators: "{eq,neq,lt,lte,gt,gte,in,like,ilike,is,match,imatch,isdistinct}",
      filter: "(a,eq,b,f)",
    });
  });

  it("the table of subscriptions, which anybody may read and nobody but Realtime may write", async () => {
    const columns = await sql`
      select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
      where attrelid = 'realtime.subscription'::regclass and attnum > 0 order by attnum`;
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "id bigint",
      "subscription_id uuid",
      "entity regclass",
      "filters realtime.user_defined_filter[]",
      "claims jsonb",
      "claims_role regrole",
      "created_at timestamp without time zone",
      "action_filter text",
      "selected_columns text[]",
    ]);
    for (const role of ["anon", "authenticated", "service_role"]) {
      const [rights] = await sql`
        select has_table_privilege(${role}, 'realtime.subscription', 'select') as reads,
          has_table_privilege(${role}, 'realtime.subscription', 'insert, update, delete, truncate') as writes`;
      expect(rights, role).toEqual({ reads: true, writes: false });
    }
  });

  it("the publication, which its owner adds tables to", async () => {
    const [publication] = await sql`
      select pg_get_userbyid(pubowner) as owner, puballtables from pg_publication where pubname = 'supabase_realtime'`;
    expect(publication).toEqual({ owner: "postgres", puballtables: false });
  });

  it("functions that do by themselves what they do for Realtime", async () => {
    const [row] = await sql`
      select realtime.check_equality_op('gt', 'int'::regtype, '2', '1') as greater,
        realtime.check_equality_op('in', 'text'::regtype, 'a', '{a,b}', true) as not_in,
        realtime.check_equality_op('is', 'text'::regtype, null, 'null', false) as is_null,
        realtime.check_equality_op('eq', 'int'::regtype, null, '1', true) as unknown,
        realtime.cast('{1,2}', 'int[]'::regtype) as array,
        realtime.quote_wal2json('realtime.subscription'::regclass) as quoted,
        realtime.wal2json_escape_identifier('a b.c') as escaped,
        realtime.build_prepared_statement_sql('s', 'realtime.subscription'::regclass, array[
          row('id', 'int8', 20, '1', true, true)::realtime.wal_column,
          row('x', 'text', 25, '"y"', false, true)::realtime.wal_column]) as statement,
        realtime.is_visible_through_filters(
          array[row('n', 'int4', 23, '5', false, true)::realtime.wal_column],
          array[row('n', 'gt', '1', false)::realtime.user_defined_filter]) as visible,
        realtime.is_visible_through_filters(
          array[row('n', 'int4', 23, '5', false, true)::realtime.wal_column],
          array[row('m', 'gt', '1', false)::realtime.user_defined_filter]) as missing,
        realtime.is_visible_through_filters('{}', '{}') as unfiltered`;
    expect(row).toEqual({
      greater: true,
      not_in: false,
      is_null: true,
      unknown: null,
      array: [1, 2],
      quoted: "realtime.subscription",
      escaped: "a\\ b\\.c",
      statement: "prepare s as select exists (select from realtime.subscription where id = '1')",
      visible: true,
      missing: false,
      unfiltered: true,
    });
  });

  it("list_changes, which is the server's alone, and whose slot this Postgres cannot make, as it has no wal2json", async () => {
    await expect(sql`select realtime.list_changes('supabase_realtime', 'no_slot', 10, 1024)`)
      .rejects.toThrow('permission denied to set parameter "log_min_messages"');
    await expect(sql`select pg_create_logical_replication_slot('x', 'wal2json', true)`).rejects.toThrow(
      "wal2json",
    );
  });
});
