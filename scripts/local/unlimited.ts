import postgres from "postgres";

import { type Stack, type StackOptions, startStack } from "./stack.ts";

/** A stack for load tests and tests: no plan has a rate limit, and no balance counts as low. */
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
