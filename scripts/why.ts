// Why a request was charged. deno task why <request_id> [--user ID] [--json] [--db-url URL]

import { parseArgs } from "node:util";

import { type Price, type PricedUsage, priceLines } from "../supabase/functions/_shared/ledger/price.ts";
import { describeLine } from "./docs/price_words.ts";
import { connectTo } from "./local/connect.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";
import { explainWhenAsked } from "./local/usage.ts";

const USAGE = `deno task why <request_id> [--user ID] [--json] [--db-url URL]

The request's life: hold, settlement, price and usage. The id is in the answer's usage, in its X-Request-Id and in the log.
The database is the running local stack's, or the one of --db-url. After a day only the history has a request: --user
makes the lookup fast.`;

interface Life {
  request_id: string;
  user_id: string;
  operation_type: string;
  status: string;
  attempt: number | null;
  charged: number;
  refunded: number;
  grants: PaidBy[];
  grant: Grant | null;
  price: Price | null;
  usage: PricedUsage | null;
  model: string | null;
  is_known: boolean;
  events: { at: string; event: string; tokens: number; balance_after?: number; reason?: string }[];
  anomalies: { at: string; anomaly_type: string; severity: string; details: unknown }[];
}

/** A grant that paid for a part of the charge. */
interface PaidBy {
  entry_number: number;
  kind: string;
  tokens: number;
  expires_at: string | null;
  source: string | null;
  reversed: number;
}

/** What the request granted, and what became of it. */
interface Grant extends Omit<PaidBy, "tokens" | "entry_number"> {
  entry_number: number | null;
  amount: number;
  remaining: number;
  refunded: number;
  expired: number;
  rolled_over: number;
  effective_at: string;
  clawbacks: { source: string | null; tokens: number }[];
}

explainWhenAsked("why", USAGE);

try {
  const { values, positionals: [requestId] } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { "user": { type: "string" }, "json": { type: "boolean" }, "db-url": { type: "string" } },
  });
  if (!requestId) throw new StackError(USAGE);
  const life = await lifeOf(
    requestId,
    values.user,
    values["db-url"] ?? (await findRunningStack()).databaseUrl,
  );
  if (!life) {
    throw new StackError(`There is no request ${requestId}${values.user ? ` of ${values.user}` : ""}`);
  }
  if (values.json) console.log(JSON.stringify(life, null, 2));
  else for (const line of story(life)) console.log(line);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

async function lifeOf(requestId: string, user: string | undefined, url: string): Promise<Life | null> {
  const sql = connectTo(url);
  try {
    const [row] = await sql`select public.explain_request(${requestId}, ${user ?? null}) as life`;
    return row!.life;
  } finally {
    await sql.end();
  }
}

function* story(life: Life): Generator<string> {
  const attempt = life.attempt && life.attempt > 1 ? `, attempt ${life.attempt}` : "";
  yield `${life.operation_type}, request ${life.request_id}${attempt}`;
  yield `user ${life.user_id}`;
  if (!life.is_known) yield "Its id was deleted; this is what the history says.";
  for (const { at, event, tokens, balance_after, reason } of life.events) {
    const rest = [
      reason && `for ${reason}`,
      balance_after !== undefined && `${balance_after} left`,
    ].filter(Boolean).join(", ");
    yield `${at}  ${event.padEnd(8)} ${String(tokens).padStart(8)} tokens${rest ? `  (${rest})` : ""}`;
  }
  if (life.status === "held") {
    yield "It is running, or its process has died: then the hold expires, and nothing is charged.";
  }
  if (life.price && life.usage) {
    yield `Price${life.model ? `, with the model ${life.model}` : ""}:`;
    const lines = priceLines(life.price, life.usage);
    for (const line of lines) yield `  ${describeLine(line)}`;
    const sum = lines.reduce((total, { tokens }) => total + tokens, 0);
    yield `  together ${Number(sum.toFixed(3))}, charged ${life.charged}`;
  } else if (life.charged === 0 && life.status !== "held") {
    yield "Nothing was charged.";
  }
  if (life.grants.length > 0) yield "Paid by:";
  for (const grant of life.grants) {
    const reversed = grant.reversed > 0 ? `; ${grant.reversed} of it taken back since` : "";
    yield `  ${grant.tokens} of grant ${grant.entry_number} (${describeGrant(grant)}${reversed})`;
  }
  if (life.refunded > 0) yield `Given back: ${life.refunded} of ${life.charged}.`;
  if (life.grant) yield* storyOfGrant(life.grant);
  for (const { at, anomaly_type, severity, details } of life.anomalies) {
    yield `${at}  ${severity}: ${anomaly_type} ${JSON.stringify(details)}`;
  }
}

function describeGrant({ kind, expires_at, source }: Pick<Grant, "kind" | "expires_at" | "source">): string {
  return [kind, source && `of ${source}`, expires_at ? `until ${expires_at}` : "without end"].filter(Boolean)
    .join(" ");
}

function* storyOfGrant(grant: Grant): Generator<string> {
  if (grant.entry_number === null) {
    yield `Grant of ${grant.amount} (${describeGrant(grant)}): begins at ${grant.effective_at}`;
    return;
  }
  const parts = [
    `${grant.remaining} left`,
    grant.refunded > 0 && `${grant.refunded} refunded to it`,
    grant.expired > 0 && `${grant.expired} expired`,
    grant.rolled_over > 0 && `${grant.rolled_over} rolled over`,
    grant.reversed > 0 && `${grant.reversed} taken back`,
  ].filter(Boolean).join(", ");
  yield `Grant ${grant.entry_number} of ${grant.amount} (${describeGrant(grant)}): ${parts}`;
  for (const { source, tokens } of grant.clawbacks) {
    yield `  ${tokens} taken back for the reversed payment ${source ?? "of a user who was forgotten"}`;
  }
}
