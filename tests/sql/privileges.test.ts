import type { SupabaseClient } from "@supabase/supabase-js";
import { beforeAll, describe, expect, it } from "vitest";

import { anonymousClient, connect, serviceClient, signUp } from "../support/stack.ts";
import { verifyPhone } from "../security/planted.ts";
import { Ledger, newId } from "./support.ts";

// Everything here is made from the database's own catalog: a new table or function is covered when it appears. What
// is meant to be open is named below, with the reason.

/** Functions that users may call. */
const OPEN_FUNCTIONS: Record<string, string> = {};

/** Tables that users may write, and how. */
const OPEN_WRITES: Record<string, { privileges: string[]; reason: string }> = {};

/** Tables without a user_id that users may read. */
const OPEN_READS: Record<string, string> = {};

/** Functions that service_role has no use for: helpers of others, and triggers. */
const INTERNAL_FUNCTIONS: Record<string, string> = {
  settle_auth_hook_otps: "a part of cleanup_expired_otps",
  otp_own_limits: "a part of request_otp and record_otp_delivery",
  otp_network_limits: "a part of request_otp and verify_otp",
  take_otp_network_limits: "a part of deny_otp and verify_otp",
  otp_guard: "a part of request_otp",
  otp_is_known: "a part of request_otp",
  otp_guesses_left: "a part of request_otp and verify_otp",
  otp_digest: "a part of request_otp and verify_otp",
  otp_code_of: "a part of request_otp and verify_otp",
  deny_otp: "a part of request_otp",
  count_otp: "a part of request_otp and verify_otp",
  alert_of_token_anomaly: "a trigger",
  anomaly_window: "a part of scan_token_anomalies",
  apply_anomaly_rule: "a trigger",
  chain_token_entries: "a part of consume_tokens_batch",
  expire_token_holds_of: "a part of hold_tokens and of cleanup_expired_locks",
  export_caller_networks: "a part of export_user_data",
  forget_call_limits: "a part of forget_user",
  forget_caller_networks: "a part of forget_user",
  note_call_excess: "told by take_call_limit",
  post_token_entry: "a part of settle_tokens and add_tokens",
  refuse_networks_of_forgotten: "a trigger",
  watch_caller_networks: "a trigger",
  follow_alert_ordering_key: "a trigger",
  forbid_token_access_log_change: "a trigger",
  forbid_token_history_change: "a trigger",
  forget_alerts: "a part of forget_ledger_user",
  forget_deleted_user: "a trigger",
  forget_ledger_user: "a part of forget_user",
  forget_oauth_user: "a part of forget_user",
  forget_otp_user: "a part of forget_user",
  forget_rate_limits: "a part of forget_ledger_user",
  export_ledger_user: "a part of export_user_data",
  export_otp_user: "a part of export_user_data",
  give_back_rate_limits: "a part of record_otp_delivery",
  lock_token_balances: "a part of run_token_operations and consume_tokens_batch",
  record_request_excess: "a part of admit_request",
  count_user_failure: "a part of admit_request, settle_tokens and release_tokens",
  anomalies_about_ledger: "a part of record_token_anomaly and forget_user",
  spent_since_month: "a part of set_spend_caps",
  take_request_limits: "a part of admit_request and admit_reading",
  answer_known_request: "a part of admit_request",
  request_limit_of: "a part of admit_request, and asked by take_call_limit",
  known_request_outcome: "a part of hold_tokens and admit_request",
  scan_ending_tokens: "a part of scan_alerts",
  scan_failing_provider: "a part of scan_alerts",
  scan_low_balances: "a part of scan_alerts",
  scan_overdue_jobs: "a part of scan_alerts",
  spend_cap_refusal: "a part of admit_request",
  spread_alerts: "a part of claim_alert_deliveries",
  renew_token_sync: "a part of diff_provider_tokens, put_provider_tokens and finish_token_sync",
  token_entry_chain: "a part of every charge and of verify_token_chain",
  token_refusal: "a part of every answer that refuses",
  token_response_tail: "a part of settle_tokens",
  token_request_problem: "a part of hold_tokens, consume_tokens_atomic and add_tokens",
};

/** Columns whose name and table say what they are. */
const OBVIOUS_COLUMNS = new Set([
  "id",
  "user_id",
  "created_at",
  "updated_at",
  "resolved_at",
  "request_id",
  "operation_type",
  "status",
  "balance_after",
  "anomaly_type",
  "severity",
  "metadata",
]);

const LEDGER = ["token_balances", "token_balance_history", "token_consumption_locks", "token_anomalies"];
const WRITES = ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"];

const sql = connect({ connections: 4 });
const ledger = new Ledger(sql);

interface Relation {
  name: string;
  kind: string;
  columns: string[];
}

