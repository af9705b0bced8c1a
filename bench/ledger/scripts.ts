import { choose, REQUEST_ID, type Spread, USER, USER_COUNT, userOf } from "./users.ts";

/** The metadata that the meal analyzer writes to the ledger. */
const PRICE = `'{"price": {"per_call": 2, "per_1k_input_tokens": 1, "per_1k_output_tokens": 4}}'`;
const USAGE =
  `'{"model": "gpt-5.4-mini", "usage": {"input_tokens": 412, "output_tokens": 288, "images": 0}}'`;

const CALLS = {
  "select 1": "select 1;",
  "barest": `select bare.charge_barest(${REQUEST_ID}, ${USER}, 2, 'meal-analyzer');`,
  "bare": `select bare.charge(${REQUEST_ID}, ${USER}, 2, 'meal-analyzer');`,
  "without chain": `select bare.consume_without_chain(${REQUEST_ID}, ${USER}, 2, 'meal-analyzer');`,
  "consume": `select consume_tokens_atomic(${REQUEST_ID}, ${USER}, 2, 'meal-analyzer');`,
  "hold, settle": `select hold_tokens(${REQUEST_ID}, ${USER}, 5, 'meal-analyzer');
select settle_tokens(${REQUEST_ID}, ${USER}, 1, 2);`,
  "hold, settle, with metadata":
    `select hold_tokens(${REQUEST_ID}, ${USER}, 5, 'meal-analyzer', null, ${PRICE});
select settle_tokens(${REQUEST_ID}, ${USER}, 1, 2, ${USAGE});`,
};

/** The scripts. */
export type Call = keyof typeof CALLS;

/** The number of operations in a batch. */
export const BATCH_SIZE = 100;
/** One per CPU core: batches come from a few busy instances, not from many callers. */
export const BATCH_CLIENTS = 2;

/** Many operations in one call. The requests are generated in SQL, at the expense of the measured side. */
export function batchOf(operation: "consume" | "hold, settle", spread: Spread): string {
  const user = userOf(spread === "spread" ? `((:batch::bigint + number * 7919) % ${USER_COUNT})` : "0");
  const requests = (more: string) =>
    `(select jsonb_agg(jsonb_build_object('request_id', :batch::bigint || '-' || number, 'user_id', ${user}, ${more}))
  from generate_series(1, ${BATCH_SIZE}) as number)`;
  const hold = "'operation', 'hold', 'token_amount', 5, 'operation_type', 'meal-analyzer'";
  const settle = "'operation', 'settle', 'attempt', 1, 'token_amount', 2";
  const calls = operation === "consume"
    ? [`consume_tokens_batch(${requests("'token_amount', 2, 'operation_type', 'meal-analyzer'")})`]
    : [`run_token_operations(${requests(hold)})`, `run_token_operations(${requests(settle)})`];
  return ["\\set batch random(1, 1000000000000000)", ...calls.map((call) => `select ${call};`), ""].join(
    "\n",
  );
}

/** A script for pgbench; each call is a separate transaction. */
export function scriptOf(call: Call, spread: Spread): string {
  return `${choose(spread)}\n${CALLS[call]}\n`;
}

/** The same call twice, with two ids, to compare with operations that need two transactions. */
export function scriptOfTwice(call: Call, spread: Spread): string {
  return scriptOf(call, spread).repeat(2);
}
