import type postgres from "postgres";

import type { Examination, Finding } from "../../finding.ts";

/** What each extension is for. */
const EXTENSIONS: Record<string, string> = {
  pg_cron: "It runs the list of jobs",
  pg_net: "It calls the jobs that are Edge Functions",
  supabase_vault: "It keeps the address and the key for these calls",
};

const NOBODY_RUNS_LOCALLY: Finding = {
  severity: "missing",
  what: "Nothing has run a job of the list for ten minutes",
  why: "The process of deno task start runs the list: it may be stopped, or hang",
  fix: "deno task stop; deno task start",
};

/** Whether pg_cron or something else runs the list of jobs, and whether every job succeeds. */
export const scheduleExamination: Examination = {
  name: "schedule",
  async examine({ sql, isLocal = false }) {
    const runner = await runnerOf(sql);
    return [
      ...await missingExtensions(sql, runner, isLocal),
      ...await missingCronJobs(sql),
      ...await missingVaultSecrets(sql),
      ...await badJobs(sql, isLocal),
    ];
  },
};

/**
 * Who runs the list: a recent run shows that something does; after a recent start of the server it is still unknown.
 */
type Runner = "somebody" | "nobody" | "unknown";

async function runnerOf(sql: postgres.Sql): Promise<Runner> {
  const [row] = await sql`
    select exists (select from private.job_runs where started_at > now() - interval '10 minutes') as is_run,
      pg_postmaster_start_time() > now() - interval '3 minutes' as is_young`;
  return row!.is_run ? "somebody" : row!.is_young ? "unknown" : "nobody";
}

const INSTEAD: Record<Runner, string> = {
  somebody: "Something else runs the list here",
  unknown: "The server has just started: ask again in three minutes whether something else runs the list",
  nobody: "Nothing else runs the list here",
};

async function installedExtensions(sql: postgres.Sql): Promise<Set<string>> {
  const rows = await sql`select extname from pg_extension`;
  return new Set(rows.map(({ extname }) => extname));
}

async function missingExtensions(sql: postgres.Sql, runner: Runner, isLocal: boolean): Promise<Finding[]> {
  // The embedded Postgres has none of them: the process of the stack runs the list in their place.
  if (isLocal) return runner === "nobody" ? [NOBODY_RUNS_LOCALLY] : [];
  const installed = await installedExtensions(sql);
  const missing = Object.entries(EXTENSIONS).filter(([name]) => !installed.has(name));
  return missing.map(([name, purpose]): Finding => ({
    severity: runner === "nobody" ? "missing" : "note",
    what: `The extension ${name} is not there`,
    why: `${purpose}. ${INSTEAD[runner]}`,
    fix: "Dashboard: Database, Extensions; then select private.install_schedule(); or deno task jobs watch",
  }));
}

async function missingCronJobs(sql: postgres.Sql): Promise<Finding[]> {
  if (!(await installedExtensions(sql)).has("pg_cron")) return [];
  const rows = await sql`
    select name from private.jobs
    where is_enabled and not exists (
      select from cron.job where jobname = 'tessera: ' || jobs.name and schedule = jobs.schedule and active)
    order by name`;
  return rows.map(({ name }): Finding => ({
    severity: "missing",
    what: `pg_cron does not have the job ${name} as the list has it`,
    why: "It does not run, or not at its times",
    fix: "select private.install_schedule();",
  }));
}

async function missingVaultSecrets(sql: postgres.Sql): Promise<Finding[]> {
  const installed = await installedExtensions(sql);
  if (!installed.has("pg_cron") || !installed.has("supabase_vault")) return [];
  const [{ jobs }] = await sql`
    select coalesce(string_agg(name, ', ' order by name), 'none yet') as jobs from private.jobs where kind = 'http'` as [
    { jobs: string },
  ];
  const rows = await sql`
    select wanted.name from unnest(array['tessera_project_url', 'tessera_secret_key']) as wanted (name)
    where not exists (select from vault.secrets where secrets.name = wanted.name)`;
  return rows.map(({ name }): Finding => ({
    severity: "missing",
    what: `Vault has no secret ${name}`,
    why: `The jobs that are Edge Functions fail: ${jobs}`,
    fix: `select vault.create_secret('…', '${name}');`,
  }));
}

async function badJobs(sql: postgres.Sql, isLocal: boolean): Promise<Finding[]> {
  const rows = await sql`
    select name, state, is_overdue, last_error, last_result from public.job_status
    where is_overdue or state in ('missing', 'failed', 'problem', 'lost') order by name`;
  return rows.map(({ name, state, is_overdue, last_error, last_result }): Finding => ({
    severity: "missing",
    what: `The job ${name} is ${state}${is_overdue ? " and overdue" : ""}${
      last_error ? `: ${last_error}` : ""
    }`,
    why: state === "problem" ? `It found something: ${JSON.stringify(last_result)}` : "Its work is not done",
    fix: state === "missing"
      ? `${isLocal ? "deno task stop; deno task start" : "deno task deploy"}: a migration is missing`
      : `deno task jobs run ${name}`,
  }));
}
