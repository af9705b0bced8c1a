import fc from "fast-check";
import { join } from "node:path";
import postgres from "postgres";
import { beforeAll, describe, expect, it } from "vitest";

import { withJobs } from "../../scripts/docs/schedule.ts";
import { projectFolder } from "../../scripts/local/paths.ts";
import { endpoints } from "../http/support/functions_folder.ts";
import { createDatabase, newId, raceAll, range, until } from "./support.ts";

const { url, sql, ledger } = await createDatabase();

/** The lock at which a job's function waits for the test. */
const GATE = 815;

type Columns = Record<string, string | number | boolean | Record<string, unknown>>;

let jobCount = 0;

interface TestJob {
  name: string;
  /** Runs it as pg_cron does, on a separate connection unless one is given. */
  run(on?: postgres.Sql): Promise<void>;
  /** Its newest run. */
  last(): Promise<postgres.Row>;
  status(): Promise<postgres.Row>;
}

/** A job of a test's own, whose function has this body. */
async function makeJob(
  body: string,
  columns: Columns = {},
  returns = "jsonb",
): Promise<TestJob> {
  const name = `test_job_${++jobCount}`;
  await sql.unsafe(`create function private.${name}() returns ${returns} language plpgsql as $$ ${body} $$`);
  const row = {
    name,
    description: "A job of a test",
    schedule: "0 0 1 1 *",
    kind: "sql",
    command: `private.${name}`,
    timeout_ms: 60_000,
    overdue_after: "1 hour",
    ...columns,
  };
  await sql`insert into private.jobs ${sql(row)}`;
  return {
    name,
    run: async (on = sql) => void await on`call job_runner.run(${name})`,
    last: async () => {
      const [run] =
        await sql`select * from private.job_runs where job_name = ${name} order by id desc limit 1`;
      return run!;
    },
    status: async () => (await sql`select * from public.job_status where name = ${name}`)[0]!,
  };
}

/** A job that takes 30 entries from a list, one in each step, and says so. */
async function makeListJob(columns: Columns = {}, atThird = "") {
  const list = `public.list_${jobCount + 1}`;
  await sql.unsafe(`
    create table ${list} (id integer primary key, done_count integer not null default 0);
    insert into ${list} select generate_series(1, 30)`);
  const job = await makeJob(
    `declare v_id integer; begin
      update ${list} set done_count = done_count + 1
      where id = (select min(id) from ${list} where done_count = 0) returning id into v_id;
      ${atThird && `if v_id = 3 then ${atThird}; end if;`}
      return jsonb_build_object('taken', (v_id is not null)::integer);
    end`,
    { is_repeated: true, ...columns },
  );
  const counts = async () => {
    const [row] = await sql.unsafe(
      `select count(*) filter (where done_count = 1)::integer as once, max(done_count) as most from ${list}`,
    );
    return row!;
  };
  return { ...job, list, counts };
}

const waitAtGate = `perform pg_advisory_xact_lock_shared(${GATE})`;

/** Holds the gate closed while something happens. */
async function withGateClosed<Result>(work: (open: () => Promise<void>) => Promise<Result>): Promise<Result> {
  const keeper = await sql.reserve();
  let isOpen = false;
  const open = async () => {
    if (!isOpen) await keeper`select pg_advisory_unlock(${GATE})`;
    isOpen = true;
  };
  await keeper`select pg_advisory_lock(${GATE})`;
  try {
    return await work(open);
  } finally {
    await open();
    keeper.release();
  }
}

/** Waits until a session waits at the gate. Returns the session. */
async function atGate(): Promise<number> {
  let pid = 0;
  await until(async () => {
    const [waiting] = await sql`
      select pid from pg_locks where locktype = 'advisory' and objid = ${GATE} and not granted
        and database = (select oid from pg_database where datname = current_database())`;
    pid = waiting?.pid ?? 0;
    return pid > 0;
  });
  return pid;
}

