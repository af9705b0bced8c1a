/**
 * `deno task simulate`: plays histories as the test does; with `--hours 8` until the time is over or one fails.
 * `deno task simulate community`: those of users in salons, against the model of the community.
 * SIMULATION_RUNS (the community's: SIMULATION_COMMUNITY_RUNS), SIMULATION_SEED and SIMULATION_PATH say how many and which; without a seed they are other histories
 * each time, while the test always plays the same ones.
 */
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { hours: { type: "string", default: "0" } },
});
const folders: Record<string, string> = {
  "": "tests/simulation",
  community: "tests/simulation/community",
};
const folder = folders[positionals.join(" ")];
if (folder === undefined) {
  console.error("Expected is deno task simulate, or deno task simulate community");
  Deno.exit(1);
}
const { success } = await new Deno.Command(Deno.execPath(), {
  args: [
    "run",
    "-A",
    "npm:vitest@5.1.1",
    "run",
    `${folder}/simulation.test.ts`,
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
