import postgres from "postgres";

import { findFreePort } from "../../scripts/local/ports.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { type ExtraFunctions, type Stack } from "../../scripts/local/stack.ts";
import { TokenExchange } from "../../scripts/local/tokens.ts";
import type { Effort } from "../interleave.ts";
import { count, table } from "../markdown.ts";
import type { Report } from "../section.ts";
import { headersOf, QUESTION } from "./call.ts";
import { KeepAlive } from "./keep_alive.ts";
import { load } from "./load.ts";
import { openFunctions } from "./part.ts";
import { makeUser } from "./users.ts";

const SECONDS = 60;
const WARM_UP_SECONDS = 5;
const CLIENTS = 64;
/** A process runs JavaScript on one CPU core; a hosted project has as many as it needs. */
const PROCESSES = 2;

/** A minute of metered requests without a pause: no errors, and the ledger matches the responses. */
export async function measureSteady(stack: Stack, _effort: Effort, report: Report): Promise<void> {
  const exchange = new TokenExchange(await readSecrets(stack.dataDir), stack.url);
  const tokens = await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const authorization = await exchange.forFunctions(`Bearer ${await makeUser(stack)}`);
    return authorization.slice("Bearer ".length);
  }));
  const sql = postgres(stack.databaseUrl, { max: 1 });
  const processes: ExtraFunctions[] = [];
  const ports: number[] = [];
  const connections: KeepAlive[] = [];
  try {
    for (let index = 0; index < PROCESSES; index++) {
      const port = await findFreePort();
      processes.push(await openFunctions(stack, { LEDGER_TRANSPORT: "postgres" }, port));
      ports.push(port);
    }
    for (const [client, token] of tokens.entries()) {
      const url = `http://127.0.0.1:${ports[client % PROCESSES]}/bench-metered`;
      connections.push(await KeepAlive.open(url, headersOf(stack, token), QUESTION));
    }
    const charged = { requests: 0, tokens: 0 };
    const request = async (client: number) => {
      const { status, text } = await connections[client]!.send();
      if (status !== 200) throw new Error(`A request was answered with ${status}: ${text}`);
      charged.requests++;
      charged.tokens += JSON.parse(text).usage.charged;
    };
    await load(request, { clients: CLIENTS, seconds: WARM_UP_SECONDS });
    const before = await ledgerOf(sql);
    Object.assign(charged, { requests: 0, tokens: 0 });
    const outcome = await load(request, { clients: CLIENTS, seconds: SECONDS });
    const after = await ledgerOf(sql);
    const entered = { requests: after.requests - before.requests, tokens: after.tokens - before.tokens };
    if (entered.requests !== charged.requests || entered.tokens !== charged.tokens) {
      throw new Error(`Answered ${JSON.stringify(charged)}, entered ${JSON.stringify(entered)}`);
    }
    const broken = await sql`select * from public.verify_token_ledger()`;
    if (broken.length > 0) {
      throw new Error(`The ledger is broken after the run: ${JSON.stringify(broken[0])}`);
    }
    report({
      title: `${SECONDS} seconds of metered requests, ${CLIENTS} at once`,
      text:
        `${PROCESSES} functions processes without a gateway before them, straight to Postgres. The run fails at the ` +
        "first answer that is no success, when the entries differ from what the answers said was charged, or when " +
        "`verify_token_ledger()` finds anything.",
      table: table(["requests/s", "requests", "errors", "tokens charged", "p50 ms", "p99 ms"], [[
        count(outcome.count / SECONDS),
        count(outcome.count),
        "0",
        count(charged.tokens),
        outcome.p50Ms.toFixed(1),
        outcome.p99Ms.toFixed(1),
      ]]),
    });
  } finally {
    for (const connection of connections) connection.close();
    await Promise.all([sql.end(), ...processes.map((functions) => functions.stop())]);
  }
}

async function ledgerOf(sql: postgres.Sql): Promise<{ requests: number; tokens: number }> {
  const [entered] = await sql<[{ requests: number; tokens: number }]>`
    select count(*)::float8 as requests, coalesce(-sum(delta), 0)::float8 as tokens
    from public.token_balance_history where operation_type = 'bench-metered'`;
  return entered;
}