/** A connection that may be killed. */
function doomed(): postgres.Sql {
  return postgres(url, { max: 1, onnotice: () => {}, backoff: false });
}

async function terminate(pid: number): Promise<void> {
  await sql`select pg_terminate_backend(${pid})`;
  await until(async () => (await sql`select from pg_stat_activity where pid = ${pid}`).length === 0);
}

async function watch(grace = "90 seconds"): Promise<void> {
  await sql`call job_runner.watch(${grace}::interval)`;
}

async function dueJobs(grace = "90 seconds"): Promise<string[]> {
  return (await sql`select job_runner.due_jobs(${grace}::interval) as name`).map((row) => row.name);
}

/** Makes all that a job did look older than it is. */
async function shift(job: { name: string }, by: string): Promise<void> {
  await sql`
    update private.job_runs
    set started_at = started_at - ${by}::interval, ended_at = ended_at - ${by}::interval,
      ends_by = ends_by - ${by}::interval
    where job_name = ${job.name}`;
  await sql`update private.jobs set created_at = created_at - ${by}::interval where name = ${job.name}`;
}

async function runsOf(job: { name: string }): Promise<number> {
  return (await sql`select from private.job_runs where job_name = ${job.name}`).length;
}

const list = await sql`select * from private.jobs order by name`;

beforeAll(async () => {
  // Jobs that the tests below do not run must not be due meanwhile; each test enables what it needs.
  await sql`update private.jobs set is_enabled = false`;
});

describe("the list of jobs", () => {
  it("names only functions that need no argument", async () => {
    expect(list.length).toBeGreaterThan(10);
    for (const { name, kind, command } of list) {
      if (kind !== "sql") continue;
      const [found] = await sql`
        select pronargs = pronargdefaults as is_callable from pg_proc where oid = to_regproc(${command})`;
      expect({ name, isCallable: found?.is_callable }).toEqual({ name, isCallable: true });
    }
  });

  it("calls only existing Edge Functions and actions", () => {
    const declared = endpoints.map(({ name }) => name);
    for (const { kind, command } of list) {
      if (kind === "http") expect(declared).toContain(command.replace("?action=", "/").replace(/&.*/, ""));
    }
  });

  it("is what docs/schedule.md shows", async () => {
    const text = await Deno.readTextFile(join(projectFolder, "docs", "schedule.md"));
    expect(text, "To make the table anew: deno task start, then deno task jobs docs").toBe(
      await withJobs(text, sql),
    );
  });

  it("can be run from end to end, and each job then says what it did", async () => {
    for (const { name, kind } of list) {
      if (kind !== "sql") continue;
      await sql`call job_runner.run(${name})`;
      const [run] = await sql`
        select outcome, error, result from private.job_runs where job_name = ${name} order by id desc limit 1`;
      expect({ name, ...run }).toMatchObject({ name, outcome: "succeeded", error: null });
      expect(run!.result.steps).toBeGreaterThan(0);
    }
  });

  it("makes a job overdue only after more than two intervals", async () => {
    for (const { name, schedule, overdue_after } of list) {
      const [row] = await sql`
        select ${overdue_after}::interval > 2 * (latest - job_runner.latest_time(${schedule}, latest - '1 second'::interval))
            - '1 second'::interval as is_enough
        from job_runner.latest_time(${schedule}, '2026-03-04 05:06+00') as latest`;
      expect({ name, isEnough: row!.is_enough }).toEqual({ name, isEnough: true });
    }
  });

  it.each([
    ["schedule", "61 * * * *"],
    ["schedule", "* * * *"],
    ["schedule", "5/10 * * * *"],
    ["schedule", "0 0 30 2 *"],
    ["command", "x(); drop table jobs"],
    ["command", "pg_catalog.now"],
    ["kind", "shell"],
    ["timeout_ms", 0],
    ["name", "no spaces"],
  ])("refuses %s %j", async (column, value) => {
    await expect(makeJob("begin return null; end", { [column]: value })).rejects.toMatchObject({
      code: "23514",
    });
  });

  it("accepts as an Edge Function only its name and action, and no other URL", async () => {
    const check = (command: string) =>
      sql.begin(async (transaction) => {
        await transaction`update private.jobs set command = ${command} where name = 'sync_tokens'`;
        throw new Error("undo");
      }).catch((error) => error.code ?? "fits");
    for (const command of ["alerts", "alerts/deliver", "token-manager?action=sync"]) {
      expect(await check(command)).toBe("fits");
    }
    for (const command of ["https://example.com", "../x", "a/b/c", "a?key=secret", "//x", "a@b"]) {
      expect(await check(command)).toBe("23514");
    }
  });
});

