import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";

import { findFreePortBase, type Stack, startStack } from "../../../scripts/local/stack.ts";
import { awaitPid } from "../../faults/support/own_stack.ts";

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
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {}, backoff: () => 0.1 });
  afterAll(async () => {
    await sql.end({ timeout: 1 });
    await stack.stop();
    await Deno.remove(dataDir, { recursive: true });
  });
  await sql`create table public.heard (id int primary key)`;
  await sql`grant select on public.heard to anon`;
  await sql`alter publication supabase_realtime add table public.heard`;
});

/** A client that listens to the table, and what the server said. */
function listen() {
  const client = createClient(stack.url, stack.publishableKey, {
    auth: { persistSession: false },
    realtime: { reconnectAfterMs: () => 100 } as never,
  });
  const ids: number[] = [];
  const said: string[] = [];
  client.channel("heard")
    .on("postgres_changes", { event: "*", schema: "public", table: "heard" }, (event) => {
      ids.push((event.new as { id: number }).id);
    })
    .on("system", {}, ({ message }) => said.push(message))
    .subscribe();
  return { client, ids, said };
}

const inserted = (id: number) => sql`insert into public.heard values (${id})`;
const LIMIT = { timeout: 40_000 };

async function isWrittenOnce(): Promise<void> {
  const [found] = await sql`
    select (select count(*)::int from realtime.subscription) as subscriptions,
      (select count(*)::int from pg_replication_slots where slot_name like 'supabase_realtime_replication%') as slots`;
  expect(found).toEqual({ subscriptions: 1, slots: 1 });
}

it("after a crash of Postgres a channel is told that it is subscribed anew, and hears what is committed then", async () => {
  const { client, ids, said } = listen();
  await expect.poll(() => said, LIMIT).toEqual(["Subscribed to PostgreSQL"]);
  await inserted(1);
  await expect.poll(() => ids, LIMIT).toEqual([1]);

  Deno.kill(await awaitPid("postgres", stack.dataDir), "SIGQUIT");
  await expect.poll(() => said.length, LIMIT).toBeGreaterThan(1);
  expect(new Set(said)).toEqual(new Set(["Subscribed to PostgreSQL"]));
  await inserted(2);
  await expect.poll(() => ids, LIMIT).toEqual([1, 2]);
  await isWrittenOnce();
  await client.removeAllChannels();
});

it("after a crash of Realtime a client subscribes again, and nothing is left of before", async () => {
  const { client, ids, said } = listen();
  await expect.poll(() => said, LIMIT).toEqual(["Subscribed to PostgreSQL"]);
  Deno.kill(await awaitPid("realtime", stack.dataDir), "SIGKILL");
  await expect.poll(() => said.length, LIMIT).toBe(2);
  await inserted(3);
  await expect.poll(() => ids, LIMIT).toEqual([3]);
  await isWrittenOnce();
  await client.removeAllChannels();
});

it("a channel that leaves while Postgres is away leaves nothing behind", async () => {
  const [one, other] = [listen(), listen()];
  for (const { said } of [one, other]) await expect.poll(() => said.length, LIMIT).toBe(1);
  Deno.kill(await awaitPid("postgres", stack.dataDir), "SIGQUIT");
  await other.client.removeAllChannels();
  await expect.poll(() => one.said.length, LIMIT).toBeGreaterThan(1);
  await inserted(4);
  await expect.poll(() => one.ids, LIMIT).toEqual([4]);
  await expect.poll(() => isWrittenOnce().then(() => true, () => false), LIMIT).toBe(true);
  expect(other.ids).toEqual([]);
  await one.client.removeAllChannels();
});
