import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { functionNames, sources } from "../http/support/functions_folder.ts";
import { testFilesIn, unitFiles } from "./support/test_files.ts";
import { INSIDE, NOT_INSIDE, NOT_SERVED, OVER_HTTP, SERVED, SUITES } from "./suites.ts";

describe("the run under the Deno of the Edge Runtime", () => {
  it("has every file of the suites, or a reason why not", () => {
    const listed = [...SERVED, ...Object.keys(NOT_SERVED)].toSorted();
    expect(listed).toEqual(SUITES.flatMap(testFilesIn).toSorted());
    expect(Object.values(NOT_SERVED).filter((reason) => reason.length < 10)).toEqual([]);
  });

  it("excludes no unit test that does not exist", () => {
    const files = testFilesIn("tests/unit");
    expect(Object.keys(NOT_INSIDE).filter((file) => !files.includes(file))).toEqual([]);
    expect(INSIDE.flatMap(testFilesIn)).toEqual(INSIDE);
  });

  it("loads every module of the functions that stands on Node's", async () => {
    const onNode = sources.filter(({ imports }) => imports.some((name) => name.startsWith("node:")));
    expect(onNode.length).toBeGreaterThan(15);
    const inside = loadedBy((await Promise.all(unitFiles.map(importsOf))).flat());
    const served = loadedBy(functionNames.map((name) => `${name}/index.ts`));
    const missing = onNode.map(({ path }) => path).filter((path) => !inside.has(path));
    expect(missing).toEqual(Object.keys(OVER_HTTP).toSorted());
    for (const [path, file] of Object.entries(OVER_HTTP)) {
      expect(served, path).toContain(path);
      expect(SERVED).toContain(file);
    }
  });
});

/** Which files of supabase/functions a test file imports itself. */
async function importsOf(file: string): Promise<string[]> {
  const text = await Deno.readTextFile(join(projectFolder, file));
  return [...text.matchAll(/from "(?:\.\.\/)+supabase\/functions\/([^"]+)"/g)].map(([, path]) => path!);
}

/** The files of supabase/functions that stand behind others, themselves too. */
function loadedBy(paths: string[]): Set<string> {
  const bySource = new Map(sources.map(({ path, imports }) => [path, imports]));
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path) || !bySource.has(path)) return;
    seen.add(path);
    bySource.get(path)!.forEach(visit);
  };
  paths.forEach(visit);
  return seen;
}
