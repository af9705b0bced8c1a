import { join } from "node:path";
import postgres from "postgres";
import { afterAll } from "vitest";

import { readRealtimeSql } from "../../scripts/local/bootstrap.ts";
import { supabaseFolder } from "../../scripts/local/paths.ts";
import { ADMIN_ROLE } from "../../scripts/local/postgres.ts";
import { keepPartitions } from "../../scripts/local/realtime/stored_messages.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { ownersOf, readManifest } from "../../scripts/modules/manifest.ts";
import { stack } from "../support/stack.ts";

/** The result of a ledger function. */
export interface Outcome {
  success: boolean;
  duplicate: boolean;
  error: string | null;
  charged: number;
  added: number;
  balance: number | null;
  held: number;
  attempt: number;
  response?: string | null;
  response_tail?: string;
  required?: number;
  available?: number;
  request_id: string | null;
}

/** Arguments of a function, by name. */
export type Arguments = Record<string, unknown>;

/** One call of a function of the ledger, to be run on any connection. */
export interface Call {
  name: string;
  args: Arguments;
}

/** A database of a test file's own, on the server of the suite's stack. */
export interface Database {
  url: string;
  /** As role postgres, the owner of the tables. */
  sql: postgres.Sql;
  ledger: Ledger;
}

/** With the project's migrations in it, as every other is a copy of: copying takes a tenth of the time of migrating. */
const TEMPLATE = "ledger_template";

/**
 * Makes a database with the project's migrations in it, for what others must not see or would disturb, and drops
 * it after the test file. One that is not copied keeps the statistics of what its migrations read; with modules, it has
 * theirs alone.
 */
export async function createDatabase(
  options: { migrated?: boolean; copied?: boolean; modules?: string[] } = {},
): Promise<Database> {
  const isMigrated = options.migrated ?? true;
  const isCopied = isMigrated && !options.modules && (options.copied ?? true);
  const name = `ledger_${crypto.randomUUID().replaceAll("-", "")}`;
  const owner = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  if (isCopied) await ensureTemplate(owner);
  await owner.unsafe(`create database ${name} template ${isCopied ? TEMPLATE : "template0"}`);
  const url = urlOf(name);
  const sql = postgres(url, { max: 4, onnotice: () => {} });
  afterAll(async () => {
    await sql.end();
    await owner.unsafe(`drop database ${name} with (force)`);
    await owner.end();
  });
  if (!isCopied) await addSystemSchemas(sql, owner);
  if (isMigrated && !isCopied) await migrate(sql, options.modules);
  return { url, sql, ledger: new Ledger(sql) };
}

/** Makes the template unless another test file has, which one that comes meanwhile waits for. */
async function ensureTemplate(owner: postgres.Sql): Promise<void> {
  await owner`select pg_advisory_lock(hashtext(${TEMPLATE}))`;
  try {
    const [found] = await owner`select from pg_database where datname = ${TEMPLATE}`;
    if (found) return;
    // Under another name until it is complete, and without connections, as a template must be.
    const unfinished = `${TEMPLATE}_unfinished`;
    await owner.unsafe(`drop database if exists ${unfinished} with (force)`);
    await owner.unsafe(`create database ${unfinished} template template0`);
    const sql = postgres(urlOf(unfinished), { max: 1, onnotice: () => {} });
    try {
      await addSystemSchemas(sql, owner);
      await migrate(sql);
    } finally {
      await sql.end();
    }
    await owner.unsafe(`alter database ${unfinished} rename to ${TEMPLATE}`);
  } finally {
    await owner`select pg_advisory_unlock(hashtext(${TEMPLATE}))`;
  }
}

async function addSystemSchemas(sql: postgres.Sql, source: postgres.Sql): Promise<void> {
  await sql.unsafe(HOSTED_DEFAULTS_SQL);
  await sql.unsafe(await systemSchemasSql(source));
  await addRealtime(sql.options.database);
}

