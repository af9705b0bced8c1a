import type { ViteUserConfig } from "vitest/config";

import deno from "../../deno.json" with { type: "json" };
import { SlowFirst } from "./slow_first.ts";

/** Names that deno.json maps to a file inside a package, which vite does not know of itself. */
const alias = Object.fromEntries(
  Object.entries(deno.imports)
    .map(([name, target]) => [name, /^npm:(deno-std)@[^/]+(\/.+)$/.exec(target)?.slice(1).join("")])
    .filter(([, target]) => target !== undefined),
);

/** What a run has for itself. */
export const forOneRun = {
  resolve: { alias },
  test: {
    globalSetup: "tests/support/global_setup.ts",
    // Long for a slow machine that does other things too: a test that hangs is found all the same.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
};

/** What runs beside each other share. */
export const forAllRuns = {
  sequence: { sequencer: SlowFirst },
  // Most tests wait for a process or for Postgres; as many workers as cores leave them idle.
  maxWorkers: 3,
  // postgres.js may write once more to a connection that a test has killed.
  onUnhandledError: ({ message, stack }) =>
    !(message.includes("reading 'write'") && stack?.includes("postgres/src/connection.js")),
} satisfies ViteUserConfig["test"];