const relations = await sql<Relation[]>`
  select relname as name, relkind as kind,
    array(select attname::text from pg_attribute
      where attrelid = pg_class.oid and attnum > 0 and not attisdropped order by attnum) as columns
  from pg_class
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
  order by relname`;
const tables = relations.filter(({ kind }) => kind === "r" || kind === "p");
/** Whose a row is: a user's own wallet has the user's id. */
const ownerColumn = (columns: string[]) => ["user_id", "wallet_id"].find((column) => columns.includes(column));
const owned = relations.filter(({ columns }) => ownerColumn(columns));

interface Routine {
  oid: number;
  signature: string;
  name: string;
  definer: boolean;
  owner: string;
  config: string[] | null;
  parameters: string[];
  types: string[];
  comment: string | null;
  result: string;
}

const routines = await sql<Routine[]>`
  select oid, oid::regprocedure::text as signature, proname as name, prosecdef as definer,
    pg_get_userbyid(proowner) as owner, proconfig as config, prorettype::regtype::text as result,
    coalesce(proargnames[1:pronargs], '{}') as parameters,
    array(select format_type(type, null) from unnest(proargtypes) as type) as types,
    obj_description(oid, 'pg_proc') as comment
  from pg_proc
  where pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
  order by proname`;

/** Arguments that fit the types, for a call that must not get as far as reading them. */
function argumentsFor({ parameters, types }: Routine): Record<string, unknown> {
  const values: Record<string, unknown> = {
    uuid: newId(),
    text: newId(),
    numeric: 1,
    integer: 1,
    bigint: 1,
    boolean: true,
    jsonb: [],
    interval: "1 hour",
  };
  return Object.fromEntries(parameters.map((name, index) => [name, values[types[index]!] ?? null]));
}

let users: { id: string; client: SupabaseClient }[];

beforeAll(async () => {
  users = await Promise.all([signUp({ tokens: 100 }), signUp({ tokens: 100 })]);
  for (const { id } of users) {
    const request = newId();
    await ledger.hold(id, 10, request);
    await ledger.settle(id, request, null);
    await verifyPhone(id);
    await sql`select public.set_spend_caps(${id}, 1000, null)`;
  }
});

describe("the catalog", () => {
  it("lists the tables and functions of the ledger, so that the tests below test something", () => {
    expect(tables.map((table) => table.name)).toEqual(expect.arrayContaining(LEDGER));
    expect(routines.map((routine) => routine.name)).toEqual(
      expect.arrayContaining(["consume_tokens_atomic", "add_tokens", "hold_tokens", "settle_tokens"]),
    );
  });

  it("names no exception that is gone", () => {
    const functions = routines.map((routine) => routine.name);
    expect(functions).toEqual(
      expect.arrayContaining([...Object.keys(OPEN_FUNCTIONS), ...Object.keys(INTERNAL_FUNCTIONS)]),
    );
    expect(relations.map((relation) => relation.name)).toEqual(
      expect.arrayContaining([...Object.keys(OPEN_WRITES), ...Object.keys(OPEN_READS)]),
    );
  });

  it("has no sequence that a user can use", async () => {
    const open = await sql`
      select relname, role
      from pg_class, unnest(array['anon', 'authenticated']) as role
      where relnamespace = 'public'::regnamespace and relkind = 'S'
        and has_sequence_privilege(role, pg_class.oid, 'USAGE, SELECT, UPDATE')`;
    expect([...open]).toEqual([]);
  });

  it("lets no user make objects in the schema", async () => {
    const [can] = await sql`
      select has_schema_privilege('anon', 'public', 'CREATE') as anon,
        has_schema_privilege('authenticated', 'public', 'CREATE') as authenticated,
        has_schema_privilege('service_role', 'public', 'CREATE') as service`;
    expect(can).toEqual({ anon: false, authenticated: false, service: false });
  });

  it("closes what a later migration makes and forgets to close (mistake 2b)", async () => {
    class Undo extends Error {}
    await expect(sql.begin(async (transaction) => {
      await transaction`create table public.forgotten (id bigint generated always as identity)`;
      await transaction`create function public.forgotten() returns integer language sql as 'select 1'`;
      const [can] = await transaction`
        select
          has_table_privilege('anon', 'public.forgotten', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') as anon_table,
          has_table_privilege('authenticated', 'public.forgotten', 'SELECT, INSERT, UPDATE, DELETE') as user_table,
          has_sequence_privilege('anon', 'public.forgotten_id_seq', 'USAGE, SELECT, UPDATE') as anon_sequence,
          has_function_privilege('anon', 'public.forgotten()', 'EXECUTE') as anon_function,
          has_function_privilege('authenticated', 'public.forgotten()', 'EXECUTE') as user_function`;
      expect(Object.values(can!)).toEqual([false, false, false, false, false]);
      throw new Undo();
    })).rejects.toThrow(Undo);
  });
});