/** The schema `realtime` needs a superuser, as on the platform. */
async function addRealtime(database: string): Promise<void> {
  const address = new URL(urlOf(database));
  address.username = ADMIN_ROLE;
  address.password = (await readSecrets(stack.dataDir)).adminPassword;
  const admin = postgres(address.href, { max: 1, onnotice: () => {} });
  try {
    await admin.unsafe(await readRealtimeSql());
    await keepPartitions(admin);
  } finally {
    await admin.end();
  }
}

async function migrate(sql: postgres.Sql, modules?: string[]): Promise<void> {
  for (const { name, text } of await readMigrations(modules)) {
    await sql.begin((transaction) => transaction.unsafe(text)).catch((error) => {
      throw new Error(`${name} does not apply: ${error.message}`, { cause: error });
    });
  }
}

function urlOf(database: string): string {
  const address = new URL(stack.databaseUrl);
  address.pathname = `/${database}`;
  return address.href;
}

/** The project's migrations in their order, or those of some modules. */
export async function readMigrations(modules?: string[]): Promise<{ name: string; text: string }[]> {
  const folder = join(supabaseFolder, "migrations");
  const ownersFor = ownersOf(await readManifest());
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const owners = ownersFor(`supabase/migrations/${name}`);
    if (name.endsWith(".sql") && (!modules || owners.some((owner) => modules.includes(owner)))) {
      names.push(name);
    }
  }
  return await Promise.all(
    names.sort().map(async (name) => ({ name, text: await Deno.readTextFile(join(folder, name)) })),
  );
}

/** The default grants of a hosted project's database before its first migration. */
export const HOSTED_DEFAULTS_SQL = `
  grant usage on schema public to anon, authenticated, service_role;
  alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
  alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
  alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
  create schema extensions;
  create schema auth;
  create schema storage;
  grant usage on schema extensions, auth, storage to anon, authenticated, service_role;
  set check_function_bodies = off;
`;

/** The tables and functions of Auth and Storage as the stack has them, empty, for migrations to build on. */
export async function systemSchemasSql(source: postgres.Sql): Promise<string> {
  const [found] = await source`
    with tables as (
      select oid, oid::regclass as name, relrowsecurity from pg_class
      where relnamespace in ('auth'::regnamespace, 'storage'::regnamespace) and relkind = 'r'
    )
    select
      (select string_agg(pg_get_functiondef(oid), ';') from pg_proc
       where pronamespace in ('auth'::regnamespace, 'storage'::regnamespace)) as functions,
      (select string_agg(format('create table %s (%s);%s', tables.name, columns.list,
          case when relrowsecurity then format('alter table %s enable row level security', tables.name) end), ';')
       from tables, lateral (
         select string_agg(format('%I %s %s %s', attname, format_type(atttypid, atttypmod),
           case when attnotnull then 'not null' end,
           format(case when attgenerated = 's' then 'generated always as (%s) stored'
             when adbin is not null then 'default %s' else '' end, pg_get_expr(adbin, adrelid))), ', ') as list
         from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
         where attrelid = tables.oid and attnum > 0 and not attisdropped
       ) as columns) as tables,
      (select string_agg(format('alter table %s add %s', conrelid::regclass, pg_get_constraintdef(pg_constraint.oid)),
         ';') from pg_constraint join tables on tables.oid = conrelid where contype in ('p', 'u')) as keys`;
  return [found!.functions, found!.tables, found!.keys, "set check_function_bodies = on"].join(";");
}

/** The statement of a call; `prefix` goes before its select. */
function statementOf({ name, args }: Call, prefix = ""): [string, string[]] {
  const names = Object.keys(args);
  const list = names.map((one, index) => `${one} => $${index + 1}`).join(", ");
  const qualified = name.includes(".") ? name : `public.${name}`;
  return [`${prefix} select ${qualified}(${list}) as outcome`, Object.values(args) as string[]];
}

/** Calls a function and returns its answer. */
export async function run<Answer = Outcome>(sql: postgres.ISql, call: Call): Promise<Answer> {
  const [row] = await sql.unsafe(...statementOf(call));
  return row!.outcome;
}

