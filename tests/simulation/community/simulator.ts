import fc from "fast-check";
import { histories } from "./history.ts";
import { CommunityFailure, type Player } from "./player.ts";

export interface SimulationOptions {
  runs: number;
  seed: number;
  /** Where in the seed's histories a failure was, as it was printed: plays only that one. */
  path?: string;
  /** Whether to look for a smaller history that fails as well; by default yes. */
  shrink?: boolean;
}

export interface Failure {
  seed: number;
  path: string;
  /** Whether the database and the model differed: else the playing itself went wrong. */
  isDifference: boolean;
  /** The smallest history that fails, and how, in readable lines. */
  lines: string[];
}

/** Plays random histories against the model, until one fails. */
export async function simulate(
  player: Player,
  { runs, seed, path, shrink = true }: SimulationOptions,
): Promise<{ histories: number; failure?: Failure }> {
  let played = 0;
  let isFailing = false;
  const property = fc.asyncProperty(histories, async (history) => {
    if (!isFailing) played++;
    try {
      await player.play(history);
    } catch (error) {
      isFailing = true;
      throw error;
    }
  });
  const details = await fc.check(property, {
    numRuns: runs,
    seed,
    path,
    endOnFailure: path !== undefined || !shrink,
  });
  if (!details.failed) return { histories: played };
  const error = details.errorInstance;
  const lines = error instanceof CommunityFailure
    ? [...error.transcript, "", ...error.problems.map((problem) => `✗ ${problem}`)]
    : [fc.stringify(details.counterexample), String(error instanceof Error ? error.stack : error)];
  return {
    histories: played,
    failure: {
      seed: details.seed,
      path: details.counterexamplePath!,
      isDifference: error instanceof CommunityFailure,
      lines,
    },
  };
}