describe("a cron text", () => {
  const latest = async (schedule: string, at: string) => {
    const [row] = await sql`select job_runner.latest_time(${schedule}, ${at}::timestamptz) as at`;
    return row!.at?.toISOString().replace(":00.000Z", "Z");
  };

  it.each([
    ["* * * * *", "2026-03-04T05:06:59Z", "2026-03-04T05:06Z"],
    ["*/5 * * * *", "2026-03-04T05:09:00Z", "2026-03-04T05:05Z"],
    ["*/30 * * * *", "2026-03-04T05:30:00Z", "2026-03-04T05:30Z"],
    ["20 3 * * *", "2026-03-04T03:19:59Z", "2026-03-03T03:20Z"],
    ["7 * * * *", "2026-01-01T00:06:00Z", "2025-12-31T23:07Z"],
    ["0 12 29 2 *", "2027-05-01T00:00:00Z", "2024-02-29T12:00Z"],
    ["0 0 * * 0", "2026-03-04T00:00:00Z", "2026-03-01T00:00Z"],
    ["0 0 * * 7", "2026-03-04T00:00:00Z", "2026-03-01T00:00Z"],
    ["0 0 13 * 5", "2026-03-12T00:00:00Z", "2026-03-06T00:00Z"], // The 13th or a Friday.
    ["10-20/5,50 1,3 * 1-6 *", "2026-08-01T00:00:00Z", "2026-06-30T03:50Z"],
  ])("%s was last due before %s at %s", async (schedule, at, expected) => {
    expect(await latest(schedule, at)).toBe(expected);
  });

  it.each([
    "",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "*/0 * * * *",
  ])(
    "%j cannot be read",
    async (schedule) => expect(await latest(schedule, "2026-03-04T05:06:59Z")).toBeUndefined(),
  );

  it("matches what a search back over the minutes finds", async () => {
    const field = (first: number, last: number) =>
      fc.oneof(
        fc.constant("*"),
        fc.integer({ min: 1, max: 20 }).map((step) => `*/${step}`),
        fc.uniqueArray(fc.integer({ min: first, max: last }), { minLength: 1, maxLength: 4 }).map(String),
        fc.tuple(fc.integer({ min: first, max: last }), fc.integer({ min: first, max: last }))
          .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      );
    const schedules = fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6));
    const samples = fc.sample(
      fc.tuple(
        schedules,
        fc.date({ min: new Date("2025-01-01"), max: new Date("2028-01-01"), noInvalidDate: true }),
      ),
      { numRuns: 150, seed: 7 },
    );
    const rows = await sql`
      select job_runner.latest_time(schedule, at) as at
      from unnest(${samples.map(([fields]) => fields.join(" "))}::text[],
        ${
      samples.map(([, at]) => at.toISOString())
    }::timestamptz[]) with ordinality as sample (schedule, at, number)
      order by number`;
    for (const [index, [fields, at]] of samples.entries()) {
      expect({ fields, at, latest: rows[index]!.at?.getTime() })
        .toEqual({ fields, at, latest: walkBack(fields, at) });
    }
  });

  /** Minute by minute where the day fits, day by day where it does not. */
  function walkBack([minute, hour, day, month, weekDay]: string[], from: Date): number | undefined {
    const fits = (field: string, value: number, first: number) =>
      field.split(",").some((part) => {
        if (part.startsWith("*")) return (value - first) % Number(part.split("/")[1] ?? 1) === 0;
        const [low, high = low] = part.split("-").map(Number);
        return low! <= value && value <= high!;
      });
    let at = Math.floor(from.getTime() / 60_000) * 60_000;
    const end = at - 4 * 366 * 86_400_000;
    while (at > end) {
      const date = new Date(at);
      const fitsDay = fits(day!, date.getUTCDate(), 1);
      const fitsWeekDay = fits(weekDay!, date.getUTCDay(), 0);
      const isEither = !day!.startsWith("*") && !weekDay!.startsWith("*");
      const fitsDate = fits(month!, date.getUTCMonth() + 1, 1) &&
        (isEither ? fitsDay || fitsWeekDay : fitsDay && fitsWeekDay);
      if (!fitsDate) at = Math.floor(at / 86_400_000) * 86_400_000 - 60_000;
      else if (fits(hour!, date.getUTCHours(), 0) && fits(minute!, date.getUTCMinutes(), 0)) return at;
      else at -= 60_000;
    }
    return undefined;
  }
});

