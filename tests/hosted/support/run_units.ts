// Runs test files in this Deno and prints what came of each test as one line of JSON: run_units.ts <JSON list of words that a test must not have in its name> <file> …

import { startTests, type VitestRunner } from "@vitest/runner";
import { getTests } from "@vitest/runner/utils";
import { pathToFileURL } from "node:url";

import type { UnitResult } from "./unit_result.ts";

// crc32 of its node:zlib asks for a global that it forgot to import. The demo model, which hosted functions are far from, draws with it.
Object.assign(globalThis, { isArrayBufferView: ArrayBuffer.isView });

const [without, ...paths] = Deno.args;
const words = (JSON.parse(without!) as string[]).map((one) => one.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));

const runner: VitestRunner = {
  config: {
    root: Deno.cwd(),
    setupFiles: [],
    name: undefined,
    passWithNoTests: false,
    testNamePattern: words.length === 0 ? undefined : new RegExp(`^(?!.*(${words.join("|")}))`),
    allowOnly: false,
    sequence: { seed: 1, hooks: "stack", setupFiles: "list" },
    chaiConfig: undefined,
    maxConcurrency: 5,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    retry: 0,
    includeTaskLocation: false,
    tags: [],
    tagsFilter: undefined,
    strictTags: false,
  },
  importFile: (path) => import(pathToFileURL(path).href),
};
const files = [];
// One after the other: what a file begins when it is imported must not wait for the others.
for (const path of paths) files.push(...await startTests([path], runner));
const results: UnitResult[] = files.flatMap((file) => [
  ...(file.result?.errors ?? []).map((error) =>
    resultOf(file.filepath, "(the file itself)", "fail", [error])
  ),
  ...getTests(file).map((test) =>
    resultOf(file.filepath, test.fullTestName, test.result?.state ?? test.mode, test.result?.errors)
  ),
]);
console.log("\n" + JSON.stringify(results));
Deno.exit();

function resultOf(
  file: string,
  name: string,
  state: string,
  errors: { message: string; stack?: string }[] = [],
): UnitResult {
  return { file, name, state, errors: errors.map(({ message, stack }) => stack ?? message) };
}
