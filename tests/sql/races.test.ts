import { afterEach, describe, expect, it } from "vitest";

import {
  add,
  type Call,
  cleanup,
  consume,
  createDatabase,
  type Database,
  hold,
  newId,
  type Outcome,
  race,
  raceAll,
  range,
  release,
  settle,
} from "./support.ts";

const main = await createDatabase();
const { url, sql, ledger } = main;

afterEach(async () => {
  expect(await ledger.problems()).toEqual([]);
  expect(await deadlocks()).toBe(0);
});

async function deadlocks(): Promise<number> {
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql`
    select deadlocks::integer as count from pg_stat_database where datname = current_database()`;
  return row!.count;
}

async function withTokens(tokens: number, { on = ledger } = {}): Promise<string> {
  const user = newId();
  await on.add(user, tokens);
  return user;
}

function count(outcomes: Outcome[], wanted: Partial<Outcome>): number {
  return outcomes.filter((one) =>
    Object.entries(wanted).every(([key, value]) => one[key as keyof Outcome] === value)
  ).length;
}

const NEW = { success: true, duplicate: false } as const;
const DUPLICATE = { success: true, duplicate: true } as const;

/** Several rounds of a race whose order the machine decides, so that each order comes up. */
const ROUNDS = range(12);

describe("hold against hold", () => {
  it("of the same request runs the work once; the losers are told so (mistakes 5, 8)", async () => {
    const user = await withTokens(100);
    const id = newId();
    const outcomes = await raceAll(url, range(20).map(() => hold(user, 10, id)));
    expect(count(outcomes, NEW)).toBe(1);
    expect(count(outcomes, { error: "request_in_progress" })).toBe(19);
    expect(await ledger.balance(user)).toEqual({ balance: 100, held: 10, entries: 1 });
  });

  it("for a request that was taken over makes one attempt 2", async () => {
    for (const end of ["release", "expire"]) {
      const user = await withTokens(10);
      const id = newId();
      await ledger.hold(user, 10, id);
      if (end === "release") await ledger.release(user, id);
      else await ledger.outlive(id);
      const outcomes = await raceAll(url, range(10).map(() => hold(user, 10, id)));
      expect(count(outcomes, { ...NEW, attempt: 2 })).toBe(1);
      expect(count(outcomes, { error: "request_in_progress" })).toBe(9);
      expect(await ledger.balance(user)).toMatchObject({ balance: 10, held: 10 });
    }
  });

  it("on the last tokens reserves no more than there are (mistake 8)", async () => {
    const user = await withTokens(35);
    const outcomes = await raceAll(url, range(20).map(() => hold(user, 10, newId())));
    expect(count(outcomes, NEW)).toBe(3);
    expect(count(outcomes, { error: "insufficient_tokens" })).toBe(17);
  });

  it("of two users with the same id belongs to one of them (mistakes 6, 31)", async () => {
    for (const _ of ROUNDS) {
      const [one, other] = [await withTokens(10), await withTokens(10)];
      const id = newId();
      const outcomes = await raceAll(url, [hold(one, 4, id), hold(other, 4, id)]);
      expect(count(outcomes, NEW)).toBe(1);
      expect(count(outcomes, { error: "idempotency_key_reused", balance: null })).toBe(1);
      const held = (await ledger.balance(one)).held + (await ledger.balance(other)).held;
      expect(held).toBe(4);
    }
  });
});