describe("a run", () => {
  it("records when it began and ended, and what it did", async () => {
    const job = await makeJob("begin perform pg_sleep(0.05); return jsonb_build_object('cleaned', 3); end");
    expect(await job.status()).toMatchObject({ state: "waiting", last_done_at: null });
    await job.run();
    const run = await job.last();
    expect(run).toMatchObject({ outcome: "succeeded", error: null, result: { cleaned: 3, steps: 1 } });
    const status = await job.status();
    expect(status).toMatchObject({ state: "succeeded", is_overdue: false, last_result: run.result });
    expect(Number(status.last_duration_ms)).toBeGreaterThanOrEqual(50);
    expect(status.last_done_at).toEqual(run.ended_at);
  });

  it.each([
    ["integer", "return 0", { count: 0, steps: 1 }],
    ["text", "return 'done'", { count: "done", steps: 1 }],
    ["void", "return", { steps: 1 }],
  ])("takes an answer of type %s", async (type, statement, result) => {
    const job = await makeJob(`begin ${statement}; end`, {}, type);
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "succeeded", result });
  });

  it("of a repeated job goes on until nothing is left, and adds up what it did", async () => {
    const job = await makeListJob();
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "succeeded", result: { taken: 30, steps: 31 } });
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
  });

  it("keeps the steps before one that fails, and the next run does the others", async () => {
    const job = await makeListJob({}, "raise exception 'broken' using errcode = 'data_exception'");
    await job.run();
    expect(await job.last()).toMatchObject({
      outcome: "failed",
      error: "broken (22000)",
      result: { taken: 2 },
    });
    expect(await job.counts()).toEqual({ once: 2, most: 1 });
    expect(await job.status()).toMatchObject({ state: "failed", last_done_at: null });
    await sql.unsafe(`update ${job.list} set done_count = 1 where id = 3`);
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "succeeded", result: { taken: 27 } });
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
  });

  it("of a function that reports failure has failed", async () => {
    const job = await makeJob(
      `begin return '{"success": false, "error": "invalid_request", "message": "no month"}'::jsonb; end`,
    );
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "failed", error: "invalid_request: no month" });
  });

  it("stops after half of its time, and the next one goes on", async () => {
    const job = await makeListJob({ timeout_ms: 1000 }, "perform pg_sleep(0.55)");
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "succeeded", result: { taken: 3 } });
    await job.run();
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
  });

  it("that finds something unexpected is a problem, and done", async () => {
    const job = await makeJob("begin return jsonb_build_object('broken', 0); end", {
      expected_result: { broken: 0 },
    });
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "succeeded" });
    await sql`update private.jobs set expected_result = '{"broken": 1}' where name = ${job.name}`;
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "problem", result: { broken: 0 } });
    expect(await job.status()).toMatchObject({ state: "problem", is_overdue: false });
    expect((await job.status()).last_done_at).toEqual((await job.last()).ended_at);
  });

  it("that takes too long is ended, whichever job is run next", async () => {
    const job = await makeJob("begin perform pg_sleep(60); return null; end", { timeout_ms: 1000 });
    const other = await makeJob("begin return null; end");
    const connection = doomed();
    try {
      const run = job.run(connection);
      await until(async () => (await job.status()).state === "running");
      await other.run();
      expect(await job.status()).toMatchObject({ state: "running" });
      await sql`update private.job_runs set ends_by = started_at where job_name = ${job.name}`;
      await other.run();
      await run;
      expect(await job.last()).toMatchObject({ outcome: "failed" });
      expect((await job.last()).error).toContain("57014");
    } finally {
      await connection.end();
    }
  });

  it("of a missing function reports that, and is not retried endlessly", async () => {
    const job = await makeJob("begin return null; end", { schedule: "* * * * *" });
    await sql.unsafe(`drop function private.${job.name}`);
    await shift(job, "1 day");
    expect(await job.status()).toMatchObject({ state: "missing" });
    expect(await dueJobs()).not.toContain(job.name);
    await job.run();
    expect((await job.last()).error).toContain("does not exist");
    await sql`delete from private.jobs where name = ${job.name}`;
  });

  it("of a job that is not in the list is an error", async () => {
    await expect(sql`call job_runner.run('nobody')`).rejects.toMatchObject({ code: "42704" });
  });
});

