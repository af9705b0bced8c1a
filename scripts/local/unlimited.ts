import postgres from "postgres";

import { type Stack, type StackOptions, startStack } from "./stack.ts";

/** A stack for load and for tests: no plan limits how often a user may call, and no balance is low. */
export async function startUnlimitedStack(options: StackOptions): Promise<Stack> {
  const stack = await startStack(options);
  const sql = postgres(stack.databaseUrl, { max: 1 });
  try {
    await sql`update private.token_plans set request_limits = '{}'`;
    await sql`update private.ledger_alert_settings set low_balance_tokens = 0`;
  } finally {
    await sql.end();
  }
  return stack;
}
