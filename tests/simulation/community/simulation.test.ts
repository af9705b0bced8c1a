import { afterAll, expect, it } from "vitest";
import { Player } from "./player.ts";
import { type Failure, simulate } from "./simulator.ts";

const runs = Number(Deno.env.get("SIMULATION_COMMUNITY_RUNS") ?? 140);
const hours = Number(Deno.env.get("SIMULATION_HOURS") ?? 0);
const path = Deno.env.get("SIMULATION_PATH");
const firstSeed = Number(Deno.env.get("SIMULATION_SEED") ?? 1);
const MINUTES = 60_000;

const player = await Player.create();
afterAll(() => player.end());

it("five users in three salons may do, see and hear what the model says, in every history", {
  timeout: 10 * MINUTES + hours * 60 * MINUTES,
}, async () => {
  const startedAt = performance.now();
  const endsAt = Date.now() + hours * 60 * MINUTES;
  let seed = firstSeed;
  let played = 0;
  do {
    const { histories, failure } = await simulate(player, { runs, seed, path });
    played += histories;
    const rate = (played / (performance.now() - startedAt) * 1_000).toFixed(1);
    console.log(`Simulation of the community: seed ${seed}, ${played} histories, ${rate} a second`);
    if (failure) expect.fail(reportOf(failure));
    seed = (seed + 1) | 0;
  } while (Date.now() < endsAt);
});

function reportOf({ seed, path, lines }: Failure): string {
  const command = `SIMULATION_SEED=${seed} SIMULATION_PATH=${path} deno task simulate community`;
  return ["The community does not do what the model says:", "", ...lines, "", `Again: ${command}`].join("\n");
}