describe("settle against", () => {
  async function running(tokens = 100) {
    const user = await withTokens(tokens);
    const id = newId();
    await ledger.hold(user, 10, id);
    return { user, id };
  }

  it("settle charges once and answers each the same", async () => {
    const { user, id } = await running();
    const outcomes = await raceAll(url, range(20).map((cost) => settle(user, id, cost + 1)));
    expect(count(outcomes, NEW)).toBe(1);
    expect(count(outcomes, DUPLICATE)).toBe(19);
    expect(new Set(outcomes.map((one) => `${one.charged} ${one.balance}`)).size).toBe(1);
    expect(await ledger.deltas(user)).toHaveLength(2);
  });

  it("settle of unknown usage records one anomaly", async () => {
    const { user, id } = await running();
    await raceAll(url, range(10).map(() => settle(user, id, null)));
    expect(await ledger.anomalies(user)).toHaveLength(1);
  });

  it("release either charges or gives back, never both (mistake 32)", async () => {
    for (const _ of ROUNDS) {
      const { user, id } = await running();
      const [settled, released] = await raceAll(url, [settle(user, id, 4), release(user, id)]);
      expect(settled!.success).toBe(!released!.success);
      expect(await ledger.balance(user)).toMatchObject({ balance: settled!.success ? 96 : 100, held: 0 });
    }
  });

  it("cleanup of an expired hold either charges or refuses (mistake 23)", async () => {
    for (const _ of ROUNDS) {
      const { user, id } = await running();
      await ledger.outlive(id);
      const [settled] = await raceAll(url, [settle(user, id, 4), cleanup(), cleanup()]);
      if (!settled!.success) expect(settled!.error).toBe("hold_not_current");
      expect(await ledger.balance(user)).toMatchObject({ balance: settled!.success ? 96 : 100, held: 0 });
    }
  });

  it("a takeover either charges attempt 1 or fences it off", async () => {
    for (const _ of ROUNDS) {
      const { user, id } = await running();
      await ledger.outlive(id);
      const [settled, taken] = await raceAll(url, [settle(user, id, 4), hold(user, 10, id)]);
      expect(taken).toMatchObject(
        settled!.success ? { ...DUPLICATE, charged: 4 } : { ...NEW, attempt: 2, held: 10 },
      );
      expect(await ledger.balance(user)).toMatchObject(
        settled!.success ? { balance: 96, held: 0 } : { balance: 100, held: 10 },
      );
    }
  });

  it("settle of other requests above their holds never goes below zero", async () => {
    const user = await withTokens(50);
    const ids = range(5).map(newId);
    for (const id of ids) await ledger.hold(user, 8, id);
    const outcomes = await raceAll(url, ids.map((id) => settle(user, id, 40)));
    expect(count(outcomes, NEW)).toBe(5);
    expect(outcomes.map((one) => one.charged).sort((a, b) => a - b)).toEqual([8, 8, 8, 8, 18]);
    expect(await ledger.balance(user)).toMatchObject({ balance: 0, held: 0 });
    expect(await ledger.anomalies(user)).toHaveLength(5);
  });
});

describe("the last tokens", () => {
  it("go to a charge or to a hold, not to both (mistake 8)", async () => {
    for (const _ of ROUNDS) {
      const user = await withTokens(10);
      const outcomes = await raceAll(url, [consume(user, 10, newId()), hold(user, 10, newId())]);
      expect(count(outcomes, NEW)).toBe(1);
      expect(count(outcomes, { error: "insufficient_tokens" })).toBe(1);
    }
  });

  it("and a grant at the same moment add up, whichever comes first", async () => {
    for (const _ of ROUNDS) {
      const user = await withTokens(5);
      const [granted, charged] = await raceAll(url, [add(user, 5, newId()), consume(user, 8, newId())]);
      expect(granted).toMatchObject(NEW);
      expect(await ledger.balance(user)).toMatchObject({ balance: charged!.success ? 2 : 10 });
    }
  });

  it("and an end of a hold at the same moment add up", async () => {
    for (const _ of ROUNDS) {
      const user = await withTokens(10);
      const id = newId();
      await ledger.hold(user, 6, id);
      const [, charged] = await raceAll(url, [release(user, id), consume(user, 10, newId())]);
      expect(await ledger.balance(user)).toMatchObject({ balance: charged!.success ? 0 : 10, held: 0 });
    }
  });
});

