import { describe, expect, it } from "vitest";

import { createDatabase, Ledger, newId } from "./support.ts";

const { sql, ledger } = await createDatabase();

interface Planted {
  user: string;
  settled: string;
  free: string;
  held: string;
  released: string;
}

/** A user with a grant and a request of every kind. */
async function populate(): Promise<Planted> {
  const planted = { user: newId(), settled: newId(), free: newId(), held: newId(), released: newId() };
  const { user } = planted;
  await ledger.add(user, 100, newId());
  await ledger.hold(user, 20, planted.settled);
  await ledger.settle(user, planted.settled, 15);
  await ledger.consume(user, 5);
  await ledger.hold(user, 10, planted.free);
  await ledger.settle(user, planted.free, 0);
  await ledger.hold(user, 10, planted.released);
  await ledger.release(user, planted.released);
  await ledger.hold(user, 7, planted.held);
  await ledger.add(user, 3);
  return planted;
}

class Undo extends Error {}

/**
 * The findings of verify_token_ledger() about a user after a change that no function would make; undone afterwards.
 */
async function invariantsBrokenBy(change: (planted: Planted) => string): Promise<string[]> {
  const planted = await populate();
  let broken: string[] = [];
  await sql.begin(async (transaction) => {
    await transaction.unsafe(`
      alter table token_balance_history disable trigger user;
      alter table token_balances disable trigger user;
      ${change(planted)}`);
    const problems = await new Ledger(transaction).problems();
    expect(problems.every((one) => one.user_id === planted.user)).toBe(true);
    broken = problems.map((one) => one.invariant);
    throw new Undo();
  }).catch((error) => {
    if (!(error instanceof Undo)) throw error;
  });
  expect(await ledger.problems()).toEqual([]);
  return [...new Set(broken)].sort();
}

const BALANCE = "balance is the sum of the entries";
const HELD = "held is the sum of the open holds";
const CHAIN = "each entry continues the one before";
const SETTLED = "a settled request has the entry it was charged with";
const GRANT = "a grant has what it got without what it gave";
const SPENT = "each token that was spent came from one grant";
const DEBT = "the debt is the sum of the payments'";
const HISTORY = "the history tells the same grants";
const EPOCH = "the newest epoch knows what was granted";
const EVENT = "the next event of the grants is known";
const LEFT = "what is left of the grants is the balance";

