import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { type RunningSchedule, runSchedule } from "../../scripts/local/schedule_runner.ts";
import { PG_NET_SQL, sendQueued } from "./pg_net.ts";
import { createDatabase, until } from "./support.ts";

const { url, sql } = await createDatabase();
const SECRET_KEY = "sb_secret_of_a_test";

/** Asked at /functions/v1/<name>; a name says what it answers. */
const asked: { path: string; apikey: string | null; method: string; body: string }[] = [];
const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, answer);

async function answer(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const path = pathname.replace("/functions/v1/", "") + search;
  asked.push({
    path,
    apikey: request.headers.get("apikey"),
    method: request.method,
    body: await request.text(),
  });
  if (path.startsWith("good")) return Response.json({ delivered: 3 });
  if (path.startsWith("long")) return Response.json({ is_complete: --partsLeft <= 0, synced: 7 });
  if (path.startsWith("text")) return new Response("fine");
  if (path.startsWith("odd")) return new Response('{"a": "\\u0000"}');
  if (path.startsWith("redirect")) return Response.redirect(new URL("/elsewhere", request.url));
  if (path.startsWith("slow")) await new Promise((resolve) => setTimeout(resolve, 1_500));
  return Response.json({ error: "internal", message: "The function failed" }, { status: 500 });
}

/** How often a function that works in parts is to be asked until it is done. */
let partsLeft = 0;
const projectUrl = `http://127.0.0.1:${server.addr.port}`;
afterAll(() => server.shutdown());

beforeEach(async () => {
  await sql`update private.jobs set is_enabled = false`;
  await sql`delete from private.jobs where name like 'test_%'`;
  asked.length = 0;
});

/** A job that asks a function, due at once. */
async function makeJob(
  command: string,
  columns: Record<string, string | number | boolean | Date> = {},
): Promise<string> {
  const name = `test_${crypto.randomUUID().replaceAll("-", "_")}`;
  await sql`insert into private.jobs ${
    sql({
      name,
      description: "A job of a test",
      schedule: "* * * * *",
      kind: "http",
      command,
      timeout_ms: 30_000,
      overdue_after: "2 hours",
      created_at: new Date(Date.now() - 3_600_000),
      ...columns,
    })
  }`;
  return name;
}

async function statusOf(name: string) {
  const [row] = await sql`select * from public.job_status where name = ${name}`;
  return row!;
}

async function lastRun(name: string) {
  const [row] = await sql`select * from private.job_runs where job_name = ${name} order by id desc limit 1`;
  return row!;
}

async function withSchedule(
  work: (schedule: RunningSchedule) => Promise<void>,
  reports: string[] = [],
): Promise<void> {
  const report = (message: string) => void reports.push(message);
  const schedule = runSchedule({ databaseUrl: url, projectUrl, secretKey: SECRET_KEY, everyMs: 20, report });
  try {
    await work(schedule);
  } finally {
    await schedule.stop();
  }
}

/** Due once, as it has never been run. */
const DAILY = { schedule: "0 0 * * *", created_at: new Date(Date.now() - 48 * 3_600_000) };

