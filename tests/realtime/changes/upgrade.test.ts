import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, expect, it } from "vitest";

import { findFreePortBase, type Stack, startStack } from "../../../scripts/local/stack.ts";

const dataDir = await Deno.makeTempDir({ prefix: "tessera-test-" });
let stack: Stack | undefined;
afterAll(async () => {
  await stack?.stop();
  await Deno.remove(dataDir, { recursive: true });
});

const start = async (realtime: boolean) =>
  stack = await startStack({
    portBase: await findFreePortBase(),
    dataDir,
    quiet: true,
    fast: true,
    schedule: false,
    realtime,
  });

it("a data folder from before there was Realtime has it after the next start", async () => {
  const before = await start(false);
  const old = postgres(before.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  const [{ level }] = await old`select current_setting('wal_level') as level` as unknown as [
    { level: string },
  ];
  expect(level).toBe("replica");
  await old.unsafe(`
    drop publication supabase_realtime;
    drop schema realtime cascade;
    create table public.kept (id int primary key);
    alter table public.kept owner to postgres;
    grant select on public.kept to anon;
    insert into public.kept values (1);
    comment on database postgres is 'tessera local stack 1, lite 0.10.0'`);
  await old.end();
  await before.stop();

  const after = await start(true);
  const sql = postgres(after.databaseUrl, { max: 1, onnotice: () => {} });
  expect([...await sql`select id, current_setting('wal_level') as level from public.kept`])
    .toEqual([{ id: 1, level: "logical" }]);
  await sql`alter publication supabase_realtime add table public.kept`;
  const client = createClient(after.url, after.publishableKey, { auth: { persistSession: false } });
  const ids: number[] = [];
  const said: string[] = [];
  client.channel("kept")
    .on("postgres_changes", { event: "INSERT", schema: "public", table: "kept" }, ({ new: row }) => {
      ids.push(row.id);
    })
    .on("system", {}, ({ message }) => said.push(message))
    .subscribe();
  await expect.poll(() => said, { timeout: 30_000 }).toEqual(["Subscribed to PostgreSQL"]);
  await sql`insert into public.kept values (2)`;
  await expect.poll(() => ids, { timeout: 30_000 }).toEqual([2]);
  await client.removeAllChannels();
  await sql.end();
});