describe.each(routines)("function $signature", (routine) => {
  const isTrigger = routine.result === "trigger" || routine.result === "event_trigger";

  it("can be executed by no user, and not by PUBLIC (mistakes 1, 2b)", async () => {
    const [can] = await sql`
      select has_function_privilege('anon', ${routine.oid}::oid, 'EXECUTE') as anon,
        has_function_privilege('authenticated', ${routine.oid}::oid, 'EXECUTE') as authenticated,
        exists (select from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl
          where pg_proc.oid = ${routine.oid}::oid and acl.grantee = 0) as public`;
    const open = routine.name in OPEN_FUNCTIONS;
    expect(can).toEqual({ anon: false, authenticated: open, public: false });
  });

  it("is refused to anon and to a signed-in user over REST (mistakes 1, 2b)", async () => {
    if (routine.name in OPEN_FUNCTIONS) return;
    for (const client of [anonymousClient(), users[0]!.client]) {
      const { data, error, status } = await client.rpc(routine.name, argumentsFor(routine));
      expect(data).toBeNull();
      expect(error).not.toBeNull();
      if (isTrigger) continue; // Not there for REST; every other refusal must come from the missing privilege.
      expect([401, 403]).toContain(status);
      expect(error!.code).toBe("42501");
    }
  });

  it("is for service_role exactly when it is not internal", async () => {
    const [can] =
      await sql`select has_function_privilege('service_role', ${routine.oid}::oid, 'EXECUTE') as service`;
    expect(can!.service).toBe(!(routine.name in INTERNAL_FUNCTIONS));
    if (routine.name in INTERNAL_FUNCTIONS) return;
    // The same call that users are refused above passes: what stops them is the privilege and nothing else.
    const { error } = await serviceClient().rpc(routine.name, argumentsFor(routine));
    expect(["42501", "PGRST202"]).not.toContain(error?.code);
  });

  it("has an empty search_path (mistake 3)", () => {
    expect(routine.config ?? []).toContain('search_path=""');
  });

  it("is owned by postgres", () => {
    expect(routine.owner).toBe("postgres");
  });

  it("has a comment", () => {
    expect(routine.comment).toMatch(/.{20,}/);
  });
});

describe.each(relations)("table $name", ({ name, kind, columns }) => {
  const isTable = kind === "r" || kind === "p";

  it("has row level security", async () => {
    if (!isTable) return;
    const [found] =
      await sql`select relrowsecurity as on from pg_class where oid = ${`public.${name}`}::regclass`;
    expect(found!.on).toBe(true);
  });

  it("if it is a view, asks with the rights of its reader", async () => {
    if (kind !== "v") return;
    const [found] = await sql`
      select coalesce('security_invoker=true' = any (reloptions), false) as on
      from pg_class where oid = ${`public.${name}`}::regclass`;
    expect(found!.on).toBe(true);
  });

  it("can be written by no user, not even one column of it", async () => {
    const open = OPEN_WRITES[name]?.privileges ?? [];
    for (const role of ["anon", "authenticated"]) {
      for (const privilege of WRITES.filter((one) => role === "anon" || !open.includes(one))) {
        const [can] = await sql`
          select has_table_privilege(${role}, ${`public.${name}`}, ${privilege}) as whole,
            ${privilege} in ('INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege(${role},
              ${`public.${name}`}, case when ${privilege} in ('INSERT', 'UPDATE', 'REFERENCES') then ${privilege}
                else 'SELECT' end) as part`;
        expect(can, `${role} ${privilege}`).toEqual({ whole: false, part: false });
      }
    }
  });

  it("refuses every write of anon and of a signed-in user over REST", async () => {
    if (name in OPEN_WRITES) return;
    const column = ownerColumn(columns) ?? columns[0]!;
    const row = { [column]: users[0]!.id } as never;
    for (const client of [anonymousClient(), users[0]!.client]) {
      const table = client.from(name);
      const answers = [
        await table.insert(row),
        await table.upsert(row),
        await table.update({ [column]: null }).not(column, "is", null),
        await table.delete().not(column, "is", null),
      ];
      for (const { error, status } of answers) {
        // A view of several tables cannot be written by anybody.
        if (kind === "v" && error?.code === "55000") continue;
        expect([401, 403]).toContain(status);
        expect(error!.code).toBe("42501");
      }
    }
  });

  it("shows anon nothing", async () => {
    const { data } = await anonymousClient().from(name).select("*").limit(1);
    expect(data ?? []).toEqual([]);
  });

  it("has a comment, and so has every column that is not obvious", async () => {
    const comments = await sql`
      select coalesce(attname, '') as column
      from pg_class left join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
      where pg_class.oid = ${`public.${name}`}::regclass and col_description(pg_class.oid, attnum) is null`;
    const [table] = await sql`select obj_description(${`public.${name}`}::regclass, 'pg_class') as comment`;
    expect(table!.comment).toMatch(/.{20,}/);
    const missing = comments.map((row) => row.column).filter((column) => !OBVIOUS_COLUMNS.has(column));
    expect(missing.filter((column) => !["balance", "delta"].includes(column))).toEqual([]);
  });
});

