import { afterAll, expect } from "vitest";

import { connect, serviceClient, type SignedInUser, signUp } from "../../support/stack.ts";

export interface Charge {
  charged: number;
  balance_after: number;
  operation_type: string;
  request_id: string;
  // deno-lint-ignore no-explicit-any
  metadata: any;
}

export interface Lock {
  request_id: string;
  status: "held" | "settled" | "released" | "expired";
  amount: number;
  charged: number | null;
  attempt: number;
  response: string | null;
}

export interface Account {
  balance: number;
  held: number;
  /** The ledger's entries that took tokens, oldest first. */
  charges: Charge[];
  locks: Lock[];
  anomalies: { anomaly_type: string; details: Record<string, unknown> }[];
}

export interface Accounts {
  /** Signs up a user of the test's own. */
  newUser(tokens?: number): Promise<SignedInUser>;
  /** All that the ledger knows of a user, read in one snapshot as its owner. */
  accountOf(user: { id: string }): Promise<Account>;
  /** Fails unless nothing was charged and nothing is held. */
  expectUntouched(user: { id: string }, tokens: number): Promise<void>;
  /** Lets the time of a user's open holds run out. */
  letHoldsRunOut(user: { id: string }): Promise<void>;
}

/** Users of a test file with a look into the ledger; after the file, each of their ledgers must add up. */
export function openAccounts(): Accounts {
  const sql = connect({ connections: 2 });
  const userIds: string[] = [];

  afterAll(async () => {
    const broken = await sql`
      select invariant, details from public.verify_token_ledger() where user_id = any(${userIds})`;
    expect([...broken]).toEqual([]);
  });

  async function accountOf({ id }: { id: string }): Promise<Account> {
    const [row] = await sql`
      select
        coalesce((select balance from public.token_balances where user_id = ${id}), 0)::float8 as balance,
        coalesce((select held from public.token_balances where user_id = ${id}), 0)::float8 as held,
        coalesce((select jsonb_agg(jsonb_build_object('charged', -delta, 'balance_after', balance_after,
            'operation_type', operation_type, 'request_id', request_id, 'metadata', metadata) order by entry_number)
          from public.token_balance_history where user_id = ${id} and delta < 0), '[]') as charges,
        coalesce((select jsonb_agg(jsonb_build_object('request_id', request_id, 'status', status, 'amount', amount,
            'charged', charged, 'attempt', attempt, 'response', response) order by created_at)
          from public.token_consumption_locks where user_id = ${id}), '[]') as locks,
        coalesce((select jsonb_agg(jsonb_build_object('anomaly_type', anomaly_type, 'details', details) order by id)
          from public.token_anomalies where user_id = ${id}), '[]') as anomalies`;
    return row as unknown as Account;
  }

  return {
    async newUser(tokens) {
      const user = await signUp({ tokens });
      userIds.push(user.id);
      return user;
    },
    accountOf,
    async expectUntouched(user, tokens) {
      const { balance, held, charges } = await accountOf(user);
      expect({ balance, held, charges }).toEqual({ balance: tokens, held: 0, charges: [] });
    },
    async letHoldsRunOut({ id }) {
      await sql`
        update public.token_consumption_locks set expires_at = now() - interval '1 second'
        where user_id = ${id} and status = 'held'`;
    },
  };
}

/** Runs the cleanup as the schedule does. */
export async function cleanUp(): Promise<void> {
  const { error } = await serviceClient().rpc("cleanup_expired_locks");
  if (error) throw error;
}
