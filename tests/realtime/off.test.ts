import postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";

import { isFree } from "../../scripts/local/ports.ts";
import { isRealtimeOn } from "../../scripts/local/realtime/switch.ts";
import { findFreePortBase, type Stack, startStack } from "../../scripts/local/stack.ts";

let stack: Stack;

beforeAll(async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-test-" });
  stack = await startStack({
    portBase: await findFreePortBase(),
    dataDir,
    quiet: true,
    fast: true,
    schedule: false,
    realtime: false,
  });
  afterAll(async () => {
    await stack.stop();
    await Deno.remove(dataDir, { recursive: true });
  });
});

it("with Realtime off nothing of it runs, and Postgres writes no more than it did", async () => {
  expect(stack.realtimeUrl).toBeUndefined();
  expect(await isFree(stack.ports.realtime)).toBe(true);
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const [{ wal_level: level }] = await sql<[{ wal_level: string }]>`show wal_level`;
    expect(level).toBe("replica");
    expect(await sql`select from pg_replication_slots`).toHaveLength(0);
    // The schema is there all the same, for the migrations.
    await sql.begin((transaction) =>
      transaction.unsafe(
        "create policy mine on realtime.messages for select using (true); drop policy mine on realtime.messages",
      )
    );
  } finally {
    await sql.end();
  }
});

it("with Realtime off its address is not served, and says so", async () => {
  const answer = await fetch(`${stack.url}/realtime/v1/api/broadcast`, {
    method: "POST",
    headers: { apikey: stack.publishableKey },
    body: "{}",
  });
  expect(answer.status).toBe(404);
  expect((await answer.json()).message).toContain("Realtime is off");
});

it("the environment switches it off", () => {
  const before = Deno.env.get("TESSERA_REALTIME");
  try {
    Deno.env.set("TESSERA_REALTIME", "off");
    expect(isRealtimeOn()).toBe(false);
    Deno.env.set("TESSERA_REALTIME", "maybe");
    expect(() => isRealtimeOn()).toThrow(`TESSERA_REALTIME is "maybe", and may be on or off`);
    Deno.env.delete("TESSERA_REALTIME");
    expect(isRealtimeOn()).toBe(true);
  } finally {
    if (before === undefined) Deno.env.delete("TESSERA_REALTIME");
    else Deno.env.set("TESSERA_REALTIME", before);
  }
});
