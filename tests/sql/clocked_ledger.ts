import postgres from "postgres";
import { afterAll } from "vitest";

import { instrument } from "../simulation/instruments.ts";
import { add, type Arguments, createDatabase, hold, Ledger, newId, type Outcome, run } from "./support.ts";

/** What is left of a wallet's grants, in the order in which they are spent: "kind tokens until minute". */
export type Left = string[];

/** Makes a database whose clock the test sets, in minutes. */
export async function createClockedDatabase(): Promise<{ url: string; clocked: ClockedLedger }> {
  const { url } = await createDatabase();
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  afterAll(() => sql.end());
  await instrument(sql);
  const clocked = new ClockedLedger(sql);
  await clocked.at(0);
  await sql`select set_config('simulation.plan', '', false)`;
  return { url, clocked };
}

/** The ledger at a given minute, with the functions of grants. Minutes count from the start of the database's clock. */
export class ClockedLedger extends Ledger {
  async at(minute: number): Promise<void> {
    await this.sql`select set_config('simulation.minute', ${String(minute)}, false)`;
  }

  async time(minute: number): Promise<string> {
    const [row] = await this.sql`
      select (start.at + ${minute}::integer * interval '1 minute')::text as time from simulation.start`;
    return row!.time;
  }

  /** Grants tokens that end at a minute. */
  async grant(
    user: string,
    amount: unknown,
    { until, from, ...more }: { until?: number; from?: number } & Arguments = {},
  ): Promise<Outcome> {
    return await run(
      this.sql,
      add(user, amount, newId(), {
        ...(until === undefined ? {} : { p_expires_at: await this.time(until) }),
        ...(from === undefined ? {} : { p_effective_at: await this.time(from) }),
        ...more,
      }),
    );
  }

  refund(request: string, refund: string, more: Arguments = {}): Promise<Refunded> {
    return run<Refunded>(this.sql, {
      name: "refund_tokens",
      args: { p_request_id: request, p_refund_id: refund, ...more },
    });
  }

  clawBack(source: string, amount: number, reversal: string = newId(), more: Arguments = {}) {
    return run<ClawedBack>(this.sql, {
      name: "claw_back_grant",
      args: { p_source: source, p_amount: amount, p_reversal_id: reversal, ...more },
    });
  }

  state(wallet: string): Promise<WalletState> {
    return run<WalletState>(this.sql, { name: "wallet_state", args: { p_wallet_id: wallet } });
  }

  async left(wallet: string): Promise<Left> {
    const [start] = await this.sql`select extract(epoch from at)::float8 as s from simulation.start`;
    const { grants } = await this.state(wallet);
    return grants.map(({ kind, remaining, expires_at }) => {
      const minute = expires_at && Math.round((Date.parse(expires_at) / 1_000 - start!.s) / 60);
      return `${kind} ${remaining}${expires_at ? ` until ${minute}` : ""}`;
    });
  }

  /** The newest entries as "operation delta". */
  async entries(wallet: string): Promise<string[]> {
    const rows = await this.sql`
      select operation_type, delta from public.token_balance_history where user_id = ${wallet} order by entry_number`;
    return rows.map(({ operation_type, delta }) => `${operation_type} ${delta}`);
  }

  /** Everything wrong with anybody's tokens. */
  async broken(): Promise<unknown[]> {
    return [
      ...await this.problems(),
      ...await this.sql`select * from public.verify_token_chain()`,
    ];
  }

  holdOf(user: string, amount: unknown, id: string, minutes = 600) {
    return run(this.sql, hold(user, amount, id, { p_time_to_live: `${minutes} minutes` }));
  }
}

export interface Refunded extends Outcome {
  refunded: number;
  refundable: number;
}

export interface ClawedBack extends Outcome {
  reversed: number;
  payment_debt: number;
  debt: number;
  wallet_id: string | null;
}

export interface WalletState {
  balance: number;
  held: number;
  available: number;
  debt: number;
  next_expiry_at: string | null;
  next_expiry_tokens: number | null;
  grants: {
    kind: string;
    remaining: number;
    amount: number;
    expires_at: string | null;
    source: string | null;
  }[];
  pending_grants: { kind: string; amount: number; effective_at: string }[];
}
