/**
 * `deno task simulate`: plays histories as the test does; with `--hours 8` until the time is over or one fails.
 * SIMULATION_RUNS, SIMULATION_SEED and SIMULATION_PATH say how many and which.
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
  env: { SIMULATION_HOURS: values.hours },
  stdin: "null",
}).spawn().status;
Deno.exit(success ? 0 : 1);
