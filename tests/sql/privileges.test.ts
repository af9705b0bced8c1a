import { beforeAll, describe, expect, it } from "vitest";

import { anonymousClient, connect, serviceClient, signUp } from "../support/stack.ts";
import { COLUMNS, MATRIX, PREDICATES } from "../security/matrix.ts";
import { type CallerName, mayDo } from "../security/permissions.ts";
import { type PlantedUser, plantUser } from "../security/planted.ts";
import { Ledger, newId } from "./support.ts";

// Everything here is made from the database's own catalog: a new table or function is covered when it appears. What
// is meant to be open is in ../security/permissions, with the reason.

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

/** What REST shows, and what only functions and operators use. */
const SCHEMAS = ["public", "private"];

interface Relation {
  schema: string;
  name: string;
  kind: string;
  columns: string[];
}

const relations = await sql<Relation[]>`
  select relnamespace::regnamespace::text as schema, relname as name, relkind as kind,
    array(select attname::text from pg_attribute
      where attrelid = pg_class.oid and attnum > 0 and not attisdropped order by attnum) as columns
  from pg_class
  where relnamespace::regnamespace::text = any(${SCHEMAS}) and relkind in ('r', 'p', 'v', 'm', 'f')
  order by relname`;
const tables = relations.filter(({ kind }) => kind === "r" || kind === "p");
const shown = relations.filter(({ schema }) => schema === "public");
/** Whose a row is: a user's own wallet has the user's id. */
const ownerColumn = (columns: string[]) =>
  ["user_id", "wallet_id"].find((column) => columns.includes(column));
const owned = shown.filter(({ columns }) => ownerColumn(columns));

