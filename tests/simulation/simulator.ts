import fc from "fast-check";
import { Caller } from "./callers.ts";
import { playCommitted } from "./committed.ts";
import type { SimulatedDatabase } from "./database.ts";
import { SimulationFailure } from "./failure.ts";
import { histories } from "./generators.ts";
import type { History } from "./history.ts";
import { playSerial } from "./serial.ts";
import { Tally } from "./tally.ts";

/** As many calls as one step makes at once. */
const CALLERS = 4;
/** A race that went wrong once may go well the next time. */
const PLAYS_OF_A_GIVEN_HISTORY = 20;
/** In one database. Histories leave their rows' remains, rolled back or not, which would slow the later ones. */
const HISTORIES_BETWEEN_VACUUMS = 20;

export interface SimulationOptions {
  runs: number;
  seed: number;
  /** Where in the seed's histories a failure was, as it was printed: plays only that one. */
  path?: string;
  /** Whether to look for a smaller history that fails as well; by default yes. */
  shrink?: boolean;
}

export interface Simulation {
  histories: number;
  seconds: number;
  tally: Tally;
  failure?: Failure;
}

export interface Failure {
  seed: number;
  path: string;
  /** How many histories it took. */
  histories: number;
  /** The smallest history that fails, and how, in readable lines. */
  lines: string[];
}

/** Plays random histories, one at a time in each of the databases; the first failure ends all of them. */
export async function simulate(
  databases: SimulatedDatabase[],
  options: SimulationOptions,
): Promise<Simulation> {
  const startedAt = performance.now();
  const tally = new Tally();
  const used = options.path === undefined ? databases : databases.slice(0, 1);
  const plays = options.path === undefined ? 1 : PLAYS_OF_A_GIVEN_HISTORY;
  const simulation: Simulation = { histories: 0, seconds: 0, tally };
  let failing: SimulatedDatabase | undefined;

  await Promise.all(used.map(async (database, index) => {
    const callers = Array.from(
      { length: CALLERS },
      (_, caller) => new Caller(database, `caller ${caller}`, tally),
    );
    let played = 0;
    const property = fc.asyncProperty(histories(database), async (history) => {
      if (failing && failing !== database) return;
      if (!failing) simulation.histories++;
      if (++played % HISTORIES_BETWEEN_VACUUMS === 0) await vacuum(database);
      try {
        for (let number = 0; number < plays; number++) await play(database, callers, history, tally);
      } catch (error) {
        failing ??= database;
        if (failing === database) throw error;
      }
    });
    const runs = Math.ceil(options.runs / used.length);
    const details = await fc.check(property, {
      numRuns: runs,
      seed: options.seed + index,
      path: options.path,
      endOnFailure: options.path !== undefined || options.shrink === false,
    });
    if (details.failed) simulation.failure = failureOf(details, simulation.histories);
    await Promise.all(callers.map((caller) => caller.end()));
  }));
  simulation.seconds = (performance.now() - startedAt) / 1000;
  return simulation;
}

async function play(
  database: SimulatedDatabase,
  callers: Caller[],
  history: History,
  tally: Tally,
): Promise<void> {
  if (history.mode === "serial") return await playSerial(database, history, tally);
  try {
    await playCommitted(database, callers, history, tally);
  } finally {
    await database.sql`select simulation.clear()`;
  }
}

async function vacuum({ sql }: SimulatedDatabase): Promise<void> {
  await sql`
    vacuum public.token_balances, public.token_balance_history, public.token_consumption_locks, public.token_anomalies,
      public.token_grants, private.token_grant_slices, private.token_grant_epochs, private.token_payments,
      private.token_reversal_parts, private.token_reversals, private.token_refunds, private.token_rollovers,
      private.wallets, private.wallet_members, private.request_counters`;
}

function failureOf(details: fc.RunDetails<[History]>, played: number): Failure {
  const error = details.errorInstance;
  const lines = error instanceof SimulationFailure
    ? [...error.transcript, "", ...error.problems.map((problem) => `✗ ${problem}`)]
    : [fc.stringify(details.counterexample), String(error instanceof Error ? error.stack : error)];
  return { seed: details.seed, path: details.counterexamplePath!, histories: played, lines };
}
