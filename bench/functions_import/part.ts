import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { functionsFolder, projectFolder } from "../../scripts/local/paths.ts";
import { run } from "../../scripts/local/run.ts";
import type { Stack } from "../../scripts/local/stack.ts";
import type { Effort } from "../interleave.ts";
import { table } from "../markdown.ts";
import type { Report } from "../section.ts";
import { median } from "../statistics.ts";
import { packagesLoadedWith } from "./packages.ts";

/** The longest that a first request may wait for a function's code. */
const LIMIT_MS = 400;

interface ImportTime {
  durationMs: number;
  cpuMs: number;
}

/** Measures how long each function's code takes to load in a new process, one function after the other. */
export async function measureImports(_stack: Stack, { rounds }: Effort, report: Report): Promise<void> {
  const names = [...Deno.readDirSync(functionsFolder)]
    .filter(({ isDirectory, name }) => isDirectory && !/^[_.]/.test(name))
    .map(({ name }) => name)
    .toSorted();
  const times = new Map<string, ImportTime[]>(names.map((name) => [name, []]));
  for (const name of names) await importTime(name); // Fills the compiler's cache.
  for (let round = 0; round < rounds; round++) {
    for (const name of names) times.get(name)!.push(await importTime(name));
  }
  const durations = (name: string) => times.get(name)!.map(({ durationMs }) => durationMs);
  const packages = await Promise.all(names.map((name) => packagesLoadedWith(indexOf(name))));
  const slowest = Math.max(...names.map((name) => median(durations(name))));
  report({
    title: "Cold start: the import of each function",
    text:
      `What a new process takes to load a function's code, ${rounds} times, and the packages that are loaded with it; \
an AI SDK is loaded by the first call that needs it. The slowest median is ${
        slowest.toFixed(0)
      } ms, the limit \
${LIMIT_MS} ms${
        slowest > LIMIT_MS ? ": **exceeded**" : ""
      }. The compiler's cache is filled before; other programs slow \
the median, and the fastest and the processor's time less.`,
    table: table(
      ["function", "fastest ms", "median ms", "CPU ms", "packages"],
      names.map((name, index) => [
        name,
        Math.min(...durations(name)).toFixed(0),
        median(durations(name)).toFixed(0),
        median(times.get(name)!.map(({ cpuMs }) => cpuMs)).toFixed(0),
        packages[index]!.join(", "),
      ]),
    ),
  });
}

async function importTime(name: string): Promise<ImportTime> {
  const child = join(import.meta.dirname!, "child.ts");
  const args = ["run", "-A", child, pathToFileURL(indexOf(name)).href];
  return JSON.parse(await run(Deno.execPath(), { args, cwd: projectFolder }));
}

function indexOf(name: string): string {
  return join(functionsFolder, name, "index.ts");
}
