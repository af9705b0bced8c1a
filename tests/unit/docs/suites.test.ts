import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { projectFiles } from "../../../scripts/modules/files.ts";
import { chosenFrom } from "../../hosted/support/test_files.ts";
import { OWN_PROCESS } from "../../support/own_process.ts";

const TESTS = join(projectFolder, "tests");
const page = await Deno.readTextFile(join(TESTS, "README.md"));

/** The rows between the marks, cell by cell. */
const rows = page.slice(page.indexOf("<!-- suites -->"), page.indexOf("<!-- end -->"))
  .split("\n").filter((line) => line.startsWith("|")).slice(2)
  .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));

async function hasTests(folder: string): Promise<boolean> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory ? await hasTests(join(folder, name)) : name.endsWith(".test.ts")) return true;
  }
  return false;
}

describe("tests/README.md", () => {
  it("has a row for each suite that there is, and for no other", async () => {
    const suites: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(TESTS)) {
      if (isDirectory && await hasTests(join(TESTS, name))) suites.push(name);
    }
    const named = rows.map(([suite]) => /^\[`(\w+)\/`\]\(\1\/\)$/.exec(suite!)?.[1]);
    expect(named.toSorted()).toEqual(suites.toSorted());
  });

  it("says of each which question it answers, what it needs and how long it takes", () => {
    for (const [suite, question, needs, takes] of rows) {
      expect(question, suite).toMatch(/\?$/);
      expect(needs, suite).not.toBe("");
      expect(["seconds", "a minute", "minutes"], suite).toContain(takes);
    }
  });
});

describe("tests/support/own_process.ts", () => {
  it("names files that there are, each once and with a reason", async () => {
    const files = (await projectFiles()).filter((path) => path.endsWith(".test.ts"));
    const { faults } = chosenFrom(files, ["tests/**/*.test.ts"], OWN_PROCESS);
    expect(faults).toEqual([]);
    expect(chosenFrom(files, ["tests/**/*.test.ts"], { "tests/gone.test.ts": "it is gone" }).faults).not
      .toEqual([]);
  });
});
