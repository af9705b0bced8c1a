import { join } from "node:path";

import { type ExtraFunctions, type Stack, startFunctions } from "../../scripts/local/stack.ts";
import type { Effort } from "../interleave.ts";
import { measure, type Report } from "../section.ts";
import type { Comparison, Side } from "../side.ts";
import { callerOf } from "./call.ts";
import { load } from "./load.ts";
import { makeUser } from "./users.ts";

const CLIENTS = [1, 16, 64];
const UNMETERED = "unmetered";

/** Compares a metered function with the same function unmetered, through the gateway as a client app calls it. */
export async function measureHttp(stack: Stack, effort: Effort, report: Report): Promise<void> {
  const tokens = await Promise.all(Array.from({ length: Math.max(...CLIENTS) }, () => makeUser(stack)));
  const transports: ExtraFunctions[] = [];
  try {
    for (const LEDGER_TRANSPORT of ["rest", "postgres"]) {
      transports.push(await openFunctions(stack, { LEDGER_TRANSPORT }));
    }
    const [rest, postgres] = transports as [ExtraFunctions, ExtraFunctions];
    for (const clients of CLIENTS) {
      report(await measure(comparison(stack, { rest, postgres }, tokens, clients), effort));
    }
  } finally {
    for (const functions of transports) await functions.stop();
  }
}

/** A second functions process, for the benchmark's functions. */
export function openFunctions(
  stack: Stack,
  env: Record<string, string>,
  port?: number,
): Promise<ExtraFunctions> {
  const folder = join(import.meta.dirname!, "..", "functions");
  return startFunctions({ portBase: stack.portBase, dataDir: stack.dataDir, folder, env, port });
}

function comparison(
  stack: Stack,
  { rest, postgres }: Record<"rest" | "postgres", ExtraFunctions>,
  tokens: string[],
  clients: number,
): Comparison {
  const side = (
    name: string,
    { url }: ExtraFunctions,
    functionName: string,
    tokenOf: (client: number) => string,
  ): Side => {
    const call = callerOf(stack, `${url}/functions/v1/${functionName}`);
    return { name, run: (seconds) => load((client) => call(tokenOf(client)), { clients, seconds }) };
  };
  const ownToken = (client: number) => tokens[client]!;
  const oneToken = () => tokens[0]!;
  return {
    title: clients === 1
      ? "A request over HTTP, one after the other"
      : `Requests over HTTP, ${clients} at once`,
    unit: "requests",
    reference: UNMETERED,
    sides: [
      side(UNMETERED, rest, "bench-unmetered", ownToken),
      side("metered through REST", rest, "bench-metered", ownToken),
      side("metered straight to Postgres", postgres, "bench-metered", ownToken),
      ...clients > 1 ? [side("the same, all one user", postgres, "bench-metered", oneToken)] : [],
    ],
  };
}