/** The ledger's functions with the arguments that most tests need. */
export class Ledger {
  constructor(readonly sql: postgres.ISql) {}

  consume(user: string, amount: unknown, id: string = crypto.randomUUID(), operation = "meal-analyzer") {
    return run(this.sql, consume(user, amount, id, operation));
  }

  hold(user: string, amount: unknown, id: string, more: Arguments = {}) {
    return run(this.sql, hold(user, amount, id, more));
  }

  settle(user: string, id: string, amount: unknown, more: Arguments = {}) {
    return run(this.sql, settle(user, id, amount, more));
  }

  release(user: string, id: string, attempt: unknown = 1, more: Arguments = {}) {
    return run(this.sql, release(user, id, attempt, more));
  }

  add(user: string, amount: unknown, id?: string, more: Arguments = {}) {
    return run(this.sql, add(user, amount, id, more));
  }

  cleanup(pages = 10_000) {
    return run<{ users_with_expired_holds: number; deleted_locks: number }>(this.sql, cleanup(pages));
  }

  /** The findings of verify_token_ledger(), for all users. */
  async problems() {
    return [...await this.sql`select * from public.verify_token_ledger()`];
  }

  /** The user's balance row, all zero where there is none. */
  async balance(user: string) {
    const [row] = await this.sql`
      select balance::float8, held::float8, entry_count::integer as entries
      from public.token_balances where user_id = ${user}`;
    return { ...(row ?? { balance: 0, held: 0, entries: 0 }) };
  }

  async deltas(user: string): Promise<number[]> {
    const rows = await this.sql`
      select delta::float8 from public.token_balance_history where user_id = ${user} order by entry_number`;
    return rows.map((row) => row.delta);
  }

  /** The row of a request. */
  async lock(id: string) {
    const [row] = await this.sql`select * from public.token_consumption_locks where request_id = ${id}`;
    return row;
  }

  async anomalies(user: string) {
    return [
      ...await this.sql`
      select anomaly_type, severity, occurrence, details from public.token_anomalies
      where user_id = ${user} order by id`,
    ];
  }

  /** Puts the end of a hold into the past. */
  async outlive(...ids: string[]): Promise<void> {
    await this.sql`
      update public.token_consumption_locks set expires_at = now() - interval '1 second'
      where request_id in ${this.sql(ids)}`;
  }

  /** Makes requests that ended look as old as they may become, and a little older, or younger. */
  async age(ids: string[], beyondRetention = "1 minute"): Promise<void> {
    await this.sql`
      update public.token_consumption_locks
      set expires_at = now() - (select lock_retention from private.token_settings) - ${beyondRetention}::interval
      where request_id in ${this.sql(ids)}`;
  }

  /** Everything there is of a user, to compare before and after. */
  async snapshot(user: string): Promise<unknown> {
    const [row] = await this.sql`
      select
        (select jsonb_agg(t) from public.token_balances as t where user_id = ${user}) as balances,
        (select jsonb_agg(t order by entry_number) from public.token_balance_history as t
         where user_id = ${user}) as history,
        (select jsonb_agg(t order by request_id) from public.token_consumption_locks as t
         where user_id = ${user}) as locks,
        (select jsonb_agg(t order by id) from public.token_anomalies as t where user_id = ${user}) as anomalies`;
    return row;
  }
}

export function consume(
  user: string | null,
  amount: unknown,
  id: string | null,
  operation: string | null = "meal-analyzer",
): Call {
  return {
    name: "consume_tokens_atomic",
    args: { p_request_id: id, p_user_id: user, p_token_amount: amount, p_operation_type: operation },
  };
}

export function hold(user: string, amount: unknown, id: string, more: Arguments = {}): Call {
  return {
    name: "hold_tokens",
    args: {
      p_request_id: id,
      p_user_id: user,
      p_token_amount: amount,
      p_operation_type: "meal-analyzer",
      p_fingerprint: "content",
      ...more,
    },
  };
}