describe("two runs at once", () => {
  it("do the work once: the second ends at once", async () => {
    const job = await makeListJob({}, waitAtGate);
    const connection = doomed();
    try {
      await withGateClosed(async (open) => {
        const first = job.run(connection);
        await atGate();
        await job.run();
        expect(await runsOf(job)).toBe(1);
        expect((await sql`select public.run_job(${job.name}) as answer`)[0]!.answer)
          .toMatchObject({ success: false, error: "request_in_progress" });
        expect(await job.status()).toMatchObject({ state: "running" });
        await open();
        await first;
      });
    } finally {
      await connection.end();
    }
    expect(await job.last()).toMatchObject({ outcome: "succeeded", result: { taken: 30 } });
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
  });

  it("that both saw the job due do it once, even if the first has ended before the second begins", async () => {
    const job = await makeListJob();
    await shift(job, "400 days");
    for (const _ of range(2)) await sql`call job_runner.run(${job.name}, '0')`;
    expect(await runsOf(job)).toBe(1);
    await job.run();
    expect(await runsOf(job)).toBe(2);
  });

  it("of 8 that begin at the same moment one begins", async () => {
    for (const _ of range(5)) {
      const job = await makeJob("begin return null; end");
      const runs = await raceAll<{ id: string | null }>(
        url,
        range(8).map(() => ({ name: "job_runner.start_run", args: { p_name: job.name } })),
      );
      expect(await runsOf(job)).toBe(1);
      expect(runs).toHaveLength(8);
      await sql`delete from private.jobs where name = ${job.name}`;
    }
  });
});