interface Routine {
  oid: number;
  schema: string;
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
  select oid, pronamespace::regnamespace::text as schema, oid::regprocedure::text as signature, proname as name, prosecdef as definer,
    pg_get_userbyid(proowner) as owner, proconfig as config, prorettype::regtype::text as result,
    coalesce(proargnames[1:pronargs], '{}') as parameters,
    array(select format_type(type, null) from unnest(proargtypes) as type) as types,
    obj_description(oid, 'pg_proc') as comment
  from pg_proc
  where pronamespace::regnamespace::text = any(${SCHEMAS})
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

const mayCall = ({ name }: Routine, caller: CallerName) =>
  mayDo(MATRIX.routines[name] ?? { why: "not declared" }, caller, "call");
const mayRead = (table: string, caller: CallerName) =>
  mayDo(MATRIX.tables[table] ?? { why: "not declared" }, caller, "read");

let users: PlantedUser[];

beforeAll(async () => {
  users = await Promise.all([plantUser(), plantUser()]);
});

describe("the catalog", () => {
  it("lists the tables and functions of the ledger, so that the tests below test something", () => {
    expect(tables.map((table) => table.name)).toEqual(expect.arrayContaining(LEDGER));
    expect(routines.map((routine) => routine.name)).toEqual(
      expect.arrayContaining(["consume_tokens_atomic", "add_tokens", "hold_tokens", "settle_tokens"]),
    );
  });

  it("lists no outdated exception", () => {
    const hidden = routines.filter(({ schema }) => schema === "private").map(({ name }) => name);
    expect(hidden).toEqual(expect.arrayContaining(Object.keys(PREDICATES)));
    for (const [name, written] of Object.entries(COLUMNS)) {
      const columns = shown.find((relation) => relation.name === name)?.columns ?? [];
      expect(columns).toEqual(expect.arrayContaining(Object.values(written).flat()));
    }
  });

  it("has no sequence that a user can use", async () => {
    const open = await sql`
      select relname, role
      from pg_class, unnest(array['anon', 'authenticated']) as role
      where relnamespace::regnamespace::text = any(${SCHEMAS}) and relkind = 'S'
        and has_sequence_privilege(role, pg_class.oid, 'USAGE, SELECT, UPDATE')`;
    expect([...open]).toEqual([]);
  });

  it("lets no user make objects in the schemas, nor look into the private one", async () => {
    const [can] = await sql`
      select has_schema_privilege('anon', 'public', 'CREATE') as anon,
        has_schema_privilege('authenticated', 'public', 'CREATE') as authenticated,
        has_schema_privilege('service_role', 'public', 'CREATE') as service,
        has_schema_privilege('anon', 'private', 'CREATE, USAGE') as anon_private,
        has_schema_privilege('authenticated', 'private', 'CREATE, USAGE') as user_private,
        has_schema_privilege('service_role', 'private', 'CREATE') as service_private`;
    expect(Object.values(can!)).toEqual([false, false, false, false, false, false]);
  });

  it.each(SCHEMAS)(
    "closes objects that a later migration creates in %s and forgets to close (mistake 2b)",
    async (schema) => {
      class Undo extends Error {}
      await expect(sql.begin(async (transaction) => {
        await transaction.unsafe(`
        create table ${schema}.forgotten (id bigint generated always as identity);
        create function ${schema}.forgotten() returns integer language sql as 'select 1'`);
        const [can] = await transaction.unsafe(`
        select
          has_table_privilege('anon', '${schema}.forgotten', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') as anon_table,
          has_table_privilege('authenticated', '${schema}.forgotten', 'SELECT, INSERT, UPDATE, DELETE') as user_table,
          has_sequence_privilege('anon', '${schema}.forgotten_id_seq', 'USAGE, SELECT, UPDATE') as anon_sequence,
          has_function_privilege('anon', '${schema}.forgotten()', 'EXECUTE') as anon_function,
          has_function_privilege('authenticated', '${schema}.forgotten()', 'EXECUTE') as user_function`);
        expect(Object.values(can!)).toEqual([false, false, false, false, false]);
        throw new Undo();
      })).rejects.toThrow(Undo);
    },
  );
});

describe.each(routines)("function $signature", (routine) => {
  const isTrigger = routine.result === "trigger" || routine.result === "event_trigger";

  it("can be executed by the users who may, and not by PUBLIC (mistakes 1, 2b)", async () => {
    const [can] = await sql`
      select has_function_privilege('anon', ${routine.oid}::oid, 'EXECUTE') as anon,
        has_function_privilege('authenticated', ${routine.oid}::oid, 'EXECUTE') as authenticated,
        exists (select from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl
          where pg_proc.oid = ${routine.oid}::oid and acl.grantee = 0) as public`;
    const isPublic = routine.schema === "public";
    expect(can).toEqual({
      anon: isPublic && mayCall(routine, "anon"),
      authenticated: isPublic ? mayCall(routine, "own") : routine.name in PREDICATES,
      public: false,
    });
  });

  it("is refused over REST to anon and to a signed-in user who may not call it (mistakes 1, 2b)", async () => {
    const callers = [["anon", anonymousClient()], ["own", users[0]!.client]] as const;
    for (const [caller, client] of callers) {
      if (routine.schema === "public" && mayCall(routine, caller)) continue;
      const { data, error, status } = await client.rpc(routine.name, argumentsFor(routine));
      expect(data).toBeNull();
      expect(error).not.toBeNull();
      if (routine.schema === "private") expect(status).toBe(404);
      if (isTrigger || routine.schema === "private") continue; // Not there for REST; every other refusal must come from the missing privilege.
      expect([401, 403]).toContain(status);
      expect(error!.code).toBe("42501");
    }
  });

  it("is for service_role exactly when it is public, and not for users as themselves alone", async () => {
    const [can] =
      await sql`select has_function_privilege('service_role', ${routine.oid}::oid, 'EXECUTE') as service`;
    const isOpen = routine.schema === "public" && (mayCall(routine, "server") || !mayCall(routine, "own"));
    expect(can!.service).toBe(isOpen);
    const { error, status } = await serviceClient().rpc(routine.name, argumentsFor(routine));
    if (routine.schema === "private") return expect(status).toBe(404);
    if (!isOpen) return expect(error!.code).toBe("42501");
    // The same call that users are refused above passes: what stops them is the privilege and nothing else.
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

describe.each(relations)("table $name of schema $schema", ({ schema, name, kind, columns }) => {
  const isTable = kind === "r" || kind === "p";
  const qualified = `${schema}.${name}`;
  const isShown = schema === "public";

  it("has row level security", async () => {
    if (!isTable) return;
    const [found] = await sql`select relrowsecurity as on from pg_class where oid = ${qualified}::regclass`;
    expect(found!.on).toBe(true);
  });

  it("if it is a view, asks with the rights of its reader", async () => {
    if (kind !== "v") return;
    const [found] = await sql`
      select coalesce('security_invoker=true' = any (reloptions), false) as on
      from pg_class where oid = ${qualified}::regclass`;
    expect(found!.on).toBe(true);
  });

  it("can be written by no user, but for the columns that are declared", async () => {
    for (const role of ["anon", "authenticated"]) {
      for (const privilege of WRITES) {
        const [can] = await sql`select has_table_privilege(${role}, ${qualified}, ${privilege}) as whole`;
        expect(can!.whole, `${role} ${privilege}`).toBe(false);
        if (!["INSERT", "UPDATE", "REFERENCES"].includes(privilege)) continue;
        const written = await sql`
          select attname from pg_attribute
          where attrelid = ${qualified}::regclass and attnum > 0 and not attisdropped
            and has_column_privilege(${role}, attrelid, attnum, ${privilege})
          order by attname`;
        const declared = role === "authenticated" && isShown ? COLUMNS[name] ?? {} : {};
        const columns = declared[privilege.toLowerCase() as keyof typeof declared] ?? [];
        expect(written.map(({ attname }) => attname), `${role} ${privilege}`).toEqual(columns.toSorted());
      }
    }
  });

  it("refuses every write of anon and of a signed-in user over REST", async () => {
    if (!isShown) return;
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

  it("if it is private, is read by no user and written only by its owner", async () => {
    if (isShown) return;
    for (const role of ["anon", "authenticated", "service_role"]) {
      for (const privilege of role === "service_role" ? WRITES : ["SELECT", ...WRITES]) {
        const [can] = await sql`select has_table_privilege(${role}, ${qualified}, ${privilege}) as it`;
        expect(can!.it, `${role} ${privilege}`).toBe(false);
      }
    }
  });

  it("if it is private, does not exist for REST, not even with the secret key", async () => {
    if (isShown) return;
    for (const client of [users[0]!.client, serviceClient()]) {
      expect((await client.from(name).select("*").limit(1)).status).toBe(404);
      const { data, error } = await client.schema("private" as never).from(name).select("*").limit(1);
      expect(data).toBeNull();
      expect(error).not.toBeNull();
    }
  });

  it("shows anon nothing, unless everybody may read it", async () => {
    if (mayRead(name, "anon")) return;
    const { data } = await anonymousClient().from(name).select("*").limit(1);
    expect(data ?? []).toEqual([]);
  });

  it("has a comment, and so has every column that is not obvious", async () => {
    const comments = await sql`
      select coalesce(attname, '') as column
      from pg_class left join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
      where pg_class.oid = ${qualified}::regclass and col_description(pg_class.oid, attnum) is null
        -- A view shows columns of tables, and an heir has those of its parent, which say it already.
        and not ((relkind = 'v' or attinhcount > 0) and exists (
          select from pg_attribute as shown join pg_class as origin on origin.oid = shown.attrelid
          where shown.attname = pg_attribute.attname and origin.relkind in ('r', 'p')
            and origin.relnamespace::regnamespace::text = any(${SCHEMAS})
            and col_description(shown.attrelid, shown.attnum) is not null))`;
    const [table] = await sql`select obj_description(${qualified}::regclass, 'pg_class') as comment`;
    expect(table!.comment).toMatch(/.{20,}/);
    const missing = comments.map((row) => row.column).filter((column) => !OBVIOUS_COLUMNS.has(column));
    expect(missing.filter((column) => !["balance", "delta"].includes(column))).toEqual([]);
  });
});

describe.each(owned)("table $name of users", ({ name, columns }) => {
  const owner = ownerColumn(columns)!;

  it("shows a user its own rows and no other's", async () => {
    for (const [index, { id, walletId, client }] of users.entries()) {
      const { id: other, walletId: otherWallet } = users[1 - index]!;
      // A user's own wallet has the user's id. Of the team's wallet that it is in, a user may see rows.
      const [planted] = await sql`
        select count(*) filter (where ${sql(owner)} = ${id})::integer as own,
          count(*) filter (where ${sql(owner)} = any(${[other, otherWallet]}))::integer as others
        from ${sql(name)}`;
      // A new table needs rows of both users: plant them in plantUser().
      expect(planted!.own).toBeGreaterThan(0);
      expect(planted!.others).toBeGreaterThan(0);
      const { data, error } = await client.from(name).select("*");
      expect(error).toBeNull();
      expect(data!.filter((row) => row[owner] === id)).toHaveLength(planted!.own);
      expect(data!.map((row) => row[owner]).filter((one) => one !== id && one !== walletId)).toEqual([]);
      expect((await client.from(name).select("*").eq(owner, other)).data).toEqual([]);
      expect((await client.from(name).select("*", { count: "exact", head: true })).count).toBe(data!.length);
    }
  });
});

describe.each(shown.filter(({ columns }) => !ownerColumn(columns)))(
  "table $name of nobody",
  ({ name }) => {
    it("shows a user nothing", async () => {
      if (mayRead(name, "own")) return;
      const { data } = await users[0]!.client.from(name).select("*").limit(1);
      expect(data ?? []).toEqual([]);
    });
  },
);

describe.each(LEDGER)("service_role on %s", (name) => {
  it("reads, and cannot write around the functions (mistakes 22, 26)", async () => {
    for (const privilege of WRITES) {
      const [can] =
        await sql`select has_table_privilege('service_role', ${`public.${name}`}, ${privilege}) as it`;
      expect(can!.it, privilege).toBe(false);
    }
    const table = serviceClient().from(name);
    expect((await table.select("*").limit(1)).data).toHaveLength(1);
    const answers = [
      await table.insert({ user_id: newId() } as never),
      await table.update({ user_id: null }).not("user_id", "is", null),
      await table.delete().not("user_id", "is", null),
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
