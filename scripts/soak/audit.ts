import type postgres from "postgres";

import type { Books } from "./books.ts";

const GRANT = "grant";

interface Entry {
  user_id: string;
  request_id: string;
  delta: number;
  operation_type: string;
}

/**
 * Compares the ledger of some users, who have no running requests, with the responses that their clients got. Returns
 * the differences, in words.
 */
export async function audit(sql: postgres.Sql, userIds: string[], books: Books): Promise<string[]> {
  const entries = await sql<Entry[]>`
    select user_id, request_id, delta::float8, operation_type
    from public.token_balance_history where user_id = any(${userIds})`;
  const balances = await sql<{ user_id: string; balance: number; held: number }[]>`
    select user_id, balance::float8, held::float8 from public.token_balances where user_id = any(${userIds})`;
  const broken = await sql`select * from public.verify_token_ledger()`;
  const open = await sql`
    select request_id from public.token_consumption_locks
    where status = 'held' and user_id = any(${userIds})`;
  return [
    ...books.contradictions,
    ...compareCharges(entries, books),
    ...compareGrants(entries, books),
    ...compareBalances(balances, books),
    ...broken.map((row) => `verify_token_ledger() says ${JSON.stringify(row)}`),
    ...open.map((row) => `request ${row.request_id} still holds tokens`),
  ];
}

function compareCharges(entries: readonly Entry[], books: Books): string[] {
  const told = [...books.charges].map(([key, charge]) => ({
    what: `the charge of key ${key}`,
    ...charge,
    delta: -charge.charged,
  }));
  return compare(entries.filter((entry) => entry.operation_type !== GRANT), told);
}

function compareGrants(entries: readonly Entry[], books: Books): string[] {
  const told = [...books.grants].map(([requestId, { userId, amount }]) => ({
    what: `the grant ${requestId}`,
    requestId,
    userId,
    delta: amount,
  }));
  return compare(entries.filter((entry) => entry.operation_type === GRANT), told);
}

interface Told {
  what: string;
  requestId: string;
  userId: string;
  delta: number;
}

function compare(entries: readonly Entry[], told: Told[]): string[] {
  const unmatched = Map.groupBy(entries, (entry) => entry.request_id);
  const problems: string[] = [];
  for (const { what, requestId, userId, delta } of told) {
    const found = unmatched.get(requestId) ?? [];
    unmatched.delete(requestId);
    const isRight = delta === 0
      ? found.length === 0
      : found.length === 1 && found[0]!.delta === delta && found[0]!.user_id === userId;
    if (!isRight) problems.push(`${what}, ${delta}, has the entries ${JSON.stringify(found)}`);
  }
  for (const [requestId, found] of unmatched) {
    problems.push(`no client was told of ${requestId}, which has the entries ${JSON.stringify(found)}`);
  }
  return problems;
}

function compareBalances(
  balances: readonly { user_id: string; balance: number; held: number }[],
  books: Books,
): string[] {
  const expected = new Map<string, number>();
  const add = (userId: string, delta: number) => expected.set(userId, (expected.get(userId) ?? 0) + delta);
  for (const { userId, amount } of books.grants.values()) add(userId, amount);
  for (const { userId, charged } of books.charges.values()) add(userId, -charged);
  return balances
    .filter(({ user_id, balance, held }) => balance !== (expected.get(user_id) ?? 0) || held !== 0)
    .map(({ user_id, balance, held }) =>
      `user ${user_id} owns ${balance} and holds ${held}, expected are ${expected.get(user_id) ?? 0} and 0`
    );
}
