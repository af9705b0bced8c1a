import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { functionNames, sources } from "../http/support/functions_folder.ts";
import { chosenFrom, inside, served } from "./support/test_files.ts";
import { OVER_HTTP } from "./suites.ts";

describe("the run under the Deno of the Edge Runtime", () => {
  it("has every file of the suites, or a reason why not, and excludes no file that does not exist", () => {
    expect([...served.faults, ...inside.faults]).toEqual([]);
    expect(served.files).toContain("tests/http/account.test.ts");
    expect(inside.files).toContain("tests/unit/shared/endpoint.test.ts");
  });

  it("includes a new file of a folder by itself, and notices incomplete and outdated lists", () => {
    const files = ["tests/http/new.test.ts", "tests/http/deep/new.test.ts", "tests/http/slow.test.ts"];
    const slow = { "tests/http/slow.test.ts": "it takes an hour" };
    expect(chosenFrom(files, ["tests/http/**/*.test.ts"], slow)).toEqual({
      files: ["tests/http/deep/new.test.ts", "tests/http/new.test.ts"],
      faults: [],
    });
    const bad = {
      "tests/http/s*.test.ts": "slow",
      "tests/http/gone.test.ts": "it takes an hour",
    };
    expect(chosenFrom(files, ["tests/http/**", "tests/sql/**"], { ...slow, ...bad }).faults).toEqual([
      "tests/sql/** names no file",
      "tests/http/gone.test.ts leaves out nothing that would run",
      "tests/http/slow.test.ts is left out twice",
      "tests/http/s*.test.ts has no reason",
    ]);
  });

  it("loads every module of the functions that stands on Node's", async () => {
    const onNode = sources.filter(({ imports }) => imports.some((name) => name.startsWith("node:")));
    expect(onNode.length).toBeGreaterThan(15);
    const loaded = loadedBy((await Promise.all(inside.files.map(importsOf))).flat());
    const reached = loadedBy(functionNames.map((name) => `${name}/index.ts`));
    const missing = onNode.map(({ path }) => path).filter((path) => !loaded.has(path));
    expect(missing).toEqual(Object.keys(OVER_HTTP).toSorted());
    for (const [path, file] of Object.entries(OVER_HTTP)) {
      expect(reached, path).toContain(path);
      expect(served.files).toContain(file);
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
