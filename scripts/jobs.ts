import { join } from "node:path";
import { parseArgs } from "node:util";
import type postgres from "postgres";
import { withJobs } from "./docs/schedule.ts";
import { connectTo } from "./local/connect.ts";
import { messageOf, printableFailure, StackError } from "./local/errors.ts";
import { projectFolder } from "./local/paths.ts";
import { findRunningStack } from "./local/running.ts";
import { runJob, runSchedule } from "./local/schedule_runner.ts";
import { explainWhenAsked } from "./local/usage.ts";

const USAGE =
  `deno task jobs                prints every job; exits with 1 if one is overdue or found a problem
deno task jobs run <name>     runs a job now
deno task jobs watch          runs the whole list, as pg_cron does, until it is stopped
deno task jobs docs           rewrites the table in docs/schedule.md

For the running local stack, which runs its list by itself. For another project: --db-url URL (role postgres), and for
jobs that are Edge Functions SUPABASE_URL and SUPABASE_SECRET_KEY.`;

explainWhenAsked("jobs", USAGE);

const { values, positionals } = readArguments();

try {
  const target = await findTarget();
  const sql = connectTo(target.databaseUrl);
  try {
    await run(sql, target);
  } finally {
    await sql.end();
  }
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(2);
}

interface Target {
  databaseUrl: string;
  projectUrl: string;
  secretKey: string;
}

async function findTarget(): Promise<Target> {
  if (!values["db-url"]) {
    const { databaseUrl, url, secrets } = await findRunningStack();
    return { databaseUrl, projectUrl: url, secretKey: secrets.secretKey };
  }
  return {
    databaseUrl: values["db-url"],
    projectUrl: Deno.env.get("SUPABASE_URL") ?? "",
    secretKey: Deno.env.get("SUPABASE_SECRET_KEY") ?? "",
  };
}

async function run(sql: postgres.Sql, target: Target): Promise<void> {
  const [command = "status", name] = positionals;
  if (command === "status" && !name) return await printStatus(sql);
  if (command === "run" && name) return await runOne(sql, target, name);
  if (command === "watch" && !name) return await watch(target);
  if (command === "docs" && !name) return await writeDocs(sql);
  throw new StackError(USAGE);
}

async function printStatus(sql: postgres.Sql): Promise<void> {
  const rows = await sql`select * from public.job_status order by is_overdue desc, name`;
  for (const row of rows) {
    console.log(
      [
        row.name.padEnd(26),
        (row.is_overdue ? `${row.state}, OVERDUE` : row.state).padEnd(18),
        `last done ${row.last_done_at?.toISOString() ?? "never"}`,
        row.last_duration_ms === null ? "" : `in ${row.last_duration_ms} ms`,
        row.last_error ?? (row.last_result === null ? "" : JSON.stringify(row.last_result)),
      ].join("  ").trimEnd(),
    );
  }
  if (rows.some((row) => row.is_overdue || row.state === "problem")) Deno.exitCode = 1;
}

async function runOne(sql: postgres.Sql, target: Target, name: string): Promise<void> {
  const [job] = await sql<{ name: string; kind: "sql" | "http"; command: string; timeout_ms: number }[]>`
    select name, kind, command, timeout_ms from private.jobs where name = ${name}`;
  if (!job) throw new StackError(`There is no job named ${name}. The list: deno task jobs`);
  if (job.kind === "http") requireAddress(target);
  const [before] =
    await sql`select coalesce(max(id), 0) as id from private.job_runs where job_name = ${name}`;
  await runJob(sql, job, target);
  const [run] = await sql`
    select outcome, result, error from private.job_runs where job_name = ${name} and id > ${before!.id}
    order by id limit 1`;
  if (!run) throw new StackError(`${name} is already running`);
  console.log(run.outcome, run.error ?? JSON.stringify(run.result));
  if (run.outcome !== "succeeded") Deno.exitCode = 1;
}

async function writeDocs(sql: postgres.Sql): Promise<void> {
  const file = join(projectFolder, "docs", "schedule.md");
  await Deno.writeTextFile(file, await withJobs(await Deno.readTextFile(file), sql));
}

async function watch(target: Target): Promise<void> {
  requireAddress(target);
  const schedule = runSchedule({ ...target, report: (message) => console.error(message) });
  console.log("The schedule runs");
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  await schedule.stop().catch((error) => console.error(messageOf(error)));
}

function requireAddress(target: Target): void {
  if (target.projectUrl && target.secretKey) return;
  throw new StackError(
    "SUPABASE_URL and SUPABASE_SECRET_KEY must be set, for the jobs that are Edge Functions",
  );
}

/** Wrong options end like any other mistake of the caller's: with their message. */
function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: { "db-url": { type: "string" } },
    });
  } catch (error) {
    console.error(`${printableFailure(error)}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
