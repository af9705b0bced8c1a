import postgres from "postgres";
import { describe, expect, it } from "vitest";

import { createSimulatedDatabase } from "../simulation/database.ts";
import { Ledger, newId, until } from "./support.ts";

const MINUTES_OF_A_DAY = 1_440;

/** A ledger with a settable clock; two users, of whom one is active again 70 days later. */
async function openLedgerOfMonths() {
  const { url, sql } = await createSimulatedDatabase();
  const ledger = new Ledger(sql);
  const moveTo = (day: number) =>
    sql`select set_config('simulation.minute', ${String(day * MINUTES_OF_A_DAY)}, false)`;
  await moveTo(0);
  await sql`select private.prepare_token_history()`; // The simulation's database begins with one month.
  const [active, gone] = [newId(), newId()];
  for (const user of [active, gone]) {
    await ledger.add(user, 100, newId());
    await ledger.consume(user, 30);
  }
  await moveTo(70);
  await ledger.consume(active, 5);
  return { url, sql, ledger, moveTo, active, gone };
}

async function archive(sql: postgres.Sql, beforeDay: number) {
  const [row] = await sql`
    select private.archive_token_history((simulation.now() + ${beforeDay} * interval '1 day')::date) as outcome`;
  return row!.outcome;
}

/** Month after month, as it is to be called; the names of the tables. */
async function archiveAll(sql: postgres.Sql, beforeDay: number): Promise<string[]> {
  const archived: string[] = [];
  for (let isDone = false; !isDone;) {
    const outcome = await archive(sql, beforeDay);
    expect(outcome).toMatchObject({ success: true, error: null });
    archived.push(...outcome.archived);
    isDone = outcome.is_done;
  }
  return archived;
}

async function problems(sql: postgres.Sql): Promise<unknown[]> {
  return [
    ...await sql`select invariant as problem, user_id from public.verify_token_ledger()`,
    ...await sql`select problem, user_id from public.verify_token_chain()`,
  ];
}

async function split(sql: postgres.Sql) {
  const [row] = await sql`select private.split_other_months() as outcome`;
  return row!.outcome;
}