describe("a run that is killed in the middle", () => {
  it("has lost nothing: the next one does what is left, once", async () => {
    const job = await makeListJob({}, waitAtGate);
    const connection = doomed();
    await withGateClosed(async () => {
      const run = job.run(connection).then(() => "ended", () => "killed");
      await terminate(await atGate());
      expect(await run).toBe("killed");
    });
    await connection.end({ timeout: 0 });
    expect(await job.counts()).toEqual({ once: 2, most: 1 });
    expect(await job.last()).toMatchObject({ ended_at: null, outcome: null });
    await job.run();
    expect(await job.last()).toMatchObject({ outcome: "succeeded", result: { taken: 28 } });
    const [first] =
      await sql`select * from private.job_runs where job_name = ${job.name} order by id limit 1`;
    expect(first).toMatchObject({ outcome: "lost", error: "the session that ran it is gone" });
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
  });

  it("is caught up on by the watch at once, not at its next time", async () => {
    const job = await makeListJob({ schedule: "0 0 1 1 *" }, waitAtGate);
    await shift(job, "400 days");
    const connection = doomed();
    await withGateClosed(async () => {
      const run = job.run(connection).catch(() => {});
      await terminate(await atGate());
      await run;
    });
    await connection.end({ timeout: 0 });
    await watch();
    expect(await job.last()).toMatchObject({ outcome: "succeeded" });
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
    expect(await dueJobs()).toEqual([]);
  });

  it("again and again, at any moment, still ends with everything done once", async () => {
    const job = await makeListJob();
    await sql.unsafe(`create or replace function private.${job.name}() returns jsonb language plpgsql as $$
      declare v_id integer; begin
        update ${job.list} set done_count = done_count + 1
        where id = (select min(id) from ${job.list} where done_count = 0) returning id into v_id;
        perform pg_sleep(0.01);
        return jsonb_build_object('taken', (v_id is not null)::integer);
      end $$`);
    for (const kill of range(6)) {
      const connection = doomed();
      const [session] = await connection`select pg_backend_pid() as pid`;
      const run = job.run(connection).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 7 + 9 * kill));
      await terminate(session!.pid);
      await run;
      await connection.end({ timeout: 0 });
    }
    await job.run();
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
    expect(await job.last()).toMatchObject({ outcome: "succeeded" });
  });

  it("is distinguished from a live one by its session's statement, not by its session", async () => {
    const job = await makeJob("begin return null; end");
    const connection = doomed();
    try {
      // As after an error that could not be recorded: the session lives on, and runs something else.
      await connection`select job_runner.start_run(${job.name})`;
      await connection`select 1`;
      expect(await job.status()).toMatchObject({ state: "running" });
      await job.run();
      expect(await job.last()).toMatchObject({ outcome: "succeeded" });
      expect(await runsOf(job)).toBe(2);
    } finally {
      await connection.end();
    }
  });

  it("of the cleanup of locks leaves the ledger whole, and every hold is given back", async () => {
    const users = range(20).map(newId).sort();
    for (const user of users) {
      await ledger.add(user, 10);
      const id = newId();
      await ledger.hold(user, 5, id);
      await ledger.outlive(id);
    }
    const connection = doomed();
    const blocker = await sql.reserve();
    await blocker`begin`;
    // It waits for no locked row: a trigger stops it in the middle.
    await sql.unsafe(`
      create function public.stop_here() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
      create trigger stop_here before update on public.token_balances for each row
        when (new.user_id = '${users[10]!}') execute function public.stop_here()`);
    await blocker`select pg_advisory_xact_lock(4711)`;
    const [session] = await connection`select pg_backend_pid() as pid`;
    const run = connection`call job_runner.run('cleanup_expired_locks')`.then(() => "ended", () => "killed");
    await until(async () =>
      (await sql`select from pg_locks where pid = ${session!.pid} and not granted`).length > 0
    );
    await terminate(session!.pid);
    expect(await run).toBe("killed");
    await connection.end({ timeout: 0 });
    await blocker`rollback`;
    blocker.release();
    await sql.unsafe("drop trigger stop_here on public.token_balances; drop function public.stop_here()");
    expect(await ledger.problems()).toEqual([]);
    await sql`call job_runner.run('cleanup_expired_locks')`;
    for (const user of users) expect(await ledger.balance(user)).toMatchObject({ balance: 10, held: 0 });
    expect(await ledger.problems()).toEqual([]);
    const [row] =
      await sql`select last_outcome, last_result from public.job_status where name = 'cleanup_expired_locks'`;
    expect(row).toMatchObject({ last_outcome: "succeeded", last_result: { users_with_expired_holds: 20 } });
  });
});

