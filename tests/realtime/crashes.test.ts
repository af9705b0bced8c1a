import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";

import { findFreePortBase, type Stack, startStack } from "../../scripts/local/stack.ts";
import { awaitPid, pidOf, type Victim } from "../faults/support/own_stack.ts";
import { inbox, newTopic } from "./support/clients.ts";

// deno-lint-ignore no-explicit-any -- a payload is what its sender says
type Heard = any;

const LIMIT = { timeout: 40_000 };

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
  const end = Date.now() + LIMIT.timeout;
  while (heard.items.length === before) {
    if (Date.now() > end) throw new Error("nothing is heard from the database again");
    await sql`select realtime.send('{}', 'again', ${topic}, false)`.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Kills a part of the stack, and waits until there is another one in its place. */
async function crash(victim: Victim): Promise<void> {
  const pid = await awaitPid(victim, stack.dataDir);
  Deno.kill(pid, "SIGKILL");
  await expect.poll(() => pidOf(victim, stack.dataDir), LIMIT)
    .toSatisfy((now) => now !== undefined && now !== pid);
}

it("after a crash of Realtime clients are there again, and hear each other and the database", async () => {
  const topic = newTopic();
  const { client, heard, statuses } = listen(topic);
  expect(await statuses.next()).toBe("SUBSCRIBED");
  await sendUntilHeard(topic, heard);

  await crash("realtime");
  while (await statuses.next("the channel to be joined again") !== "SUBSCRIBED");
  await sendUntilHeard(topic, heard);
  await client.removeAllChannels();
});

it("after a crash of Postgres channels stay, and hear the database again", async () => {
  const topic = newTopic();
  const { client, heard, statuses } = listen(topic);
  expect(await statuses.next()).toBe("SUBSCRIBED");
  await sendUntilHeard(topic, heard);

  await crash("postgres");
  await sendUntilHeard(topic, heard);
  expect(statuses.items).toEqual(["SUBSCRIBED"]);
  await client.removeAllChannels();
});

it("no slot outlives its follower", async () => {
  const slots = async () => {
    const rows = await sql<{ name: string; temporary: boolean; active: boolean }[]>`
      select slot_name as name, temporary, active from pg_replication_slots
      where slot_name like 'supabase_realtime%'`;
    return {
      isFollowed: rows.some(({ name, active }) => name.startsWith("supabase_realtime_messages") && active),
      kept: rows.filter(({ temporary }) => !temporary).map(({ name }) => name),
    };
  };
  await crash("realtime");
  await expect.poll(slots, LIMIT).toEqual({ isFollowed: true, kept: [] });
});