describe("the schedule that runs outside the database", () => {
  it("runs what is due, SQL and functions, once for each time", async () => {
    const name = await makeJob("good?action=sync");
    await sql`
      update private.jobs set is_enabled = true, created_at = now() - interval '1 hour', schedule = '* * * * *'
      where name = 'cleanup_rate_limits'`;
    await withSchedule(async () => {
      await until(async () =>
        (await statusOf(name)).state === "succeeded" &&
        (await statusOf("cleanup_rate_limits")).state === "succeeded"
      );
    });
    expect(await lastRun(name)).toMatchObject({
      outcome: "succeeded",
      result: { status: 200, delivered: 3 },
    });
    expect(asked[0]).toEqual({ path: "good?action=sync", apikey: SECRET_KEY, method: "POST", body: "{}" });
    // Once for a minute; the test may have begun in the one before.
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it.each([
    ["text", "succeeded", null, { status: 200 }],
    ["odd", "succeeded", null, { status: 200 }],
    ["bad", "failed", 'HTTP 500: {"error":"internal","message":"The function failed"}', { status: 500 }],
  ])("takes the answer of %s as %s", async (command, outcome, error, result) => {
    const name = await makeJob(command);
    await withSchedule(() => until(async () => (await statusOf(name)).last_outcome !== null));
    expect(await lastRun(name)).toMatchObject({ outcome, error, result });
  });

  it("reruns at once a job that pauses in the middle of its work, until it is done", async () => {
    partsLeft = 4;
    const name = await makeJob("long", { ...DAILY, is_repeated: true });
    await withSchedule(async () => {
      await until(async () => (await lastRun(name))?.result?.is_complete === true);
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    const runs =
      await sql`select outcome, result ->> 'is_complete' as done from private.job_runs where job_name = ${name}`;
    expect(runs.map(({ outcome, done }) => [outcome, done])).toEqual([
      ["succeeded", "false"],
      ["succeeded", "false"],
      ["succeeded", "false"],
      ["succeeded", "true"],
    ]);
  });

  it(
    "runs a job that is never done 60 times for one time of its schedule, and another that may not be repeated once",
    async () => {
      partsLeft = 1_000;
      const [endless, once] = [
        await makeJob("long", { ...DAILY, is_repeated: true }),
        await makeJob("long", DAILY),
      ];
      const countOf = async (name: string) =>
        (await sql`select count(*)::integer as count from private.job_runs where job_name = ${name}`)[0]!
          .count;
      await withSchedule(async () => {
        await until(async () => (await countOf(endless)) === 60);
        await new Promise((resolve) => setTimeout(resolve, 300));
      });
      expect([await countOf(endless), await countOf(once)]).toEqual([60, 1]);
    },
    30_000,
  );

  it("does not give its key to where a function redirects it", async () => {
    const name = await makeJob("redirect");
    await withSchedule(() => until(async () => (await statusOf(name)).last_outcome !== null));
    expect(await lastRun(name)).toMatchObject({ outcome: "failed" });
    expect(asked.map((one) => one.path)).toEqual(["redirect"]);
  });

  it("gives up on a function after the job's own time", async () => {
    const name = await makeJob("slow", { timeout_ms: 1_000 });
    await withSchedule(() => until(async () => (await statusOf(name)).last_outcome !== null));
    expect(await lastRun(name)).toMatchObject({ outcome: "failed", error: "no answer in time" });
  });

  it("does a job once when two of them run", async () => {
    const name = await makeJob("good", { schedule: "0 0 1 1 *", created_at: new Date("2020-01-01") });
    await withSchedule(() =>
      withSchedule(() => until(async () => (await statusOf(name)).state === "succeeded"))
    );
    expect(asked).toHaveLength(1);
  });

  it("reports once that the database is down, and continues when it is back", async () => {
    const name = await makeJob("good");
    const database = new URL(url).pathname.slice(1);
    const reports: string[] = [];
    const owner = await sql.reserve();
    await owner.unsafe(`alter database ${database} connection limit 0`);
    await withSchedule(async () => {
      await until(() => Promise.resolve(reports.length > 0));
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(reports).toHaveLength(1);
      expect(reports[0]).toContain("The schedule cannot run");
      await owner.unsafe(`alter database ${database} connection limit -1`);
      await until(async () => (await statusOf(name)).state === "succeeded");
    }, reports);
    owner.release();
  });

  it("that is killed while a function works leaves a run that the next one marks as lost, and repeats", async () => {
    const name = await makeJob("good", { schedule: "0 0 1 1 *", created_at: new Date("2020-01-01") });
    // As it is after a kill -9: begun, and never ended.
    await sql`select job_runner.start_run(${name}, true)`;
    await sql`select job_runner.reap_runs()`;
    expect(await statusOf(name)).toMatchObject({ state: "running", last_done_at: null });
    await sql`update private.job_runs set ends_by = now() - interval '31 seconds' where job_name = ${name}`;
    await withSchedule(() => until(async () => (await statusOf(name)).state === "succeeded"));
    const runs = await sql`select outcome, error from private.job_runs where job_name = ${name} order by id`;
    expect([...runs]).toEqual([
      { outcome: "lost", error: "no answer came" },
      { outcome: "succeeded", error: null },
    ]);
  });
});

describe("deno task jobs", () => {
  function spawn(...args: string[]): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(projectFolder, "scripts", "jobs.ts"), ...args, "--db-url", url],
      env: { SUPABASE_URL: projectUrl, SUPABASE_SECRET_KEY: SECRET_KEY, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async function run(...args: string[]) {
    const { code, stdout, stderr } = await spawn(...args).output();
    return { code, printed: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  }

  it("prints what is overdue, and runs a job by its name", async () => {
    const [good, late] = [
      await makeJob("good"),
      await makeJob("good", { created_at: new Date("2020-01-01") }),
    ];
    const [status, first, nobody] = await Promise.all([run(), run("run", good), run("run", "nobody")]);
    expect(status.code).toBe(1);
    expect(status.printed).toMatch(new RegExp(`${late} .*waiting, OVERDUE .*last done never`));
    expect(status.printed).not.toMatch(new RegExp(`${good} .*OVERDUE`));
    expect(first).toEqual({ code: 0, printed: 'succeeded {"status":200,"delivered":3}\n' });
    expect(nobody).toEqual({
      code: 2,
      printed: "There is no job named nobody. The list: deno task jobs\n",
    });
  });

  it("runs the list until it is asked to stop", async () => {
    const name = await makeJob("good");
    const watching = spawn("watch");
    try {
      await until(async () => (await statusOf(name)).state === "succeeded");
    } finally {
      watching.kill("SIGTERM");
    }
    expect((await watching.output()).code).toBe(0);
  });
});

describe("with pg_net and Vault", () => {
  it("a job reports missing settings as long as any is missing", async () => {
    const name = await makeJob("good");
    const run = async () => {
      await sql`call job_runner.run(${name})`;
      return (await lastRun(name)).error;
    };
    expect(await run()).toMatch(/^pg_net is not installed/);
    await sql.unsafe(PG_NET_SQL);
    expect(await run()).toBe("Vault has no secret tessera_project_url");
    await sql`insert into vault.secrets values ('tessera_project_url', ${projectUrl + "/"})`;
    expect(await run()).toBe("Vault has no secret tessera_secret_key");
    await sql`insert into vault.secrets values ('tessera_secret_key', ${SECRET_KEY})`;
    expect(await run()).toBeNull();
    expect(await sendQueued(sql)).toBe(1);
  });

  it("a queued job is running, and done when its function has answered", async () => {
    const name = await makeJob("good?action=sync", { timeout_ms: 4_000 });
    await sql`call job_runner.run(${name})`;
    await sql`call job_runner.watch('1 year')`;
    expect(await statusOf(name)).toMatchObject({ state: "running", last_done_at: null, last_outcome: null });
    const [queued] = await sql`select * from net.http_request_queue`;
    expect(queued).toMatchObject({ method: "POST", timeout_milliseconds: 4_000 });
    // Not twice while it runs.
    await sql`call job_runner.run(${name})`;
    expect(await sendQueued(sql)).toBe(1);
    expect(asked).toEqual([{ path: "good?action=sync", apikey: SECRET_KEY, method: "POST", body: "{}" }]);
    await sql`call job_runner.watch('1 year')`;
    expect(await statusOf(name)).toMatchObject({
      state: "succeeded",
      last_result: { status: 200, delivered: 3 },
    });
    const [answer] = await sql`select created from net._http_response order by created desc limit 1`;
    expect((await lastRun(name)).ended_at).toEqual(answer!.created);
  });

  it.each([
    ["bad", 30_000, 'HTTP 500: {"error":"internal","message":"The function failed"}'],
    ["slow", 1_000, "no answer in time"],
  ])("an answer of %s is a failure", async (command, timeout_ms, error) => {
    const name = await makeJob(command, { timeout_ms });
    await sql`call job_runner.run(${name})`;
    await sendQueued(sql);
    await sql`select job_runner.reap_runs()`;
    expect(await lastRun(name)).toMatchObject({ outcome: "failed", error });
  });

  it("a response that never comes, as pg_net loses it in a crash, is a lost run and is requested again", async () => {
    const name = await makeJob("good", { schedule: "0 0 1 1 *", created_at: new Date("2020-01-01") });
    await sql`call job_runner.run(${name})`;
    await sql`truncate net.http_request_queue, net._http_response`;
    await sql`
      update private.job_runs set started_at = now() - interval '2 minutes', ends_by = now() - interval '31 seconds'
      where job_name = ${name}`;
    await sql`call job_runner.watch()`;
    expect(await sendQueued(sql)).toBe(1);
    await sql`call job_runner.watch()`;
    expect(await statusOf(name)).toMatchObject({ state: "succeeded" });
    const runs = await sql`select outcome from private.job_runs where job_name = ${name} order by id`;
    expect(runs.map((run) => run.outcome)).toEqual(["lost", "succeeded"]);
    // The request is not made a third time.
    await sql`call job_runner.watch()`;
    expect(await sendQueued(sql)).toBe(0);
  });

  it("run by hand, a job is queued, and its end is recorded later", async () => {
    const name = await makeJob("good");
    const [row] = await sql`select public.run_job(${name}) as answer`;
    expect(row!.answer).toMatchObject({ success: true, error: null, outcome: null });
    await sendQueued(sql);
    await sql`select job_runner.reap_runs()`;
    expect(await lastRun(name)).toMatchObject({ id: String(row!.answer.run_id), outcome: "succeeded" });
  });

  it("no table or view of the schedule holds the key", async () => {
    const name = await makeJob("good");
    await sql`call job_runner.run(${name})`;
    await sendQueued(sql);
    await sql`select job_runner.reap_runs()`;
    const [row] = await sql`
      select (select string_agg(jobs::text, '') from private.jobs) || (select string_agg(runs::text, '') from private.job_runs as runs)
        || (select string_agg(status::text, '') from public.job_status as status) as text`;
    expect(row!.text).toContain("good");
    expect(row!.text).not.toContain(SECRET_KEY);
  });
});
