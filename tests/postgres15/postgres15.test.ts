import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { supabaseFolder } from "../../scripts/local/paths.ts";
import { readManifest, withRequirements } from "../../scripts/modules/manifest.ts";
import { HOSTED_DEFAULTS_SQL, readMigrations, systemSchemasSql, until } from "../sql/support.ts";
import { PG_NET_SQL } from "../sql/pg_net.ts";
import { connect } from "../support/stack.ts";
import { needing } from "../support/needs.ts";
import { Cluster } from "./cluster.ts";

// The real pg_cron, plpgsql_check and pgTAP, which the stack's own Postgres does not have, on the oldest Postgres that
// the migrations are for.

const pgTapFiles = [...Deno.readDirSync(join(supabaseFolder, "tests"))].map(({ name }) => name)
  .filter((name) => name.endsWith(".sql")).sort();

/**
 * Right, and meant so: the function runs what its callers build of names and times, each of which is checked itself, and
 * only the tables' owner may call it.
 */
const RUNS_WHAT_IT_IS_GIVEN =
  "token_history.alter_briefly(text) line 5 (EXECUTE): security: text type variable is not " +
  "sanitized, The EXECUTE expression is SQL injection vulnerable.";

/** The database that pg_cron runs in, and one beside it where it refuses to be. */
const BESIDE = "beside";

const manifest = await readManifest();
const stackSql = connect({ connections: 1 });
let cluster: Cluster;
let admin: postgres.Sql;
let sql: postgres.Sql;
let created: postgres.Row | undefined;
let refused: Installation;
let installed: Installation;

interface Installation {
  installed: string[];
  problems: string[];
}

async function prepare(target: postgres.Sql): Promise<void> {
  await target.unsafe(HOSTED_DEFAULTS_SQL);
  await target.unsafe(await systemSchemasSql(stackSql));
}

async function migrate(target: postgres.Sql, modules?: string[]): Promise<void> {
  for (const { name, text } of await readMigrations(modules)) {
    await target.begin((transaction) => transaction.unsafe(text)).catch((error) => {
      throw new Error(`${name} does not apply to Postgres 15: ${error.message}`, { cause: error });
    });
  }
}

async function install(target: postgres.Sql): Promise<Installation> {
  const [row] = await target`select private.install_schedule() as it`;
  return row!.it;
}

/** The findings of plpgsql_check for every function of a database. */
async function findingsIn(target: postgres.Sql): Promise<string[]> {
  // Named in statements that are made at run time, and there on a hosted project.
  await target.unsafe(PG_NET_SQL);
  await target.unsafe(
    "grant usage on schema net, vault to postgres; grant all on all tables in schema net, vault to postgres",
  );
  await target.unsafe(`
    create schema if not exists realtime;
    create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
      returns void language sql as ''`);
  const checks = await target`
    select procedure.oid::regprocedure::text as name, tables.relation, finding.*
    from pg_proc as procedure
    join pg_language as language on language.oid = procedure.prolang and language.lanname = 'plpgsql'
    left join lateral (
      -- A trigger's function is checked for each of its tables.
      select distinct tgrelid as relation, tgoldtable, tgnewtable
      from pg_trigger where tgfoid = procedure.oid and tgparentid = 0
    ) as tables on true
    cross join lateral (
      select count(*) over () as findings, found.*
      from (select true) as one left join extensions.plpgsql_check_function_tb(procedure.oid,
        coalesce(tables.relation, 0), fatal_errors => false, other_warnings => true, extra_warnings => true,
        security_warnings => true, oldtable => tables.tgoldtable, newtable => tables.tgnewtable) as found on true
    ) as finding
    where procedure.pronamespace in (
      select oid from pg_namespace where nspname not like 'pg\\_%'
        and nspname not in ('information_schema', 'extensions', 'auth', 'storage', 'cron', 'net', 'realtime', 'vault'))`;
  expect(checks.length).toBeGreaterThan(15);
  const findings = checks.filter(({ message }) => message !== null).map(
    ({ name, lineno, statement, message, detail, level }) =>
      [`${name} line ${lineno} (${statement}): ${level}: ${message}`, detail].filter(Boolean).join(", "),
  );
  await target.unsafe("drop schema net, vault cascade");
  return findings;
}

