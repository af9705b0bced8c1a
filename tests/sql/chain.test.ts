import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { createDatabase, type Ledger, newId, run } from "./support.ts";

const { sql, ledger } = await createDatabase();

/** A user with five entries. */
async function withHistory(ledger: Ledger): Promise<string> {
  const user = newId();
  await ledger.add(user, 100);
  for (const amount of [1, 2, 3]) await ledger.consume(user, amount);
  await ledger.add(user, 10);
  return user;
}

/** Changes the history as only a superuser can. */
async function tamper(change: string): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction.unsafe("alter table public.token_balance_history disable trigger user");
    await transaction.unsafe(change);
    await transaction.unsafe("alter table public.token_balance_history enable trigger user");
  });
}

async function problemsOf(user: string, database = sql): Promise<{ entry: number; problem: string }[]> {
  const rows = await database`
    select entry_number::integer as entry, problem from public.verify_token_chain()
    where user_id = ${user} order by entry_number`;
  return rows.map(({ entry, problem }) => ({ entry, problem }));
}

const ALTERED = "it or the entry before it was changed";

describe("the chain of a history", () => {
  it("is whole whichever way the entries came, alone, in two phases or in batches", async () => {
    const user = await withHistory(ledger);
    const id = newId();
    await ledger.hold(user, 20, id);
    await ledger.settle(user, id, 7);
    const batch = [1, 2, 3].map((token_amount) => ({
      request_id: newId(),
      user_id: user,
      token_amount,
      operation_type: "batch",
      metadata: { quote: `it's "one"` },
    }));
    await run(sql, { name: "consume_tokens_batch", args: { p_requests: batch } });
    expect(await ledger.deltas(user)).toHaveLength(9);
    expect(await problemsOf(user)).toEqual([]);
  });

  it.each([
    ["an amount", "delta = -3"],
    ["a balance", "balance_after = balance_after + 1"],
    ["a time", "created_at = created_at - interval '1 microsecond'"],
    ["an operation", "operation_type = 'other'"],
    ["a request", "request_id = 'other'"],
    ["a reason", `metadata = '{"reason":"gift"}'`],
  ])("names the entry in which %s was altered", async (_, change) => {
    const user = await withHistory(ledger);
    await tamper(
      `update public.token_balance_history set ${change} where user_id = '${user}' and entry_number = 3`,
    );
    expect(await problemsOf(user)).toEqual([{ entry: 3, problem: ALTERED }]);
  });

  it("is written by post_token_entry, and beside it by the two charges in one step alone", async () => {
    const writers = await sql`
      select proname as name from pg_proc
      where prosrc ~* 'insert\\s+into\\s+public\\.token_balance_history' order by proname`;
    expect(writers.map(({ name }) => name)).toEqual([
      "consume_tokens_atomic",
      "consume_tokens_batch",
      "post_token_entry",
    ]);
  });

  it("names the place where an entry was removed", async () => {
    const user = await withHistory(ledger);
    await tamper(`delete from public.token_balance_history where user_id = '${user}' and entry_number = 3`);
    expect(await problemsOf(user)).toEqual([{ entry: 4, problem: "entries are missing before it" }]);
  });

  it("tells when the newest entry was removed", async () => {
    const user = await withHistory(ledger);
    await tamper(`delete from public.token_balance_history where user_id = '${user}' and entry_number = 5`);
    expect(await problemsOf(user)).toEqual([{ entry: 5, problem: "entries are missing at the end" }]);
  });

  it("names an entry that was inserted", async () => {
    const user = await withHistory(ledger);
    await tamper(`
      update public.token_balance_history set entry_number = entry_number + 1
      where user_id = '${user}' and entry_number = 5;
      insert into public.token_balance_history
        (user_id, entry_number, delta, balance_after, created_at, operation_type, chain)
      values ('${user}', 5, 1, 95, now(), 'grant', '\\x00112233445566778899aabbccddeeff')`);
    expect((await problemsOf(user)).map(({ entry }) => entry)).toEqual([5, 6]);
  });
});

describe("deno task ledger", async () => {
  const { url, sql, ledger } = await createDatabase();

  async function command(...args: string[]): Promise<{ code: number; printed: string }> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "scripts/ledger.ts", ...args, "--db-url", url],
      cwd: projectFolder,
    }).output();
    const decoder = new TextDecoder();
    return { code, printed: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  it("finds a history that was rewritten from some entry on by the anchor that was kept", async () => {
    const user = await withHistory(ledger);
    const anchor = await Deno.makeTempFile({ prefix: "tessera-test-" });
    try {
      await Deno.writeTextFile(anchor, (await command("anchor")).printed);
      await ledger.consume(user, 4);
      expect(await command("verify", "--anchor", anchor)).toEqual({
        code: 0,
        printed: "The ledger is sound\n",
      });

      await sql.begin(async (transaction) => {
        await transaction.unsafe("alter table public.token_balance_history disable trigger user");
        await transaction.unsafe(`
          update public.token_balance_history set operation_type = 'other'
          where user_id = '${user}' and entry_number = 3`);
        for (const number of [3, 4, 5, 6]) {
          await transaction.unsafe(`
            update public.token_balance_history as history
            set chain = private.token_entry_chain(before.chain, history.user_id, history.entry_number, history.delta,
              history.balance_after, history.created_at, history.operation_type, history.request_id,
              history.metadata)
            from public.token_balance_history as before
            where history.user_id = '${user}' and history.entry_number = ${number}
              and before.user_id = history.user_id and before.entry_number = ${number - 1}`);
        }
        await transaction.unsafe("alter table public.token_balance_history enable trigger user");
      });
      expect(await problemsOf(user, sql)).toEqual([{
        entry: 6,
        problem: "it is not the last charged entry",
      }]);
      await sql`
        update public.token_balances as balances set chain = history.chain
        from public.token_balance_history as history
        where balances.user_id = ${user} and history.user_id = ${user} and history.entry_number = 6`;
      expect([...await sql`select * from public.verify_token_chain()`]).toEqual([]);
      const { code, printed } = await command("verify", "--anchor", anchor);
      expect(code).toBe(1);
      expect(printed).toContain(`user ${user}, up to entry 5: the history does not match the anchor`);
    } finally {
      await Deno.remove(anchor);
    }
  });

  it("says how it is used when it is asked for something else", async () => {
    const { code, printed } = await command("mend");
    expect(code).toBe(2);
    expect(printed).toContain("deno task ledger verify");
  });
});
