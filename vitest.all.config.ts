import { defineConfig } from "vitest/config";

import { forAllRuns } from "./tests/support/vitest_options.ts";

/** Both runs beside each other, as `deno task ok` has them: one summary, and no worker idle between them. */
export default defineConfig({
  test: { ...forAllRuns, projects: ["vitest.config.ts", "vitest.hosted.config.ts"] },
});
