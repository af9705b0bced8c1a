import { expect, it } from "vitest";
import { createSimulatedDatabase } from "./database.ts";
import { type Failure, simulate } from "./simulator.ts";

/** One for each core would do for the serial histories; the others wait more than they work. */
const DATABASES = 6;

const runs = Number(Deno.env.get("SIMULATION_RUNS") ?? 10_000);
const hours = Number(Deno.env.get("SIMULATION_HOURS") ?? 0);
const path = Deno.env.get("SIMULATION_PATH");
const firstSeed = Number(Deno.env.get("SIMULATION_SEED") ?? 1);
const MINUTES = 60_000;

const databases = await Promise.all(Array.from({ length: DATABASES }, () => createSimulatedDatabase()));

it("the database does what the model says, in every history", {
  timeout: 10 * MINUTES + hours * 60 * MINUTES,
}, async () => {
  const endsAt = Date.now() + hours * 60 * MINUTES;
  let seed = firstSeed;
  let played = 0;
  do {
    const simulation = await simulate(databases, { runs, seed, path });
    played += simulation.histories;
    const rate = Math.round(simulation.histories / simulation.seconds);
    console.log(`Simulation: seed ${seed}, ${played} histories, ${rate} a second`);
    console.log(`Simulation: ${simulation.tally}`);
    if (simulation.failure) expect.fail(reportOf(simulation.failure));
    seed = (seed + DATABASES) | 0;
  } while (Date.now() < endsAt);
});

function reportOf({ seed, path, lines }: Failure): string {
  const command = `SIMULATION_SEED=${seed} SIMULATION_PATH=${path} deno task simulate`;
  return ["The database does not do what the model says:", "", ...lines, "", `Again: ${command}`].join("\n");
}
