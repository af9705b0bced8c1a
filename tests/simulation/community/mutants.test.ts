import { afterAll, describe, expect, it } from "vitest";
import { chosen } from "../../support/chosen_mutants.ts";
import { MUTANTS, plant } from "./mutants.ts";
import { Player } from "./player.ts";
import { simulate } from "./simulator.ts";

/** Most are found in the first thirty histories. */
const RUNS = 500;

const sound = await Player.create();
afterAll(() => sound.end());

describe("the simulator of the community finds that", () => {
  it.for(chosen(MUTANTS))("$name", { timeout: 240_000 }, async (mutant) => {
    const player = await Player.create((sql) => plant(sql, mutant));
    const seed = crypto.getRandomValues(new Int32Array(1))[0]!;
    const { histories, failure } = await simulate(player, { runs: RUNS, seed, shrink: false });
    await player.end();
    expect(failure, `not found in ${RUNS} histories from seed ${seed}`).toBeDefined();
    expect(failure!.isDifference, failure!.lines.join("\n")).toBe(true);
    const again = await simulate(sound, { runs: 1, seed, path: failure!.path });
    expect(again.histories).toBe(1);
    expect(again.failure?.lines, "the same history must pass without the bug").toBeUndefined();
    console.log(
      `Found after ${histories} histories: ${mutant.name}: ${failure!.lines.at(-1)!.slice(0, 200)}`,
    );
  });
});
