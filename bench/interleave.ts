import type { Comparison, Measurement, Outcome, Round, Side } from "./side.ts";

const WARM_UP_SECONDS = 1;

/** How long to measure. */
export interface Effort {
  rounds: number;
  seconds: number;
  /** How many messages the larger community has. */
  messages: number;
}

/** Runs the sides in turns, round after round, so that other load on the machine affects all of them. */
export async function interleave(comparison: Comparison, effort: Effort): Promise<Measurement[]> {
  const { sides } = comparison;
  const prepared: Side[] = [];
  try {
    for (const side of sides) {
      prepared.push(side);
      await side.prepare?.();
      await side.run(WARM_UP_SECONDS);
    }
    const measurements = sides.map(({ name }): Measurement => ({ name, rounds: [] }));
    for (let round = 0; round < effort.rounds; round++) {
      for (const [index, side] of sides.entries()) {
        measurements[index]!.rounds.push(summary(await side.run(effort.seconds), effort.seconds));
      }
    }
    return measurements;
  } finally {
    for (const side of prepared) await side.cleanup?.();
  }
}

function summary({ count, p50Ms, p99Ms, serverCpuMs }: Outcome, seconds: number): Round {
  if (count === 0) throw new Error("A side finished nothing in its time");
  return {
    ratePerSecond: count / seconds,
    p50Ms,
    p99Ms,
    serverCpuUs: serverCpuMs === undefined ? undefined : serverCpuMs * 1_000 / count,
  };
}