describe("cleanups", () => {
  it("at once give each hold back once, and fail none (mistake 23)", async () => {
    const users = await Promise.all(range(20).map(() => withTokens(10)));
    const ids = users.map(newId);
    await Promise.all(users.map((user, index) => ledger.hold(user, 10, ids[index]!)));
    await ledger.outlive(...ids);
    await raceAll(url, [
      ...range(4).map(() => cleanup()),
      ...users.map((user) => consume(user, 10, newId())),
    ]);
    for (const user of users) expect(await ledger.balance(user)).toMatchObject({ balance: 0, held: 0 });
  });

  it("that delete an outcome and a request that reuses its id end well", async () => {
    for (const _ of ROUNDS) {
      const user = await withTokens(100);
      const [settled, released] = [newId(), newId()];
      await ledger.consume(user, 10, settled);
      await ledger.hold(user, 10, released);
      await ledger.release(user, released);
      await ledger.age([settled, released]);
      const outcomes = await raceAll(url, [
        cleanup(),
        consume(user, 10, settled),
        hold(user, 10, released),
      ]);
      expect(outcomes[1]!.success && outcomes[2]!.success).toBe(true);
      expect(await ledger.balance(user)).toMatchObject({
        balance: outcomes[1]!.duplicate ? 90 : 80,
        held: 10,
      });
    }
  });
});

describe("everything at once", () => {
  it("200 operations of every kind on 5 users lose and invent no token (mistake 28)", async () => {
    const users = await Promise.all(range(5).map(() => withTokens(60)));
    const ids = range(30).map(newId);
    let seed = 20_260_101;
    const pick = (limit: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % limit;
    };
    const kinds: ((user: string, id: string, amount: number) => Call)[] = [
      (user, id, amount) => consume(user, amount, id),
      (user, id, amount) => hold(user, amount, id),
      (user, id, amount) => settle(user, id, amount),
      (user, id, amount) => settle(user, id, amount, { p_attempt: 2 }),
      (user, id) => release(user, id),
      (user, _, amount) => consume(user, amount, newId()),
      (user, id, amount) => add(user, amount, id),
      () => cleanup(),
    ];
    let granted = 0;
    let charged = 0;
    for (const _ of range(5)) {
      const calls = range(40).map((index) =>
        kinds[index % kinds.length]!(users[pick(users.length)]!, ids[pick(ids.length)]!, 1 + pick(12))
      );
      for (const [index, outcome] of (await raceAll(url, calls)).entries()) {
        if (!outcome.success || outcome.duplicate) continue;
        if (calls[index]!.name === "add_tokens") granted += outcome.added;
        else charged += outcome.charged;
      }
      await ledger.outlive(...ids.filter((_, index) => index % 7 === 0));
    }
    const [sum] = await sql`
      select sum(balance)::integer as balance from token_balances where user_id in ${sql(users)}`;
    expect(sum!.balance).toBe(5 * 60 + granted - charged);
    expect(charged).toBeGreaterThan(0);
  });

  it("many holds, charges and grants of one user come out to the token", async () => {
    const user = await withTokens(1_000);
    const calls = range(40).map((index) =>
      [consume(user, 3, newId()), hold(user, 2, newId()), add(user, 5, newId())][index % 3]!
    );
    expect(count(await raceAll(url, calls), NEW)).toBe(40);
    expect(await ledger.balance(user)).toEqual({
      balance: 1_000 - 14 * 3 + 13 * 5,
      held: 13 * 2,
      entries: 28,
    });
  });
});

