// Gives a charge back. deno task refund <request_id> [--amount N] [--reason TEXT] [--refund-id ID] [--user ID] [--yes] [--db-url URL]

import { parseArgs } from "node:util";
import type postgres from "postgres";

import { connectTo } from "./local/connect.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";
import { explainWhenAsked } from "./local/usage.ts";

const USAGE =
  `deno task refund <request_id> [--amount N] [--reason TEXT] [--refund-id ID] [--user ID] [--yes] [--db-url URL]

Gives a charge back, into the grants that paid for it: all that is left of the charge, or --amount tokens. Without --yes
it only says what would happen. A refund id counts once: the same command with the same id gives nothing twice. The
database is the running local stack's, or the one of --db-url. After a day only the history has a request: --user, the
user or the team's wallet that paid, makes finding it quick.`;

interface Outcome {
  success: boolean;
  duplicate: boolean;
  message?: string;
  refunded: number;
  balance: number;
  wallet_id: string;
  entry_number: number;
}

interface Entry {
  entry_number: string;
  operation_type: string;
  delta: string;
  balance_after: string;
  at: string;
  grants: string | null;
}

explainWhenAsked("refund", USAGE);

try {
  const { values, positionals: [requestId, ...rest] } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      "amount": { type: "string" },
      "reason": { type: "string" },
      "refund-id": { type: "string" },
      "user": { type: "string" },
      "yes": { type: "boolean", default: false },
      "db-url": { type: "string" },
    },
  });
  if (!requestId || rest.length > 0) throw new StackError(USAGE);
  if (values.amount !== undefined && !/^[1-9]\d{0,15}$/.test(values.amount)) {
    throw new StackError(
      `--amount must be a whole number of tokens from 1: current value is ${values.amount}`,
    );
  }
  const refundId = values["refund-id"] ?? `refund_${crypto.randomUUID()}`;
  const sql = connectTo(values["db-url"] ?? (await findRunningStack()).databaseUrl);
  try {
    const wallet = values.user ?? await walletOf(sql, requestId);
    const made = await refund(sql, {
      requestId,
      refundId,
      wallet,
      amount: values.amount ?? null,
      reason: values.reason ?? null,
      isMeant: values.yes,
    });
    for (const line of story(requestId, made, values.yes)) console.log(line);
    if (!values.yes && !made.outcome.duplicate) {
      console.log(`Nothing was changed. To do it:\n${commandOf(requestId, refundId, values)}`);
    }
  } finally {
    await sql.end();
  }
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

async function walletOf(sql: postgres.Sql, requestId: string): Promise<string> {
  const [row] = await sql`select public.explain_request(${requestId}) ->> 'user_id' as wallet`;
  if (row!.wallet === null) throw new StackError(`There is no request ${requestId}`);
  return row!.wallet;
}

interface Made {
  outcome: Outcome;
  charge: { operation_type: string; tokens: string; at: string; refunded: string };
  entries: Entry[];
}

/** Makes the refund and tells what it did. Unless it is meant, its transaction is undone before anybody sees it. */
async function refund(sql: postgres.Sql, asked: {
  requestId: string;
  refundId: string;
  wallet: string;
  amount: string | null;
  reason: string | null;
  isMeant: boolean;
}): Promise<Made> {
  const { requestId, refundId, wallet, amount, reason, isMeant } = asked;
  const undone = Symbol("undone");
  let made: Made | undefined;
  try {
    await sql.begin(async (transaction) => {
      const [before] = await transaction`
        select entry_count from public.token_balances where user_id = ${wallet} for update`;
      const [row] = await transaction`
        select public.refund_tokens(${requestId}, ${refundId}, ${amount}, ${reason}, ${wallet}) as outcome`;
      const outcome: Outcome = row!.outcome;
      if (!outcome.success) throw new StackError(outcome.message!);
      made = {
        outcome,
        charge: await chargeOf(transaction, outcome),
        entries: await entriesAfter(transaction, wallet, before!.entry_count),
      };
      if (!isMeant) throw undone;
    });
  } catch (error) {
    if (error !== undone) throw error;
  }
  return made!;
}

async function chargeOf(sql: postgres.ISql, { wallet_id, entry_number }: Outcome): Promise<Made["charge"]> {
  const [charge] = await sql<Made["charge"][]>`
    select operation_type, (-delta)::text as tokens, created_at::text as at,
      (select coalesce(sum(tokens), 0)::text from private.token_refunds
       where wallet_id = ${wallet_id} and charge_entry_number = ${entry_number}) as refunded
    from public.token_balance_history
    where user_id = ${wallet_id} and entry_number = ${entry_number}`;
  return charge!;
}

async function entriesAfter(sql: postgres.ISql, wallet: string, entryCount: string): Promise<Entry[]> {
  return await sql<Entry[]>`
    select entries.entry_number::text, entries.operation_type, entries.delta::text, entries.balance_after::text,
      entries.created_at::text as at,
      (select string_agg(format('%s of grant %s (%s%s)', parts.tokens, parts."grant", grants.kind,
         case when grants.expires_at < 'infinity' then ' until ' || grants.expires_at end), ', ')
       from jsonb_to_recordset(entries.metadata -> 'grants') as parts ("grant" bigint, tokens bigint)
       join public.token_grants as grants
         on grants.wallet_id = entries.user_id and grants.entry_number = parts."grant") as grants
    from public.token_balance_history as entries
    where entries.user_id = ${wallet} and entries.entry_number > ${entryCount}
    order by entries.entry_number`;
}

function* story(requestId: string, { outcome, charge, entries }: Made, isMeant: boolean): Generator<string> {
  yield `${charge.operation_type}, request ${requestId}: charged ${charge.tokens} tokens at ${charge.at}`;
  yield `wallet ${outcome.wallet_id}`;
  if (outcome.duplicate) {
    yield `This refund was made before: ${outcome.refunded} tokens. Nothing was changed.`;
    return;
  }
  const sum = `${charge.refunded} of the charge's ${charge.tokens} are given back then`;
  yield `${isMeant ? "Gave" : "Would give"} ${outcome.refunded} tokens back; ${sum}.`;
  for (const { entry_number, operation_type, delta, balance_after, grants } of entries) {
    const signed = delta.startsWith("-") ? delta : `+${delta}`;
    const what = `entry ${entry_number}  ${operation_type.padEnd(12)} ${signed.padStart(8)} tokens`;
    yield `  ${what}  (${balance_after} left${grants ? `; ${grants}` : ""})`;
  }
}

/** The command that does it, with the refund id that this run has used. */
function commandOf(
  requestId: string,
  refundId: string,
  values: { amount?: string; reason?: string; user?: string },
) {
  const quoted = (text: string) => /^[\w.:@/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
  const options = [
    ...values.amount ? ["--amount", values.amount] : [],
    ...values.reason ? ["--reason", quoted(values.reason)] : [],
    ...values.user ? ["--user", values.user] : [],
    "--refund-id",
    quoted(refundId),
  ];
  return `  deno task refund ${quoted(requestId)} ${options.join(" ")} --yes`;
}
