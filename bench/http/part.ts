import type { Stack } from "../../scripts/local/stack.ts";
import type { Effort } from "../interleave.ts";
import { measure, type Report } from "../section.ts";
import type { Comparison, Side } from "../side.ts";
import { load } from "./load.ts";
import { makeUser } from "./users.ts";

const CLIENTS = 16;
const QUESTION = JSON.stringify({ question: "What is a tessera?" });
const UNMETERED = "unmetered";

/** Measures a metered function against the same one unmetered, through the gateway as a client app calls it. */
export async function measureHttp(stack: Stack, effort: Effort, report: Report): Promise<void> {
  const tokens = await Promise.all(Array.from({ length: CLIENTS }, () => makeUser(stack)));
  for (const comparison of comparisons(stack, tokens)) report(await measure(comparison, effort));
}

function comparisons(stack: Stack, tokens: string[]): Comparison[] {
  const side = (
    name: string,
    functionName: string,
    clients: number,
    tokenOf: (client: number) => string,
  ): Side => ({
    name,
    run: (seconds) =>
      load((client) => callFunction(stack, functionName, tokenOf(client)), { clients, seconds }),
  });
  const ownToken = (client: number) => tokens[client]!;
  const oneToken = () => tokens[0]!;
  return [
    {
      title: "A request over HTTP, one after the other",
      unit: "requests",
      reference: UNMETERED,
      sides: [
        side(UNMETERED, "bench-unmetered", 1, oneToken),
        side("metered", "bench-metered", 1, oneToken),
      ],
    },
    {
      title: `Requests over HTTP, ${CLIENTS} at once`,
      unit: "requests",
      reference: UNMETERED,
      sides: [
        side(UNMETERED, "bench-unmetered", CLIENTS, ownToken),
        side("metered, each a user of its own", "bench-metered", CLIENTS, ownToken),
        side("metered, all one user", "bench-metered", CLIENTS, oneToken),
      ],
    },
  ];
}

function callFunction(stack: Stack, name: string, token: string): Promise<Response> {
  return fetch(`${stack.url}/functions/v1/${name}`, {
    method: "POST",
    headers: {
      "apikey": stack.publishableKey,
      "Authorization": `Bearer ${token}`,
      "Content-Type": "application/json",
    },
    body: QUESTION,
  });
}
