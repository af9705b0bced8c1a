import { defineConfig } from "vitest/config";

import { forAllRuns, forOneRun } from "./tests/support/vitest_options.ts";

/** `deno task test`: every test, on a stack whose functions run under this Deno. */
export default defineConfig({
  ...forOneRun,
  test: {
    ...forAllRuns,
    ...forOneRun.test,
    name: "here",
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/hosted/units.test.ts", "tests/hosted/deno.test.ts"],
  },
});
