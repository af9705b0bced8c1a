import { describe, expect, it } from "vitest";
import { chosen } from "../support/chosen_mutants.ts";
import { createSimulatedDatabase } from "./database.ts";
import { type Mutant, MUTANTS, plant } from "./mutants.ts";
import { simulate } from "./simulator.ts";

/** As many histories as a run of the simulation plays by default. */
const RUNS = 10_000;

/** How many seeds to try for each mutant, to find one that is early; 0: the mutant's own is to find it. */
const seeds = Number(Deno.env.get("SIMULATION_MUTANT_SEEDS") ?? 0);
/** Of a seed that is tried. */
const EARLY = 150;

const database = await createSimulatedDatabase();

async function find(mutant: Mutant, options: { runs: number; seed: number }) {
  const takeOut = await plant(database.sql, mutant);
  try {
    return (await simulate([database], { ...options, shrink: false })).failure;
  } finally {
    await takeOut();
  }
}

const finding = () => {
  it.for(chosen(MUTANTS))("$name", { timeout: 240_000 }, async (mutant) => {
    const { name, seed } = mutant;
    const failure = await find(mutant, { runs: RUNS, seed });
    expect(failure, `not found in ${RUNS} histories from seed ${seed}`).toBeDefined();
    const sound = await simulate([database], { runs: 1, seed, path: failure!.path });
    expect(sound.histories).toBe(1);
    expect(sound.failure?.lines, "the same history must pass without the bug").toBeUndefined();
    console.log(`Found after ${failure!.histories} histories: ${name}`);
  });
};

const seeking = () => {
  it.for(MUTANTS)("$name", { timeout: 3_600_000 }, async (mutant) => {
    let best = { seed: 0, histories: EARLY };
    for (let seed = 1; seed <= seeds && best.histories > 5; seed++) {
      const failure = await find(mutant, { runs: best.histories, seed });
      if (failure) best = { seed, histories: failure.histories };
    }
    console.log(JSON.stringify({ name: mutant.name, ...best }));
    expect(best.seed).toBeGreaterThan(0);
  });
};

if (seeds === 0) describe("the simulator finds that", finding);
else describe("a seed that is early finds that", seeking);