describe("a job that was not run for a day", () => {
  it("is overdue, is run by the watch, and is overdue no more", async () => {
    const job = await makeListJob({ schedule: "*/5 * * * *" });
    await shift(job, "1 day");
    expect(await job.status()).toMatchObject({ state: "waiting", is_overdue: true });
    expect(await dueJobs()).toContain(job.name);
    await watch();
    expect(await job.status()).toMatchObject({ state: "succeeded", is_overdue: false });
    expect(await job.counts()).toEqual({ once: 30, most: 1 });
    await sql`update private.jobs set is_enabled = false where name = ${job.name}`;
  });

  it("is run once for all the times it missed", async () => {
    const [slot] = await sql`
      select extract(minute from at)::integer as minute, extract(hour from at)::integer as hour
      from (select now() at time zone 'UTC' - interval '10 minutes' as at) as one`;
    const job = await makeListJob({
      schedule: `${slot!.minute} ${slot!.hour} * * *`,
      overdue_after: "2 days",
    });
    await job.run();
    await shift(job, "5 days");
    expect(await job.status()).toMatchObject({ is_overdue: true });
    for (const _ of range(3)) await watch();
    expect(await runsOf(job)).toBe(2);
    expect(await job.status()).toMatchObject({ is_overdue: false });
  });

  it("does the whole day's work in one run", async () => {
    await sql`
      insert into private.rate_limits (key, full_at)
      select 'test:' || number, now() - interval '1 hour' from generate_series(1, 25000) as number`;
    await sql`call job_runner.run('cleanup_rate_limits')`;
    const [row] = await sql`select last_result from public.job_status where name = 'cleanup_rate_limits'`;
    expect(row!.last_result).toMatchObject({ count: 25_000, steps: 4 });
  });

  it("is not overdue before its time, and never when it is disabled", async () => {
    const job = await makeJob("begin return null; end", { overdue_after: "1 hour" });
    await job.run();
    await shift(job, "59 minutes");
    expect(await job.status()).toMatchObject({ is_overdue: false });
    await shift(job, "2 minutes");
    expect(await job.status()).toMatchObject({ is_overdue: true });
    await sql`update private.jobs set is_enabled = false where name = ${job.name}`;
    expect(await job.status()).toMatchObject({ state: "disabled", is_overdue: false });
  });
});

describe("a job that fails", () => {
  it("is tried three times per scheduled time, with growing pauses, then at the next time", async () => {
    const job = await makeJob("begin raise exception 'broken'; end", { schedule: "0 0 * * *" });
    await sql`update private.jobs set created_at = now() - interval '3 days' where name = ${job.name}`;
    const [slot] = await sql`select job_runner.latest_time('0 0 * * *', now()) as at`;
    /** As if the newest run had begun soon after midnight, and ended so long ago. */
    const backdate = (minutes: number) =>
      sql`
        update private.job_runs set started_at = ${
        slot!.at
      }, ended_at = now() - make_interval(mins => ${minutes})
        where job_name = ${job.name} and id = (select max(id) from private.job_runs where job_name = ${job.name})`;
    expect(await dueJobs("0")).toContain(job.name);
    for (const tries of [1, 2, 3]) {
      await job.run();
      await sql`update private.job_runs set started_at = ${slot!.at} where job_name = ${job.name}`;
      await backdate(0);
      expect(await dueJobs("0")).not.toContain(job.name);
      await backdate(tries + 1);
      expect((await dueJobs("0")).includes(job.name)).toBe(tries < 3);
    }
    await sql`
      update private.job_runs set started_at = started_at - interval '1 day' where job_name = ${job.name}`;
    expect(await dueJobs("0")).toContain(job.name);
    await sql`update private.jobs set is_enabled = false where name = ${job.name}`;
  });
});

