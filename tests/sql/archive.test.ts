import type postgres from "postgres";
import { describe, expect, it } from "vitest";

import { createSimulatedDatabase } from "../simulation/database.ts";
import { Ledger, newId } from "./support.ts";

const MINUTES_OF_A_DAY = 1_440;

/** A ledger whose clock is told the day; two users, of whom one is active again 70 days later. */
async function openLedgerOfMonths() {
  const { sql } = await createSimulatedDatabase();
  const ledger = new Ledger(sql);
  const moveTo = (day: number) =>
    sql`select set_config('simulation.minute', ${String(day * MINUTES_OF_A_DAY)}, false)`;
  await moveTo(0);
  await sql`select public.prepare_token_history()`; // The simulation's database begins with one month.
  const [active, gone] = [newId(), newId()];
  for (const user of [active, gone]) {
    await ledger.add(user, 100, newId());
    await ledger.consume(user, 30);
  }
  await moveTo(70);
  await ledger.consume(active, 5);
  return { sql, ledger, moveTo, active, gone };
}

async function archive(sql: postgres.Sql, beforeDay: number) {
  const [row] = await sql`
    select public.archive_token_history((simulation.now() + ${beforeDay} * interval '1 day')::date) as outcome`;
  return row!.outcome;
}

async function problems(sql: postgres.Sql): Promise<unknown[]> {
  return [
    ...await sql`select invariant as problem, user_id from public.verify_token_ledger()`,
    ...await sql`select problem, user_id from public.verify_token_chain()`,
  ];
}

async function monthsOf(sql: postgres.Sql, user: string): Promise<string[]> {
  const rows = await sql`
    select tableoid::regclass::text as month from public.token_balance_history
    where user_id = ${user} order by entry_number`;
  return rows.map(({ month }) => month);
}

describe("the months of the history", () => {
  it("each have a table of their own, which no API role may open", async () => {
    const { sql, active } = await openLedgerOfMonths();
    const months = await monthsOf(sql, active);
    expect(months[0]).toMatch(/^token_history\.month_\d{4}_\d{2}$/);
    expect(months[1]).toBe(months[0]);
    expect(months[2]! > months[0]!).toBe(true);
    const rights = await sql`
      select role from unnest(array['anon', 'authenticated', 'service_role']) as role
      where has_schema_privilege(role, 'token_history', 'usage') or has_table_privilege(role, ${months[
      0
    ]!}, 'select')`;
    expect([...rights]).toEqual([]);
  });

  it("are made ahead of time", async () => {
    const { sql, ledger, moveTo, active } = await openLedgerOfMonths();
    for (const day of [340, 680]) {
      await moveTo(day);
      await sql`select public.prepare_token_history()`;
    }
    await ledger.consume(active, 1);
    expect((await monthsOf(sql, active)).at(-1)).toMatch(/^token_history\.month_/);
  });

  it("lose nothing when they were not made for years, and go on once they are", async () => {
    const { sql, ledger, moveTo, active } = await openLedgerOfMonths();
    await moveTo(800);
    await ledger.consume(active, 1);
    expect((await monthsOf(sql, active)).at(-1)).toBe("token_history.other_months");
    await sql`select public.prepare_token_history()`;
    await ledger.consume(active, 1);
    expect((await monthsOf(sql, active)).at(-1)).toBe("token_history.other_months");
    await moveTo(840);
    await ledger.consume(active, 1);
    expect((await monthsOf(sql, active)).at(-1)).toMatch(/^token_history\.month_/);
    expect(await problems(sql)).toEqual([]);
    expect(await archive(sql, 60)).toMatchObject({ success: false, error: "month_without_partition" });
  });

  it("never put an entry before an older one of its user, whatever the clock does", async () => {
    const { sql, ledger, moveTo, active } = await openLedgerOfMonths();
    await moveTo(0);
    await ledger.consume(active, 1);
    const months = await monthsOf(sql, active);
    expect(months.at(-1)).toBe(months.at(-2));
    expect(await problems(sql)).toEqual([]);
  });
});

describe("archive_token_history", () => {
  it("takes old months out whole, and everything still adds up, before and after new charges", async () => {
    const { sql, ledger, active, gone } = await openLedgerOfMonths();
    const [month] = await monthsOf(sql, active);
    const archived = month!.replace("month_", "archived_month_");
    expect(await archive(sql, 0)).toMatchObject({
      success: true,
      archived: expect.arrayContaining([archived]),
    });
    expect(await monthsOf(sql, gone)).toEqual([]);
    expect(await monthsOf(sql, active)).toHaveLength(1);
    expect((await sql`select from ${sql(archived)} where user_id = ${gone}`).count).toBe(2);
    expect(await problems(sql)).toEqual([]);

    expect(await ledger.consume(gone, 70)).toMatchObject({ success: true, balance: 0 });
    expect(await ledger.consume(active, 1)).toMatchObject({ success: true, balance: 64 });
    expect(await problems(sql)).toEqual([]);
    expect(await archive(sql, 0)).toMatchObject({ success: true, archived: [] });
  });

  it("keeps the ids of grants, so that a webhook that comes months later grants nothing", async () => {
    const { sql, ledger, gone } = await openLedgerOfMonths();
    const [{ request_id }] = await sql`
      select request_id from public.token_balance_history
      where user_id = ${gone} and entry_number = 1` as unknown as [{ request_id: string }];
    await archive(sql, 0);
    expect(await ledger.add(gone, 100, request_id)).toMatchObject({
      success: true,
      duplicate: true,
      balance: 100,
    });
    expect(await problems(sql)).toEqual([]);
  });

  it("leaves the months whose requests may still be retried", async () => {
    const { sql, moveTo } = await openLedgerOfMonths();
    await moveTo(0);
    expect(await archive(sql, 10_000)).toMatchObject({ success: true, archived: [] });
  });

  it.each([
    ["a balance", "balance = balance + 1"],
    ["a number of entries", "entry_number = entry_number + 1"],
    ["a chain", "chain = '\\x00'"],
  ])("makes %s that was altered after archiving show", async (_, change) => {
    const { sql, active, gone } = await openLedgerOfMonths();
    await archive(sql, 0);
    for (const user of [active, gone]) {
      await sql.unsafe(`update token_history.openings set ${change} where user_id = '${user}'`);
    }
    const found = await problems(sql) as { user_id: string }[];
    expect(new Set(found.map(({ user_id }) => user_id))).toEqual(new Set([active, gone]));
  });
});
