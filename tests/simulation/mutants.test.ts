import { describe, expect, it } from "vitest";
import { createSimulatedDatabase } from "./database.ts";
import { MUTANTS, plant } from "./mutants.ts";
import { simulate } from "./simulator.ts";

/** As many histories as a run of the simulation plays by default. */
const RUNS = 10_000;

const mutated = await Promise.all(
  MUTANTS.map((mutant) => createSimulatedDatabase((sql) => plant(sql, mutant))),
);
const soundDatabase = await createSimulatedDatabase();

describe("the simulator finds that", () => {
  it.for(MUTANTS.map((mutant, index) => ({ ...mutant, database: mutated[index]! })))(
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
