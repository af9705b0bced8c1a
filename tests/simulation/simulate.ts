/**
 * `deno task simulate`: plays histories as the test does; with `--hours 8` until the time is over or one fails.
 * SIMULATION_RUNS, SIMULATION_SEED and SIMULATION_PATH say how many and which; without a seed they are other histories
 * each time, while the test always plays the same ones.
 */
import { parseArgs } from "node:util";

const { values } = parseArgs({ args: Deno.args, options: { hours: { type: "string", default: "0" } } });
const { success } = await new Deno.Command(Deno.execPath(), {
  args: [
    "run",
    "-A",
    "npm:vitest@5.1.1",
    "run",
    "tests/simulation/simulation.test.ts",
    "--disable-console-intercept",
  ],
  env: {
    SIMULATION_HOURS: values.hours,
    SIMULATION_SEED: Deno.env.get("SIMULATION_SEED") ?? String(newSeed()),
  },
  stdin: "null",
}).spawn().status;
Deno.exit(success ? 0 : 1);

function newSeed(): number {
  return crypto.getRandomValues(new Int32Array(1))[0]!;
}
