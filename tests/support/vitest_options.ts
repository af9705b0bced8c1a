import type { ViteUserConfig } from "vitest/config";

import deno from "../../deno.json" with { type: "json" };
import { SlowFirst } from "./slow_first.ts";

/** Names that deno.json maps to a file inside a package, which vite does not know of itself. */
const alias: Record<string, string | undefined> = Object.fromEntries(
  Object.entries(deno.imports)
    .map(([name, target]) => [name, /^npm:(deno-std)@[^/]+(\/.+)$/.exec(target)?.slice(1).join("")])
    .filter(([, target]) => target !== undefined),
);

/** An older version of a package, under a name of its own: node_modules links the newest alone. */
for (const [name, target] of Object.entries(deno.imports)) {
  const [, found, version] = /^npm:(@?[^@]+)@([^/]+)$/.exec(target) ?? [];
  if (found === undefined || found === name || !name.includes("-of-")) continue;
  const folder = `../../node_modules/.deno/${found.replace("/", "+")}@${version}/node_modules/${found}`;
  alias[name] = new URL(folder, import.meta.url).pathname;
}

/** What a run has for itself. */
export const forOneRun = {
  resolve: { alias: alias as Record<string, string> },
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