/** Does something while a statement waits for a lock that another transaction has; it may wait for nothing itself. */
async function whileWaiting(
  url: string,
  day: number,
  blocking: string,
  statements: string[],
  act: (sql: postgres.Sql) => Promise<void>,
): Promise<void> {
  const connect = (options: postgres.Options<Record<string, never>> = {}) =>
    postgres(url, {
      max: 1,
      onnotice: () => {},
      ...options,
      connection: { "simulation.minute": String(day * MINUTES_OF_A_DAY), ...options.connection },
    });
  const [blocker, waiter, other] = [connect(), connect(), connect({ connection: { lock_timeout: 300 } })];
  try {
    await blocker.unsafe(`begin; ${blocking}`);
    const [{ pid }] = await waiter`select pg_backend_pid() as pid` as unknown as [{ pid: number }];
    const waiting = (async () => {
      for (const statement of statements) await waiter.unsafe(statement).catch(() => {});
    })();
    await until(async () =>
      (await other`select from pg_locks where pid = ${pid} and not granted`).length > 0
    );
    await act(other);
    await blocker`rollback`;
    await waiting;
  } finally {
    await Promise.all([blocker, waiter, other].map((one) => one.end({ timeout: 1 })));
  }
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

  it("are created ahead of time", async () => {
    const { sql, ledger, moveTo, active } = await openLedgerOfMonths();
    for (const day of [340, 680]) {
      await moveTo(day);
      await sql`select private.prepare_token_history()`;
    }
    await ledger.consume(active, 1);
    expect((await monthsOf(sql, active)).at(-1)).toMatch(/^token_history\.month_/);
  });

  it("lose nothing if they were not created for years, and continue once they are", async () => {
    const { sql, ledger, moveTo, active } = await openLedgerOfMonths();
    await moveTo(800);
    await ledger.consume(active, 1);
    expect((await monthsOf(sql, active)).at(-1)).toBe("token_history.other_months");
    await sql`select private.prepare_token_history()`;
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

/** Entries in other_months, of two months that were not made, and the months after them. */
async function openLedgerWithoutMonths() {
  const months = await openLedgerOfMonths();
  const { ledger, moveTo, active } = months;
  for (const day of [800, 840]) {
    await moveTo(day);
    for (const amount of [1, 2]) await ledger.consume(active, amount);
  }
  return months;
}

describe("split_other_months", () => {
  it("waits until the month is over while its entries still arrive there", async () => {
    const { sql } = await openLedgerWithoutMonths();
    await sql`select private.prepare_token_history()`;
    expect(await split(sql)).toMatchObject({ success: false, error: "month_not_over" });
  });

  it("gives each entry a partition of its month, after which they can be archived", async () => {
    const { sql, ledger, moveTo, active } = await openLedgerWithoutMonths();
    await sql`select private.prepare_token_history()`;
    await moveTo(900);
    await ledger.consume(active, 1);
    const before = await ledger.snapshot(active);
    expect(await archive(sql, 0)).toMatchObject({ success: false, error: "month_without_partition" });

    expect(await split(sql)).toMatchObject({
      success: true,
      entries: 4,
      months: [expect.anything(), expect.anything()],
    });
    expect(await ledger.snapshot(active)).toEqual(before);
    for (const month of await monthsOf(sql, active)) expect(month).toMatch(/^token_history\.month_/);
    expect(await problems(sql)).toEqual([]);
    await expect(sql.unsafe(`delete from ${(await monthsOf(sql, active))[2]!}`)).rejects.toMatchObject({
      code: "42501",
    });
    const [comment] = await sql`select obj_description('token_history.other_months'::regclass) as it`;
    expect(comment!.it).toMatch(/no partition/);
    expect(await split(sql)).toMatchObject({ success: true, entries: 0, months: [] });

    expect((await archiveAll(sql, 0)).length).toBeGreaterThan(3);
    await ledger.consume(active, 1);
    expect(await problems(sql)).toEqual([]);
    await moveTo(1_400);
    await ledger.consume(active, 1);
    expect((await monthsOf(sql, active)).at(-1)).toBe("token_history.other_months");
  });

  it("does not block charges while it copies", async () => {
    const { url, sql, moveTo, active } = await openLedgerWithoutMonths();
    await sql`select private.prepare_token_history()`;
    await moveTo(900);
    // A name that is being made elsewhere: the second copy waits for it.
    const [month] = await sql`
      select to_char(max(created_at at time zone 'UTC'), '"month_"YYYY_MM') as name from token_history.other_months`;
    await whileWaiting(
      url,
      900,
      `create table token_history.${month!.name} ()`,
      ["select private.split_other_months()"],
      async (other) => {
        expect(await new Ledger(other).consume(active, 1)).toMatchObject({ success: true });
      },
    );
  });
});

describe("prepare_token_history", () => {
  it("reads at most 16 MiB of entries with their table locked, unless it may block", async () => {
    const { sql, ledger, moveTo, active } = await openLedgerWithoutMonths();
    await moveTo(840);
    await sql`
      select consume_tokens_atomic(number::text, ${active}, 1, 'x', jsonb_build_object('text', repeat(md5(number::text), 60)))
      from generate_series(1, 40) as number`;
    await sql.unsafe("alter table token_history.other_months set (fillfactor = 10)");
    await sql`select add_tokens(${active}, 1000000, 'test')`;
    await sql`
      select consume_tokens_atomic('b' || number, ${active}, 1, 'x',
        jsonb_build_object('text', (select string_agg(md5(number || ' ' || part), '') from generate_series(1, 50) as part)))
      from generate_series(1, 2200) as number`;
    const prepare = async (more = "") =>
      (await sql.unsafe(`select private.prepare_token_history(${more}) as it`))[0]!.it;
    expect(await prepare()).toMatchObject({ success: false, error: "other_months_too_large", prepared: 0 });
    expect(await prepare("p_may_block => true")).toMatchObject({ success: true, prepared: 12 });
    await moveTo(900);
    expect(await split(sql)).toMatchObject({ success: true });
    expect(await prepare()).toMatchObject({ success: true });
    expect(await problems(sql)).toEqual([]);
    await ledger.consume(active, 1);
  });
});

describe("archive_token_history", () => {
  it.each([
    [
      "sums up a month",
      (user: string) => `insert into token_history.openings values ('${user}', 1, 1, 1, '')`,
    ],
    ["notes where the history begins", () => "select from private.token_settings for update"],
  ])("does not block charges while it %s", async (_, blocking) => {
    const { url, sql, ledger, moveTo, active } = await openLedgerOfMonths();
    const late = newId(); // In the second month alone, so that the first one is taken out by then.
    await moveTo(35);
    await ledger.add(late, 10);
    await moveTo(100);
    const archiveOnce = "select private.archive_token_history((simulation.now())::date)";
    await whileWaiting(url, 100, blocking(late), [archiveOnce, archiveOnce, archiveOnce], async (other) => {
      expect(await new Ledger(other).consume(active, 1)).toMatchObject({ success: true });
    });
    await sql`select private.prepare_token_history()`;
    expect(await problems(sql)).toEqual([]);
  });

  it("removes complete old months, and all sums still match, before and after new charges", async () => {
    const { sql, ledger, active, gone } = await openLedgerOfMonths();
    const [month] = await monthsOf(sql, active);
    const archived = month!.replace("month_", "archived_month_");
    expect(await archive(sql, 0)).toMatchObject({ success: true, archived: [archived], is_done: false });
    expect((await archiveAll(sql, 0)).length).toBeGreaterThan(0);
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
    await archiveAll(sql, 0);
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
    await archiveAll(sql, 0);
    for (const user of [active, gone]) {
      await sql.unsafe(`update token_history.openings set ${change} where user_id = '${user}'`);
    }
    const found = await problems(sql) as { user_id: string }[];
    expect(new Set(found.map(({ user_id }) => user_id))).toEqual(new Set([active, gone]));
  });
});
