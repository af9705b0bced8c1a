import { createServer, type Socket } from "node:net";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { delay, isAlive } from "../../scripts/local/process_ids.ts";
import { needing } from "../support/needs.ts";
import {
  type Command,
  finish,
  isAllFree,
  newPlace,
  type Place,
  runScript,
  signUp,
  until,
} from "./helpers.ts";

const PATH = Deno.env.get("PATH");

/** One for all: the first start makes its files, which the other tests need not. */
let place: Place;
let started: Command[] = [];

beforeAll(async () => {
  place = await newPlace();
});

beforeEach(() => {
  started = [];
});

afterEach(async () => {
  await finish(runScript("stop", place));
  for (const command of started) await command.ended;
  expect(await isAllFree(place.ports)).toBe(true);
});

afterAll(() => place.remove());

function start(at = place): Command {
  const command = runScript("start", at);
  started.push(command);
  return command;
}

async function startAndWait(): Promise<Command> {
  const command = start();
  await until("the stack is ready", () => {
    if (/Cannot|error/.test(command.printed)) throw new Error(command.printed);
    return command.printed.includes("is ready after");
  });
  return command;
}

async function status(): Promise<Record<string, string>> {
  const { code, printed } = await finish(runScript("status", place));
  if (code !== 0) return {};
  return Object.fromEntries(
    printed.trim().split("\n").map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]),
  );
}

test("status fails before a start, and prints every address and key of a running stack", async () => {
  const before = await finish(runScript("status", place));
  expect(before.code).toBe(1);
  expect(before.printed).toContain("No stack is running");

  const command = await startAndWait();
  const values = await status();
  expect(Object.keys(values)).toEqual([
    "SUPABASE_URL",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_SECRET_KEY",
    "DATABASE_URL",
    "STUDIO_URL",
    "REALTIME_URL",
  ]);
  for (const value of Object.values(values)) expect(command.printed).toContain(value);
  expect((await Deno.stat(`${place.dataDir}/secrets.json`)).mode! & 0o777).toBe(0o600);

  const second = await finish(runScript("start", place));
  expect(second.code).toBe(1);
  expect(second.printed).toContain("already runs");
  expect(await status()).toEqual(values);

  command.kill("SIGINT");
  expect(await command.ended).toBe(0);
  expect(await isAllFree(place.ports)).toBe(true);
  expect(await status()).toEqual({});
});

test("the commands that start prints give a metered answer, which says what it cost", async () => {
  const introduced = async () => {
    const command = await startAndWait();
    await until("the first call is told", () => /meal-analyzer.*\n/.test(command.printed));
    return command;
  };
  const first = await introduced();
  expect(first.printed).toMatch(/AI models +the demo model/);
  const pasted = /^ {2}TOKEN=[^]*?\n {2}curl .*$/m.exec(first.printed)![0];
  const answer = async () => {
    const options = { args: ["--noprofile", "--norc", "-c", pasted], clearEnv: true, env: { PATH: PATH! } };
    const { stdout } = await new Deno.Command("bash", options).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  };
  const { data, usage } = await answer();
  expect(data.dishes.length).toBeGreaterThan(0);
  expect(usage).toMatchObject({ charged: expect.any(Number), balance: 1_000 - usage.charged });
  expect(usage.charged).toBeGreaterThan(0);

  // The functions' counts are written before the processes end through which they reach the database.
  await finish(runScript("stop", place));
  await first.ended;
  expect(first.printed).not.toMatch(/"level":"(warning|error)"/);
  expect((await introduced()).printed).toContain(`the demo user, who has ${usage.balance} tokens`);
});

test("the demo's story comes true on a running stack, and fails with what to do without one", async () => {
  const alone = await finish(runScript("demo", place));
  expect(alone.code).toBe(1);
  expect(alone.printed).toContain("deno task start");

  await startAndWait();
  const { code, printed } = await finish(runScript("demo", place));
  expect({ code, printed }).toEqual({ code: 0, printed });
  expect(printed).toMatch(/heard live: 100, \d+, 97 available +97$/m);
  expect(printed).toMatch(/^Refund the meal .* 3 +100$/m);
  expect(printed).toMatch(/^2 seconds later +the gift is over +-20 +100$/m);
  expect(printed).toMatch(/verify_token_ledger\(\)\s+0 rows/);
});

