import { describe, expect, it } from "vitest";

import { runSupabaseCli } from "../../scripts/local/migrate.ts";
import { stack } from "../support/stack.ts";
import { createDatabase, newId } from "./support.ts";

interface Finding {
  name: string;
  level: string;
  detail: string;
}

/** What the Supabase CLI's own advisors say of a database, of every kind and level. */
async function advise(url: string): Promise<Finding[]> {
  const printed = await runSupabaseCli(
    [
      "db",
      "advisors",
      "--db-url",
      `${url}?sslmode=disable`,
      "--type",
      "all",
      "--level",
      "info",
      "--agent",
      "no",
    ],
    stack.dataDir,
  );
  return JSON.parse(/^\[[\s\S]*\]/m.exec(printed)?.[0] ?? "[]");
}

/** A database that was in use: an index that nothing uses is a finding. */
async function createUsedDatabase() {
  const database = await createDatabase();
  const { sql, ledger } = database;
  const user = newId();
  await ledger.add(user, 1_000);
  await sql`
    select add_tokens(user_id, 100, 'test'), consume_tokens_atomic(user_id::text, user_id, 1, 'meal-analyzer')
    from (select gen_random_uuid() as user_id from generate_series(1, 4000)) as users`;
  await sql`
    select hold_tokens(gen_random_uuid()::text, ${user}, 1, 'meal-analyzer') from generate_series(1, 50)`;
  await sql.unsafe("analyze");
  await ledger.hold(user, 2_000, newId());
  await ledger.cleanup();
  await sql.begin(async (transaction) => {
    await transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: user })}, true)`;
    await transaction`set local role authenticated`;
    for (
      const table of ["token_balances", "token_balance_history", "token_consumption_locks", "token_anomalies"]
    ) {
      await transaction`select * from ${transaction(table)}`;
    }
  });
  await sql`select pg_stat_force_next_flush()`;
  return database;
}

describe("supabase db advisors", () => {
  it("finds nothing on a database that was in use", async () => {
    const { url } = await createUsedDatabase();
    expect(await advise(url)).toEqual([]);
  });

  it("finds nothing but unused indexes on a database that nobody has used yet", async () => {
    const { url } = await createDatabase();
    expect((await advise(url)).filter((one) => one.name !== "unused_index")).toEqual([]);
  });

  it("would find a table without row level security, a mutable search_path and a needless index", async () => {
    const { url, sql } = await createDatabase();
    await sql.unsafe(`
      create table public.forgotten (id bigint primary key);
      grant select on public.forgotten to anon;
      create function public.hijackable() returns integer language sql as 'select 1';
      create index needless on public.token_balances (updated_at);`);
    const names = (await advise(url)).map((one) => one.name);
    expect(names).toEqual(
      expect.arrayContaining(["rls_disabled_in_public", "function_search_path_mutable", "unused_index"]),
    );
  });
});