describe("the cleanup of locks", () => {
  it("visits the whole table within 60 runs, whatever its size", async () => {
    const user = newId();
    await ledger.add(user, 100_000);
    await sql`alter table public.token_consumption_locks set (fillfactor = 10)`;
    await sql`
      select public.consume_tokens_atomic(gen_random_uuid()::text, ${user}, 1, 'meal-analyzer')
      from generate_series(1, 900)`;
    const [table] = await sql`
      select (pg_relation_size('public.token_consumption_locks') / 8192)::integer as pages`;
    expect(table!.pages).toBeGreaterThan(100);
    await sql`update private.token_settings set cleanup_page = 0`;
    let runs = 0;
    let steps = 0;
    for (let page = -1; page !== 0; runs++) {
      for (let isDone = false; !isDone; steps++) {
        const [step] = await sql`select private.cleanup_expired_locks_step(1) as result`;
        isDone = step!.result.is_done;
      }
      const [settings] = await sql`select cleanup_page::integer as page from private.token_settings`;
      page = settings!.page;
    }
    expect(steps).toBe(table!.pages);
    expect(runs).toBeLessThanOrEqual(60);
    expect(runs).toBeGreaterThan(20);
  });
});

describe("the runner's procedures", () => {
  it("use no function or operator of a schema that their caller's search path puts before Postgres's own", async () => {
    await sql.unsafe(`
      create schema trap;
      create function trap.spring(timestamptz, timestamptz) returns boolean language plpgsql as
        $$ begin raise exception 'trapped'; end $$;
      create operator trap.> (leftarg = timestamptz, rightarg = timestamptz, function = trap.spring);
      create function trap.clock_timestamp() returns timestamptz language plpgsql as
        $$ begin raise exception 'trapped'; end $$`);
    const connection = await sql.reserve();
    try {
      await connection`set search_path = trap, pg_catalog`;
      await expect(connection`select clock_timestamp()`).rejects.toThrow("trapped");
      await connection`call job_runner.run('prune_job_runs')`;
      await connection`call job_runner.watch('1 year')`;
    } finally {
      await connection`reset search_path`;
      connection.release();
      await sql`drop schema trap cascade`;
    }
    const [row] = await sql`select last_outcome from public.job_status where name = 'prune_job_runs'`;
    expect(row!.last_outcome).toBe("succeeded");
  });
});

describe("prune_job_runs", () => {
  it("keeps 14 days, and of each job its last run and when it was last done", async () => {
    const job = await makeJob("begin return null; end");
    const insert = (days: number, outcome: string) =>
      sql`
        insert into private.job_runs (job_name, started_at, ends_by, ended_at, outcome)
        values (${job.name}, now() - make_interval(days => ${days}), now(), now() - make_interval(days => ${days}),
          ${outcome})`;
    for (const days of [40, 30]) await insert(days, "succeeded");
    for (const days of [25, 20, 16, 15]) await insert(days, "failed");
    const before = await job.status();
    await sql`call job_runner.run('prune_job_runs')`;
    expect(await job.status()).toEqual(before);
    const kept = await sql`select outcome from private.job_runs where job_name = ${job.name} order by id`;
    expect(kept.map((row) => row.outcome)).toEqual(["succeeded", "failed"]);
    await insert(13, "failed");
    await insert(12, "failed");
    await sql`call job_runner.run('prune_job_runs')`;
    expect(await runsOf(job)).toBe(3);
  });
});

describe("install_schedule", () => {
  it("says what is missing where there is no pg_cron, and may be repeated", async () => {
    for (const _ of range(2)) {
      const [row] = await sql`select private.install_schedule() as it`;
      expect(row!.it).toEqual({
        installed: [],
        problems: ["pg_cron", "pg_net", "supabase_vault"].map((name) =>
          `the extension ${name} is not available on this server`
        ),
      });
    }
  });
});