test("a made-up community comes and goes, and the story of two users in a room comes true", async () => {
  await startAndWait();
  const { code, printed: story } = await finish(runScript("demo", place, "community"));
  expect({ code, story }).toEqual({ code: 0, story });
  expect(story).toMatch(/^Ben reacts with .* Ada hears of it$/m);
  expect(story).toMatch(
    /^Ada writes again .* Ben: no topic, no message, and the old code is no way back$/m,
  );

  const printed = async (...args: string[]) => (await finish(runScript("seed", place, ...args))).printed;
  expect(await printed()).toMatch(/^New: 30 people, 12 salons, 5000 messages$/m);
  expect(await printed()).toMatch(/^New: 0 people, 0 salons, 0 messages$/m);
  expect(await printed("chat", "--messages", "40")).toBe("Written: 40 messages\n");

  const sql = postgres((await status()).DATABASE_URL!, { max: 1 });
  try {
    const [counts] = await sql`
      select (select count(*)::int from chat_messages join private.salon_streams using (salon_id) where seq <= last_seq)
          as messages,
        (select count(*)::int from chat_messages as one join chat_messages as other on other.id = one.reply_to_id
          where other.salon_id = one.salon_id and other.seq < one.seq and other.user_id = one.reply_to_user_id) as answers,
        (select count(*)::int from message_reactions) as reactions,
        (select count(*)::int from salon_members join auth.users on users.id = user_id
          where email = 'demo@example.com') as demo_salons`;
    expect(counts!.messages).toBe(5_042);
    expect(counts!.answers).toBeGreaterThan(500);
    expect(counts!.reactions).toBeGreaterThan(500);
    expect(counts!.demo_salons).toBe(3);
    expect(await sql`select * from verify_community()`).toEqual([]);

    expect(await printed("--clean")).toBe(
      "Deleted: 30 people, 12 salons and what was written there\n",
    );
    expect(await sql`select content from chat_messages`).toHaveLength(2);
    expect(await sql`select email from auth.users where email like '%@seed.example'`).toEqual([]);
    expect(await sql`select * from verify_community()`).toEqual([]);
  } finally {
    await sql.end();
  }
  const late = await finish(runScript("seed", place, "chat"));
  expect(late).toMatchObject({ code: 1, printed: expect.stringContaining("deno task seed makes them") });
});

test("a second start finds the data, and stop ends everything", async () => {
  await startAndWait();
  const values = await status();
  const { email } = await signUp(values.SUPABASE_URL!, values.SUPABASE_PUBLISHABLE_KEY!);
  const stopped = await finish(runScript("stop", place));
  expect(stopped).toEqual({ code: 0, printed: "Stopped\n" });
  expect(await isAllFree(place.ports)).toBe(true);

  await startAndWait();
  expect(await status()).toEqual(values);
  const response = await fetch(`${values.SUPABASE_URL}/auth/v1/token?grant_type=password`, {
    method: "POST",
    headers: { apikey: values.SUPABASE_PUBLISHABLE_KEY!, "content-type": "application/json" },
    body: JSON.stringify({ email, password: "correct horse" }),
  });
  expect(response.status).toBe(200);
  await response.body?.cancel();
});

test("a killed supervisor takes every process with it, and the next start finds the data", async () => {
  const command = await startAndWait();
  const values = await status();
  command.kill("SIGKILL");
  await command.ended;
  await until("every process is gone", () => isAllFree(place.ports), 10_000);
  expect(await status()).toEqual({});

  const next = await startAndWait();
  expect(await status()).toEqual(values);
  next.kill("SIGKILL");
  await next.ended;
  expect((await finish(runScript("stop", place))).printed).toContain(
    "Ended processes that a killed stack had left running",
  );
  expect(await isAllFree(place.ports)).toBe(true);
});

test("an orphaned Postgres is stopped at the next start", async () => {
  const command = await startAndWait();
  const { childPids, pgdata } = JSON.parse(await Deno.readTextFile(`${place.dataDir}/state.json`));
  const postgresPid = Number((await Deno.readTextFile(`${pgdata}/postmaster.pid`)).split("\n")[0]);
  for (const pid of [command.pid, ...childPids]) Deno.kill(pid, "SIGKILL");
  await command.ended;
  expect(isAlive(postgresPid)).toBe(true);
  expect((await startAndWait()).printed).toContain("Ended processes that an earlier start had left running");
  expect(isAlive(postgresPid)).toBe(false);
});

test.each([100, 700, 1_400])("a Ctrl-C %i ms into a first start leaves nothing behind", async (waitMs) => {
  const empty = await newPlace();
  const command = start(empty);
  await delay(waitMs);
  command.kill("SIGINT");
  expect(await command.ended).not.toBe(1);
  expect(await isAllFree(empty.ports)).toBe(true);
  expect((await finish(runScript("stop", empty))).printed).toBe("Nothing was running\n");
  await empty.remove();
});

test("a port that is taken is named, with its purpose, its holder and the fix", async () => {
  const holder = createServer().listen(place.ports.postgres, "127.0.0.1");
  await new Promise((resolve) => holder.once("listening", resolve));
  const { code, printed } = await finish(start());
  await new Promise((resolve) => holder.close(resolve));
  expect(code).toBe(1);
  expect(printed).toContain(`port ${place.ports.postgres} (Postgres) is taken`);
  expect(printed).toMatch(/TESSERA_PORT_BASE=\d+ deno task start/);
  if (Deno.build.os === "linux") expect(printed).toContain(`(pid ${Deno.pid})`);
});

test("so is a connection that uses the port", await needing("linux"), async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = silent.address() as { port: number };
  const connected = new Promise<Socket>((resolve) => silent.once("connection", resolve));
  const curl = new Deno.Command("curl", {
    args: ["-s", "--local-port", String(place.ports.demoModel), `http://127.0.0.1:${port}/`],
    stdout: "null",
  }).spawn();
  const socket = await connected;
  const { code, printed } = await finish(start());
  socket.destroy(); // This side ends it: a port that ended its connection is not free for a minute.
  await curl.status;
  await new Promise((resolve) => silent.close(resolve));
  expect({ code, printed }).toEqual({
    code: 1,
    printed: expect.stringContaining(`is taken by a connection of curl (pid ${curl.pid})`),
  });
});
