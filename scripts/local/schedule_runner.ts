import type postgres from "postgres";

import { connectTo } from "./connect.ts";
import { messageOf } from "./errors.ts";
import { delay } from "./process_ids.ts";

/** The project of the schedule. */
export interface ScheduleOptions {
  /** As role postgres, the owner of the jobs. */
  databaseUrl: string;
  /** The project's URL, for jobs that are Edge Functions. */
  projectUrl: string;
  secretKey: string;
  /** How often it checks for due jobs. */
  everyMs?: number;
  /** One line when the schedule itself fails; a job's failure is in job_runs. */
  report: (message: string) => void;
}

/** A running schedule. */
export interface RunningSchedule {
  /** Starts no more jobs; running ones are cut off after a moment, and the next schedule catches up. */
  stop(): Promise<void>;
}

interface DueJob {
  name: string;
  kind: "sql" | "http";
  command: string;
  timeout_ms: number;
}

const EVERY_MS = 5_000;
/** Concurrent jobs; each has a connection, and one more checks for due jobs. */
const MAX_JOBS = 3;
const FINISH_MS = 2_000;

/**
 * Runs private.jobs from outside the database, as pg_cron does from inside: for the local stack, and for servers
 * without pg_cron. Several at once do no harm.
 */
export function runSchedule(options: ScheduleOptions): RunningSchedule {
  const sql = connectTo(options.databaseUrl, { connections: MAX_JOBS + 1, idleTimeoutS: 60 });
  const running = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  let lastProblem = "";
  const report = (error: unknown) => {
    if (stopping.signal.aborted || messageOf(error) === lastProblem) return;
    lastProblem = messageOf(error);
    options.report(`The schedule cannot run: ${lastProblem}`);
  };

  const look = async () => {
    await sql`select job_runner.reap_runs()`;
    const due = await sql<DueJob[]>`
      select name, kind, command, timeout_ms
      from job_runner.due_jobs() with ordinality as due (name, position) join private.jobs using (name)
      order by position`;
    lastProblem = "";
    for (const job of due) {
      if (running.size >= MAX_JOBS || stopping.signal.aborted) break;
      if (running.has(job.name)) continue;
      const run = runJob(sql, job, options, { stopped: stopping.signal }).catch(report)
        .finally(() => running.delete(job.name));
      running.set(job.name, run);
    }
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch(report);
      await untilAborted(options.everyMs ?? EVERY_MS, stopping.signal);
    }
  })();

  return {
    async stop() {
      stopping.abort();
      await loop;
      await Promise.race([Promise.all(running.values()), delay(FINISH_MS)]);
      await sql.end({ timeout: 0 });
    },
  };
}

/** Runs one job to its end, by hand or because it is due; its outcome is in job_runs. */
export async function runJob(
  sql: postgres.Sql,
  job: DueJob,
  { projectUrl, secretKey }: Pick<ScheduleOptions, "projectUrl" | "secretKey">,
  scheduled?: { stopped: AbortSignal },
): Promise<void> {
  // Another schedule may have run the job meanwhile.
  const onlyDue = scheduled ? "0" : null;
  if (job.kind === "sql") {
    await sql`call job_runner.run(${job.name}, ${onlyDue}::interval)`;
    return;
  }
  const [run] = await sql`select id from job_runner.start_run(${job.name}, true, ${onlyDue}::interval)`;
  if (!run?.id) return;
  const finish = (status: number | null, body: string | null, failure: string | null) =>
    sql`select job_runner.finish_http_run(${run.id}, ${status}, ${body}, ${failure})`;
  try {
    const timeout = AbortSignal.timeout(job.timeout_ms);
    const answer = await fetch(`${projectUrl}/functions/v1/${job.command}`, {
      method: "POST",
      headers: { apikey: secretKey, "content-type": "application/json" },
      body: "{}",
      redirect: "error",
      signal: scheduled ? AbortSignal.any([timeout, scheduled.stopped]) : timeout,
    });
    await finish(answer.status, await answer.text(), null);
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    await finish(null, null, isLate ? "no answer in time" : messageOf(error));
  }
}

/** Resolves after a time, or at once when it is cancelled. */
function untilAborted(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      resolve();
    }, durationMs);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
