import { defineConfig } from "vitest/config";

import { FUNCTIONS_DENO_VARIABLE, HOSTED_DENO } from "./scripts/local/functions_deno.ts";
import { served } from "./tests/hosted/support/test_files.ts";
import { whyNoHostedDeno } from "./tests/support/hosted_deno.ts";
import { forAllRuns, forOneRun } from "./tests/support/vitest_options.ts";

/**
 * `deno task test:hosted`: what calls functions, on a stack whose functions run under the Deno of the Edge Runtime, and
 * the unit tests inside it. tests/hosted/suites.ts says which.
 */
export default defineConfig(async () => {
  const canRun = await whyNoHostedDeno() === undefined;
  const { globalSetup, ...test } = forOneRun.test;
  return {
    ...forOneRun,
    test: {
      ...forAllRuns,
      ...test,
      ...canRun ? { globalSetup } : {},
      name: `Deno ${HOSTED_DENO}`,
      include: [
        "tests/hosted/deno.test.ts",
        ...canRun ? ["tests/hosted/units.test.ts", ...served.files] : [],
      ],
      env: { [FUNCTIONS_DENO_VARIABLE]: HOSTED_DENO },
    },
  };
});