const aMinute = await needing("a minute");

describe("Debian's Postgres 15", await needing("postgresql-15"), () => {
  beforeAll(async () => {
    cluster = await Cluster.create();
    await cluster.start();
    admin = cluster.connect("supabase_admin");
    await cluster.makeRoles(admin);
    sql = cluster.connect("postgres");
    await prepare(sql);
    await migrate(sql);
    refused = await install(sql);
    // A hosted project lets postgres do this.
    [created] = await admin`select job_runner.ensure_extension('pg_cron', 'pg_catalog') as problem`;
    await admin.unsafe(`
      grant usage on schema cron to postgres;
      create extension plpgsql_check with schema extensions;
      create extension pgtap with schema extensions`);
    installed = await install(sql);
  });

  afterAll(async () => {
    await sql?.end({ timeout: 1 });
    await admin?.end({ timeout: 1 });
    await cluster?.remove();
  });

  it("takes every migration", async () => {
    const [server] = await sql`select current_setting('server_version_num')::integer / 10000 as version`;
    expect(server!.version).toBe(15);
    expect(await sql`select * from public.verify_token_ledger()`).toHaveLength(0);
  });

  it("has the whole list in pg_cron, each job a call and no more, also after it is installed again", async () => {
    const jobs = await sql`select name, schedule from private.jobs where is_enabled`;
    for (const _ of [1, 2]) {
      const entries = await sql`select jobname, schedule, command, username from cron.job order by jobname`;
      expect(entries.map(({ jobname }) => jobname)).toEqual([...installed.installed].sort());
      for (const { name, schedule } of jobs) {
        expect(entries).toContainEqual({
          jobname: `tessera: ${name}`,
          schedule,
          command: `call job_runner.run('${name}')`,
          username: "postgres",
        });
      }
      expect(entries).toHaveLength(jobs.length + 2);
      expect(await install(sql)).toEqual(installed);
    }
  });

  it("takes from pg_cron what is not in the list any more, and leaves the project's other jobs", async () => {
    await sql`select cron.schedule('somebody else''s', '0 0 1 1 *', 'select 1')`;
    await sql`update private.jobs set is_enabled = false where name = 'verify_metrics'`;
    const names = async () => (await sql`select jobname from cron.job`).map(({ jobname }) => jobname);
    await install(sql);
    expect(await names()).not.toContain("tessera: verify_metrics");
    expect(await names()).toContain("somebody else's");
    await sql`update private.jobs set is_enabled = true where name = 'verify_metrics'`;
    await install(sql);
    expect(await names()).toContain("tessera: verify_metrics");
    await sql`select cron.unschedule('somebody else''s')`;
  });

  it("is migrated all the same by a role that may not create pg_cron, and creates it for one that may", () => {
    expect(refused.installed).toEqual([]);
    expect(refused.problems[0]).toMatch(/^the extension pg_cron cannot be created: permission denied/);
    expect(created).toEqual({ problem: null });
  });

  it("is migrated all the same where pg_cron refuses to be, in another database", async () => {
    await admin.unsafe(`create database ${BESIDE} template template0`);
    const beside = cluster.connect("supabase_admin", BESIDE);
    try {
      await prepare(beside);
      await migrate(beside);
      expect(await install(beside)).toMatchObject({ installed: [] });
      expect((await install(beside)).problems[0]).toMatch(
        /^the extension pg_cron cannot be created: can only create extension in database postgres/,
      );
    } finally {
      await beside.end();
    }
  });

  /** Runs a file of pgTAP; returns what failed, or does not fit the plan. */
  async function runTap(text: string): Promise<string[]> {
    const tap = cluster.connect("postgres", "postgres", 1);
    try {
      const results = await tap.unsafe(text).simple();
      const lines = (results as unknown as postgres.Row[][]).flat()
        .flatMap((row) => Object.values(row)).filter((value) => typeof value === "string")
        .flatMap((value: string) => value.split("\n"));
      const planned = Number(/^1\.\.(\d+)$/.exec(lines.find((line) => line.startsWith("1..")) ?? "")?.[1]);
      const passed = lines.filter((line) => /^ok \d+/.test(line)).length;
      const problems = lines.filter((line) => /^not ok|^# \S/.test(line));
      return passed === planned ? problems : [...problems, `passed ${passed} of ${planned}`];
    } finally {
      await tap.end();
    }
  }

  it.each(pgTapFiles)("passes pgTAP: %s", async (name) => {
    expect(await runTap(await Deno.readTextFile(join(supabaseFolder, "tests", name)))).toEqual([]);
  });

  it("has no function in which plpgsql_check finds anything", async () => {
    expect(await findingsIn(admin)).toEqual([RUNS_WHAT_IT_IS_GIVEN]);
  });

  it.each(Object.keys(manifest.modules))(
    "takes the module %s alone with what it requires, where plpgsql_check finds nothing either",
    async (name) => {
      const modules = withRequirements(manifest, name);
      const database = `module_${name}`;
      await admin.unsafe(`create database ${database} template template0`);
      const alone = cluster.connect("supabase_admin", database);
      try {
        await prepare(alone);
        await alone.unsafe("create extension plpgsql_check with schema extensions");
        await migrate(alone, modules);
        // pg_cron is in one database alone: what names it is checked there.
        const findings = (await findingsIn(alone)).filter((one) =>
          !/(schema|relation) "cron[".].*does not exist/.test(one)
        );
        expect(findings).toEqual(modules.includes("ledger") ? [RUNS_WHAT_IT_IS_GIVEN] : []);
      } finally {
        await alone.end();
        await admin.unsafe(`drop database ${database} with (force)`);
      }
    },
  );

  it("finds a mistake when there is one, by plpgsql_check and by pgTAP", async () => {
    await sql.unsafe(`
      create function public.mistaken() returns integer language plpgsql as $$
      begin return (select missing from private.jobs); end $$`);
    const found = await admin`
      select message from extensions.plpgsql_check_function_tb('public.mistaken()', fatal_errors => false)`;
    expect(found[0]!.message).toContain('column "missing" does not exist');
    await sql.unsafe("drop function public.mistaken()");
    const plan = (count: number) =>
      `begin; set local search_path = extensions; select plan(${count}); select ok(false, 'it is'); rollback`;
    expect(await runTap(plan(1))).toContain("not ok 1 - it is");
    expect(await runTap(plan(2))).toContain("passed 0 of 2");
  });

  describe("with pg_cron", () => {
    const runsSince = async (name: string, since: Date) =>
      await sql`select * from private.job_runs where job_name = ${name} and started_at >= ${since} order by id`;

    /** Puts every job's last run and the list itself a day back, as if the server had been away. */
    const pretendAwayForADay = async () => {
      await sql`update private.jobs set created_at = created_at - interval '1 day'`;
      await sql`
        update private.job_runs set started_at = started_at - interval '1 day',
          ended_at = ended_at - interval '1 day', ends_by = ends_by - interval '1 day'`;
    };

    // libpq as by default, and the background workers that a server may use instead.
    it.each(["off", "on"])(
      "catches up at the start of a server that was killed and away for a day (background workers %s)",
      async (useBackgroundWorkers) => {
        await pretendAwayForADay();
        await sql`select job_runner.start_run('cleanup_rate_limits')`;
        // The last that the watch comes to.
        await sql.unsafe(`
          create or replace function public.slow_job() returns void language plpgsql as $$
          begin perform pg_sleep(30); end $$;
          insert into private.jobs (name, description, schedule, kind, command, timeout_ms, overdue_after, created_at)
          values ('slow_job', 'Sleeps', '0 0 * * *', 'sql', 'public.slow_job', 7200000, '1 hour', now() - interval '2 days')`);
        const [before] =
          await sql`select count(*)::integer as overdue from public.job_status where is_overdue`;
        expect(before!.overdue).toBeGreaterThan(3);
        const since = new Date();
        await sql.end({ timeout: 0 });
        await admin.end({ timeout: 0 });
        await cluster.crash();
        await cluster.start({ "cron.use_background_workers": useBackgroundWorkers });
        admin = cluster.connect("supabase_admin");
        sql = cluster.connect("postgres");
        const slowJob = async () =>
          (await sql`select state from public.job_status where name = 'slow_job'`)[0]!.state;
        await until(async () => await slowJob() === "running");
        // A session of pg_cron's is seen to be alive, and to be gone.
        await sql`select job_runner.reap_runs()`;
        expect(await slowJob()).toBe("running");
        await sql`select pg_terminate_backend(backend_pid) from private.job_runs where job_name = 'slow_job'`;
        await until(async () => {
          await sql`select job_runner.reap_runs()`;
          return await slowJob() === "lost";
        });
        await sql`delete from private.jobs where name = 'slow_job'`;
        const [lost] = await sql`
          select outcome from private.job_runs where job_name = 'cleanup_rate_limits' and started_at < ${since}
          order by id desc limit 1`;
        expect(lost!.outcome).toBe("lost");
        const states = await sql`
          select name, schedule, state, is_overdue, last_error from public.job_status where kind = 'sql'`;
        expect(states.length).toBeGreaterThan(8);
        for (const one of states) {
          expect(one).toMatchObject({ state: "succeeded", is_overdue: false, last_error: null });
          const { length } = await runsSince(one.name, since);
          // pg_cron may have run those of every few minutes too.
          if (one.schedule.startsWith("*")) expect(length).toBeGreaterThan(0);
          else expect({ name: one.name, length }).toEqual({ name: one.name, length: 1 });
        }
        const [entry] = await sql`
          select details.status, details.command from cron.job_run_details as details
          join cron.job using (jobid) where jobname = 'tessera: watch from the start' order by runid desc limit 1`;
        expect(entry!.command).toBe("call job_runner.watch()");
      },
    );

    it("keeps what pg_cron noted of these jobs for 7 days", async () => {
      const noted = async () => {
        const [row] = await sql`
          select count(*)::integer as count from cron.job_run_details where command like 'call job_runner.%'`;
        return row!.count;
      };
      expect(await noted()).toBeGreaterThan(1);
      await admin`update cron.job_run_details set end_time = now() - interval '8 days' where runid in (
        select min(runid) from cron.job_run_details where end_time is not null)`;
      const before = await noted();
      await sql`call job_runner.run('prune_job_runs')`;
      const [status] = await sql`select last_result from public.job_status where name = 'prune_job_runs'`;
      expect(status!.last_result.cron_runs).toBe(1);
      expect(await noted()).toBeGreaterThanOrEqual(before - 1);
    });

    it("fires a job at its minute", { ...aMinute, timeout: 75_000 }, async () => {
      const since = new Date();
      await until(async () => (await runsSince("cleanup_expired_locks", since)).length > 0);
      await until(async () =>
        (await sql`
          select from cron.job_run_details as details join cron.job using (jobid)
          where jobname = 'tessera: cleanup_expired_locks' and details.status = 'succeeded'
            and start_time >= ${since}`).length > 0
      );
      const [run] = await runsSince("cleanup_expired_locks", since);
      expect(run).toMatchObject({ outcome: "succeeded" });
      expect(run!.started_at.getUTCSeconds()).toBeLessThan(10);
    });
  });
});