describe("these races catch", () => {
  /** The naive forms of other systems, in a database that is not verified. */
  const NAIVE_SQL = `
    create schema naive;

    create function naive.consume_select_then_insert(p_request_id text, p_user_id uuid, p_token_amount numeric,
      p_operation_type text) returns jsonb language plpgsql as $$
    declare v_balance public.token_balances;
    begin
      if exists (select from public.token_consumption_locks where request_id = p_request_id) then
        return '{"success": true, "duplicate": true}';
      end if;
      update public.token_balances set balance = balance - p_token_amount, entry_count = entry_count + 1
      where user_id = p_user_id and balance >= p_token_amount returning * into v_balance;
      insert into public.token_consumption_locks (request_id, user_id, operation_type, amount, charged,
        balance_after, status, expires_at)
      values (p_request_id, p_user_id, p_operation_type, p_token_amount, p_token_amount, v_balance.balance,
        'settled', now());
      insert into public.token_balance_history (user_id, entry_number, delta, balance_after, created_at, operation_type,
        request_id, chain)
      values (p_user_id, v_balance.entry_count, -p_token_amount, v_balance.balance, now(), p_operation_type,
        p_request_id, '');
      return '{"success": true, "duplicate": false}';
    end $$;

    create function naive.consume_without_lock(p_request_id text, p_user_id uuid, p_token_amount numeric,
      p_operation_type text) returns jsonb language plpgsql as $$
    declare v_available bigint;
    begin
      select balance - held into v_available from public.token_balances where user_id = p_user_id;
      if v_available < p_token_amount then
        return '{"success": false, "duplicate": false, "error": "insufficient_tokens"}';
      end if;
      update public.token_balances set balance = v_available - p_token_amount where user_id = p_user_id;
      return '{"success": true, "duplicate": false}';
    end $$;

    create function naive.settle_without_lock(p_request_id text, p_user_id uuid, p_attempt integer,
      p_token_amount numeric) returns jsonb language plpgsql as $$
    declare v_lock public.token_consumption_locks;
    begin
      select * into v_lock from public.token_consumption_locks where request_id = p_request_id;
      if v_lock.status <> 'held' then return '{"success": true, "duplicate": true}'; end if;
      update public.token_balances
      set balance = balance - p_token_amount, held = greatest(held - v_lock.amount, 0)
      where user_id = p_user_id;
      update public.token_consumption_locks set status = 'settled', charged = p_token_amount
      where request_id = p_request_id;
      return '{"success": true, "duplicate": false}';
    end $$;`;

  const naive: Promise<Database> = createNaive();

  async function createNaive(): Promise<Database> {
    const database = await createDatabase();
    await database.sql.unsafe(NAIVE_SQL);
    return database;
  }

  /** Runs the same race until it goes wrong; what is right never does. */
  async function goesWrong(round: () => Promise<boolean>): Promise<boolean> {
    for (const _ of range(40)) {
      if (await round()) return true;
    }
    return false;
  }

  function renamed(name: string, { args }: Call): Call {
    return { name, args };
  }

  it("a dedupe that selects and then inserts (mistake 5)", async () => {
    const { url, ledger } = await naive;
    const wrong = await goesWrong(async () => {
      const user = await withTokens(100, { on: ledger });
      const call = renamed("naive.consume_select_then_insert", consume(user, 1, newId()));
      const results = await race(url, range(10).map(() => call));
      return results.some((one) => one.status === "rejected");
    });
    expect(wrong).toBe(true);
  });

  it("a charge that does not lock what it read (mistakes 8, 28)", async () => {
    const { url, ledger } = await naive;
    const wrong = await goesWrong(async () => {
      const user = await withTokens(5, { on: ledger });
      const calls = range(10).map(() => renamed("naive.consume_without_lock", consume(user, 1, newId())));
      const outcomes = await raceAll(url, calls);
      return count(outcomes, NEW) > 5 || (await ledger.balance(user)).balance !== 5 - count(outcomes, NEW);
    });
    expect(wrong).toBe(true);
    expect(await ledger.problems()).not.toEqual([]);
  });

  it("a settlement that does not lock the user's row", async () => {
    const { url, ledger } = await naive;
    const wrong = await goesWrong(async () => {
      const user = await withTokens(100, { on: ledger });
      const id = newId();
      await ledger.hold(user, 1, id);
      const calls = range(10).map(() => renamed("naive.settle_without_lock", settle(user, id, 1)));
      return count(await raceAll(url, calls), NEW) > 1;
    });
    expect(wrong).toBe(true);
  });
});