describe.each(owned)("table $name of users", ({ name, columns }) => {
  const owner = ownerColumn(columns)!;

  it("shows a user its own rows and no other's", async () => {
    for (const [index, { id, client }] of users.entries()) {
      const other = users[1 - index]!.id;
      const [planted] = await sql`
        select count(*) filter (where ${sql(owner)} = ${id})::integer as own,
          count(*) filter (where ${sql(owner)} = ${other})::integer as others
        from ${sql(name)}`;
      // A new table needs rows of both users here: plant them in beforeAll.
      expect(planted!.own).toBeGreaterThan(0);
      expect(planted!.others).toBeGreaterThan(0);
      const { data, error } = await client.from(name).select("*");
      expect(error).toBeNull();
      expect(data).toHaveLength(planted!.own);
      expect(new Set(data!.map((row) => row[owner]))).toEqual(new Set([id]));
      expect((await client.from(name).select("*").eq(owner, other)).data).toEqual([]);
      expect((await client.from(name).select("*", { count: "exact", head: true })).count).toBe(planted!.own);
    }
  });
});

describe.each(relations.filter(({ columns }) => !ownerColumn(columns)))(
  "table $name of nobody",
  ({ name }) => {
    it("shows a user nothing", async () => {
      if (name in OPEN_READS) return;
      const { data } = await users[0]!.client.from(name).select("*").limit(1);
      expect(data ?? []).toEqual([]);
    });
  },
);

describe.each([...LEDGER, "token_settings"])("service_role on %s", (name) => {
  it("reads, and cannot write around the functions (mistakes 22, 26)", async () => {
    for (const privilege of WRITES) {
      const [can] =
        await sql`select has_table_privilege('service_role', ${`public.${name}`}, ${privilege}) as it`;
      expect(can!.it, privilege).toBe(false);
    }
    const table = serviceClient().from(name);
    expect((await table.select("*").limit(1)).data).toHaveLength(1);
    const column = name === "token_settings" ? "id" : "user_id";
    const answers = [
      await table.insert({ [column]: newId() } as never),
      await table.update({ [column]: null }).not(column, "is", null),
      await table.delete().not(column, "is", null),
    ];
    for (const { error } of answers) expect(error!.code).toBe("42501");
  });
});

describe("token_balance_history", () => {
  it("can be updated, deleted or truncated by no role, not even by the owner of the table (mistake 22)", async () => {
    const user = users[0]!.id;
    const before = await ledger.snapshot(user);
    const [{ month }] = await sql`select tableoid::regclass as month from token_balance_history limit 1` as [
      { month: string },
    ];
    for (const role of ["postgres", "service_role", "authenticated", "anon"]) {
      for (
        const change of [
          `update token_balance_history set delta = 1 where user_id = '${user}'`,
          `update token_balance_history set delta = delta where false`,
          `delete from token_balance_history where user_id = '${user}'`,
          `truncate token_balance_history`,
          `merge into token_balance_history using (values (1)) as one on false when matched then delete`,
          `insert into token_history.other_months values ('${user}', 1, 1, 1, 'infinity', 'x', null, null, '')
           on conflict (user_id, entry_number) do update set delta = 1`,
          `update token_history.other_months set delta = 1`,
          `delete from ${month}`,
          `truncate ${month}`,
        ]
      ) {
        const attempt = sql.begin(async (transaction) => {
          await transaction.unsafe(`set local lock_timeout = '5s'; set local role ${role}`);
          await transaction.unsafe(change);
        });
        await expect(attempt, `${role}: ${change}`).rejects.toMatchObject({ code: "42501" });
      }
    }
    expect(await ledger.snapshot(user)).toEqual(before);
  });

  it("outlives the user's account, as do the balance and the requests (mistake 22)", async () => {
    const { id } = await signUp({ tokens: 10 });
    await ledger.consume(id, 4);
    const before = await ledger.snapshot(id) as { balances: object[] };
    await sql`delete from auth.users where id = ${id}`;
    expect(await sql`select from auth.users where id = ${id}`).toHaveLength(0);
    const balances = [{ ...before.balances[0], is_closed: true }];
    expect(await ledger.snapshot(id)).toEqual({ ...before, balances });
  });
});
