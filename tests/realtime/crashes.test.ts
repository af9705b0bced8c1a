import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";

import { findFreePortBase, type Stack, startStack } from "../../scripts/local/stack.ts";
import { inbox, newTopic } from "./support/clients.ts";

// deno-lint-ignore no-explicit-any -- a payload is what its sender says
type Heard = any;

let stack: Stack;
let sql: postgres.Sql;

beforeAll(async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-test-" });
  stack = await startStack({
    portBase: await findFreePortBase(),
    dataDir,
    quiet: true,
    fast: true,
    schedule: false,
  });
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  afterAll(async () => {
    await sql.end({ timeout: 1 });
    await stack.stop();
    await Deno.remove(dataDir, { recursive: true });
  });
});

/** A client that listens to a public topic, and what became of its channel. */
function listen(topic: string) {
  const client = createClient(stack.url, stack.publishableKey, {
    auth: { persistSession: false },
    realtime: { reconnectAfterMs: () => 100 } as never,
  });
  const [heard, statuses] = [inbox<Heard>(), inbox<string>()];
  client.channel(topic).on("broadcast", { event: "*" }, heard.add).subscribe((status) =>
    statuses.add(status)
  );
  return { client, heard, statuses };
}

/** Sends from the database until it is heard: what is committed while nobody follows is not told, as hosted. */
async function sendUntilHeard(topic: string, heard: ReturnType<typeof inbox<Heard>>): Promise<void> {
  const before = heard.items.length;
  const end = Date.now() + 30_000;
  while (heard.items.length === before) {
    if (Date.now() > end) throw new Error("nothing is heard from the database again");
    await sql`select realtime.send('{}', 'again', ${topic}, false)`.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function pidOf(name: string): number {
  const state = JSON.parse(Deno.readTextFileSync(`${stack.dataDir}/state.json`));
  const found = (state.childPids as number[]).find((pid) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(name);
    } catch {
      return false; // It has just ended.
    }
  });
  if (!found) throw new Error(`${name} does not run`);
  return found;
}

it("after a crash of Realtime clients are there again, and hear each other and the database", async () => {
  const topic = newTopic();
  const { client, heard, statuses } = listen(topic);
  expect(await statuses.next()).toBe("SUBSCRIBED");
  await sendUntilHeard(topic, heard);

  const pid = pidOf("realtime/main.ts");
  Deno.kill(pid, "SIGKILL");
  while (await statuses.next("the channel to be joined again") !== "SUBSCRIBED");
  expect(pidOf("realtime/main.ts")).not.toBe(pid);
  await sendUntilHeard(topic, heard);
  await client.removeAllChannels();
});

it("after a crash of Postgres channels stay, and hear the database again", async () => {
  const topic = newTopic();
  const { client, heard, statuses } = listen(topic);
  expect(await statuses.next()).toBe("SUBSCRIBED");
  await sendUntilHeard(topic, heard);

  const pid = Number((await Deno.readTextFile(await pidFile())).split("\n")[0]);
  Deno.kill(pid, "SIGKILL");
  await sendUntilHeard(topic, heard);
  expect(statuses.items).toEqual(["SUBSCRIBED"]);
  await client.removeAllChannels();
});

it("no slot outlives its follower", async () => {
  Deno.kill(pidOf("realtime/main.ts"), "SIGKILL");
  const end = Date.now() + 20_000;
  for (;;) {
    const slots = await sql`select slot_name, temporary, active from pg_replication_slots`;
    expect(
      slots.filter(({ slot_name, temporary }) => slot_name.startsWith("supabase_realtime") && !temporary),
    ).toEqual([]);
    if (
      slots.some(({ slot_name }) => slot_name.startsWith("supabase_realtime_messages")) &&
      Date.now() > end - 19_000
    ) {
      break;
    }
    if (Date.now() > end) throw new Error("it does not follow again");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

async function pidFile(): Promise<string> {
  const state = JSON.parse(await Deno.readTextFile(`${stack.dataDir}/state.json`));
  return `${state.pgdata}/postmaster.pid`;
}
