import { defineConfig } from "vitest/config";

import { OWN_PROCESS } from "./tests/support/own_process.ts";
import { forAllRuns, forOneRun } from "./tests/support/vitest_options.ts";

const apart = Object.keys(OWN_PROCESS);

/**
 * `deno task test`: every test, on a stack whose functions run under this Deno. Most files share the process of a worker
 * with the files before them: starting one, and loading the packages again, takes longer than most of their tests.
 */
export default defineConfig({
  ...forOneRun,
  test: {
    ...forAllRuns,
    ...forOneRun.test,
    name: "here",
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          isolate: false,
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/hosted/units.test.ts", "tests/hosted/deno.test.ts", ...apart],
        },
      },
      { extends: true, test: { name: "apart", include: apart } },
    ],
  },
});