describe("verify_token_ledger", () => {
  it("finds nothing on a healthy ledger with requests of every kind", async () => {
    await populate();
    expect(await ledger.problems()).toEqual([]);
  });

  it("finds nothing when outcomes were deleted and an id ran again", async () => {
    const { user, settled } = await populate();
    await ledger.age([settled]);
    await ledger.cleanup();
    expect(await ledger.hold(user, 20, settled)).toMatchObject({ duplicate: false });
    await ledger.settle(user, settled, 20);
    expect(await ledger.problems()).toEqual([]);
  });

  it("finds nothing when an id that was charged and deleted runs again for free", async () => {
    const { user } = await populate();
    const id = newId();
    await ledger.consume(user, 3, id);
    await ledger.age([id]);
    await ledger.cleanup();
    await ledger.hold(user, 3, id);
    expect(await ledger.settle(user, id, 0)).toMatchObject({ success: true, charged: 0 });
    expect(await ledger.problems()).toEqual([]);
  });

  it.each<[string, (planted: Planted) => string, string[]]>([
    [
      "a wrong balance",
      ({ user }) => `update token_balances set balance = balance + 1 where user_id = '${user}'`,
      [BALANCE, LEFT],
    ],
    [
      "a wrong number of entries",
      ({ user }) => `update token_balances set entry_count = entry_count + 1 where user_id = '${user}'`,
      [BALANCE],
    ],
    [
      "more granted than was",
      ({ user }) => `update token_balances set granted = granted + 1 where user_id = '${user}'`,
      [BALANCE, HISTORY, EPOCH, LEFT],
    ],
    ["too much held", ({ user }) => `update token_balances set held = held + 1 where user_id = '${user}'`, [
      HELD,
    ]],
    [
      "a hold that was forgotten",
      ({ user }) => `update token_balances set held = 0 where user_id = '${user}'`,
      [HELD],
    ],
    [
      "a hold that vanished",
      ({ held }) => `delete from token_consumption_locks where request_id = '${held}'`,
      [HELD],
    ],
    [
      "a balance row that vanished",
      ({ user }) => `delete from token_balances where user_id = '${user}'`,
      [BALANCE, HELD, LEFT],
    ],
    [
      "a missing entry",
      ({ user }) => `delete from token_balance_history where user_id = '${user}' and entry_number = 3`,
      [SETTLED, BALANCE, CHAIN, HISTORY],
    ],
    [
      "a missing last entry",
      ({ user }) => `delete from token_balance_history where user_id = '${user}' and entry_number = 4`,
      [BALANCE, HISTORY],
    ],
    [
      "an altered delta",
      ({ user }) =>
        `update token_balance_history set delta = delta + 1 where user_id = '${user}' and entry_number = 3`,
      [SETTLED, BALANCE, CHAIN, HISTORY],
    ],
    [
      "an altered balance_after",
      ({ user }) =>
        `update token_balance_history set balance_after = 0 where user_id = '${user}' and entry_number = 3`,
      [SETTLED, CHAIN],
    ],
    [
      "an inserted entry",
      ({ user }) =>
        `insert into token_balance_history values ('${user}', 5, 50, 133, now(), 'grant', null, null, '')`,
      [BALANCE, HISTORY],
    ],
    [
      "an inserted entry that is paid out",
      ({ user }) =>
        `insert into token_balance_history values ('${user}', 9, 50, 133, now(), 'grant', null, null, '');
         update token_balances set balance = balance + 50, granted = granted + 50, entry_count = entry_count + 1 where user_id = '${user}'`,
      [CHAIN, HISTORY, EPOCH, LEFT],
    ],
    [
      "a settled request without its entry",
      ({ settled }) =>
        `update token_consumption_locks set balance_after = null where request_id = '${settled}'`,
      [SETTLED],
    ],
    [
      "a settled request with another's entry",
      ({ settled }) => `update token_consumption_locks set balance_after = 3 where request_id = '${settled}'`,
      [SETTLED],
    ],
    [
      "a settled request with another charge",
      ({ settled }) => `update token_consumption_locks set charged = 1 where request_id = '${settled}'`,
      [SETTLED],
    ],
    [
      "a settled request that says it was free",
      ({ settled }) => `update token_consumption_locks set charged = 0 where request_id = '${settled}'`,
      [SETTLED],
    ],
    [
      "a free request that says it was charged",
      ({ free }) => `update token_consumption_locks set charged = 5 where request_id = '${free}'`,
      [SETTLED],
    ],
    [
      "a grant that vanished",
      ({ user }) => `delete from token_grants where wallet_id = '${user}' and entry_number = 4`,
      [HISTORY, LEFT],
    ],
    [
      "a grant that was made larger",
      ({ user }) =>
        `update token_grants set amount = amount + 1 where wallet_id = '${user}' and entry_number = 4`,
      [GRANT],
    ],
    [
      "a grant that was given a later end",
      ({ user }) =>
        `update token_grants set expires_at = '2200-01-01' where wallet_id = '${user}' and entry_number = 4;
         update token_balances set next_expiry_at = '2200-01-01' where user_id = '${user}'`,
      [HISTORY],
    ],
    [
      "an end that the balance does not know",
      ({ user }) =>
        `update token_grants set expires_at = '2200-01-01' where wallet_id = '${user}' and entry_number = 4`,
      [HISTORY, EVENT],
    ],
    [
      "tokens that were moved from one grant to another",
      ({ user }) =>
        `update token_grants set remaining = remaining + case entry_number when 4 then -1 else 1 end,
           reversed = 0, expired = case entry_number when 4 then 1 else 0 end,
           refunded = case entry_number when 4 then 0 else 1 end
         where wallet_id = '${user}'`,
      [HISTORY],
    ],
    [
      "a token that was spent twice",
      ({ user }) =>
        `update private.token_grant_slices set spent_from = spent_from + 1 where wallet_id = '${user}'`,
      [GRANT, SPENT],
    ],
    [
      "a debt of no payment",
      ({ user }) => `update token_balances set debt = 1 where user_id = '${user}'`,
      [DEBT],
    ],
  ])("finds %s", async (_, change, expected) => {
    expect(await invariantsBrokenBy(change)).toEqual(expected);
  });

  it.each<[string, (planted: Planted) => string]>([
    [
      "a request that was charged twice",
      ({ user, settled }) => charge(user, settled),
    ],
    [
      "a released request that was charged (mistake 32)",
      ({ user, released }) => charge(user, released),
    ],
    [
      "a held request that was charged already",
      ({ user, held }) => charge(user, held),
    ],
    [
      "a settled request of which nobody knows what it was charged",
      ({ settled }) =>
        `update token_consumption_locks set charged = null, balance_after = null where request_id = '${settled}'`,
    ],
  ])("finds %s", async (_, change) => {
    expect(await invariantsBrokenBy(change)).not.toEqual([]);
  });
});

/** An entry for a request, with all sums right. */
function charge(user: string, id: string): string {
  return `
    insert into token_balance_history values ('${user}', 5, -1, 82, now(), 'meal-analyzer', '${id}', null, '');
    update token_balances set balance = balance - 1, entry_count = entry_count + 1 where user_id = '${user}'`;
}