export function settle(user: string, id: string, amount: unknown, more: Arguments = {}): Call {
  return {
    name: "settle_tokens",
    args: { p_request_id: id, p_user_id: user, p_attempt: 1, p_token_amount: amount, ...more },
  };
}

export function release(user: string, id: string, attempt: unknown = 1, more: Arguments = {}): Call {
  return { name: "release_tokens", args: { p_request_id: id, p_user_id: user, p_attempt: attempt, ...more } };
}

export function add(user: string, amount: unknown, id?: string, more: Arguments = {}): Call {
  return {
    name: "add_tokens",
    args: { p_user_id: user, p_amount: amount, p_reason: "test", p_request_id: id ?? null, ...more },
  };
}

export function cleanup(pages = 10_000): Call {
  return { name: "cleanup_expired_locks", args: { p_page_limit: pages } };
}

/** Above this number of connections, races of different files take turns: the server has 100. */
const SMALL_CROWD = 10;

/**
 * Runs each call on a separate connection, all at the same moment: each is inside its statement and waits at a gate,
 * which opens when the last one has arrived.
 */
export async function race<Answer = Outcome>(
  url: string,
  calls: Call[],
): Promise<PromiseSettledResult<Answer>[]> {
  const turn = calls.length > SMALL_CROWD ? postgres(stack.databaseUrl, { max: 1 }) : undefined;
  const gatekeeper = postgres(url, { max: 1 });
  const crowd = postgres(url, { max: calls.length, onnotice: () => {} });
  const key = crypto.getRandomValues(new Int32Array(1))[0]!;
  try {
    await turn?.unsafe("select pg_advisory_lock(hashtext('tests/sql: a crowd'))");
    await gatekeeper`select pg_advisory_lock(${key})`;
    const gate = `with gate as materialized (select pg_advisory_xact_lock_shared(${key}))`;
    const connections = await Promise.all(calls.map(() => crowd.reserve()));
    const answers = Promise.allSettled(calls.map(async (call, index) => {
      const [statement, args] = statementOf(call, gate);
      const [row] = await connections[index]!.unsafe(`${statement} from gate`, args);
      return row!.outcome as Answer;
    }));
    await until(async () => {
      const [waiting] = await gatekeeper`
        select count(*)::integer as count from pg_locks
        where locktype = 'advisory' and not granted and objsubid = 1 and objid = ${key >>> 0}
          and database = (select oid from pg_database where datname = current_database())`;
      return waiting!.count === calls.length;
    });
    await gatekeeper`select pg_advisory_unlock(${key})`;
    const results = await answers;
    for (const connection of connections) connection.release();
    return results;
  } finally {
    await Promise.all([gatekeeper.end(), crowd.end(), turn?.end()]);
  }
}

/** Like race(), for calls of which none may raise an error. */
export async function raceAll<Answer = Outcome>(url: string, calls: Call[]): Promise<Answer[]> {
  return (await race<Answer>(url, calls)).map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/**
 * Runs a call, begins another one before the first is committed, and returns the answer of the other: it waits for the
 * first, unless it need not.
 */
export async function overlapping<Answer = Outcome>(
  sql: postgres.Sql,
  first: Call,
  second: Call,
): Promise<Answer> {
  const [one, two] = await Promise.all([sql.reserve(), sql.reserve()]);
  try {
    const [{ pid }] = await two<[{ pid: number }]>`select pg_backend_pid() as pid`;
    await one`begin`;
    const { success, error } = (await run<Partial<Outcome> | null>(one, first)) ?? {};
    if (success === false) throw new Error(`The first call is refused: ${error}`);
    const outcome = run<Answer>(two, second);
    let isOver = false;
    outcome.finally(() => isOver = true).catch(() => {});
    await until(async () =>
      isOver || (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
    );
    await one`commit`;
    return await outcome;
  } finally {
    await one`rollback`; // Where it failed: the others are not to wait for it.
    one.release();
    two.release();
  }
}

/** Asks until the answer is yes; the test's own time limit ends it. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The whole numbers from 0, `count` of them. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

export function newId(): string {
  return crypto.randomUUID();
}
