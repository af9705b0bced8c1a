import { describe, expect, it } from "vitest";
import { createSimulatedDatabase } from "./database.ts";
import { MUTANTS, plant } from "./mutants.ts";
import { simulate } from "./simulator.ts";

/** As many histories as a run of the simulation plays by default. */
const RUNS = 10_000;

/** So many of them, others in each run; by hand all of them. */
const count = Number(Deno.env.get("SIMULATION_MUTANTS") ?? MUTANTS.length);

const planted = MUTANTS.map((mutant) => ({ mutant, order: Math.random() }))
  .toSorted((one, other) => one.order - other.order)
  .slice(0, count)
  .map(({ mutant }) => mutant);
const mutated = await Promise.all(
  planted.map((mutant) => createSimulatedDatabase((sql) => plant(sql, mutant))),
);
const soundDatabase = await createSimulatedDatabase();

describe("the simulator finds that", () => {
  it.for(planted.map((mutant, index) => ({ ...mutant, database: mutated[index]! })))(
    "$name",
    { timeout: 240_000 },
    async ({ name, database }) => {
      const seed = crypto.getRandomValues(new Int32Array(1))[0]!;
      const { failure } = await simulate([database], { runs: RUNS, seed, shrink: false });
      expect(failure, `not found in ${RUNS} histories from seed ${seed}`).toBeDefined();
      const sound = await simulate([soundDatabase], { runs: 1, seed, path: failure!.path });
      expect(sound.histories).toBe(1);
      expect(sound.failure?.lines, "the same history must pass without the bug").toBeUndefined();
      console.log(`Found after ${failure!.histories} histories: ${name}`);
    },
  );
});
