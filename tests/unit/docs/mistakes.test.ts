import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { citations, withCitations } from "../../../scripts/docs/mistakes.ts";
import { projectFolder } from "../../../scripts/local/paths.ts";

const page = await Deno.readTextFile(join(projectFolder, "docs/decisions/mistakes.md"));

/** Without the line breaks that the formatter sets. */
const flat = (text: string) => text.replaceAll(/\s+/g, " ");

describe("the list of mistakes", () => {
  it("has every mistake that a test cites, with the files that cite it", async () => {
    const cited = await citations();
    expect(cited.size).toBeGreaterThan(25);
    expect(flat(page)).toBe(flat(withCitations(page, cited)));
  });

  it("is as long as the README says", async () => {
    const readme = await Deno.readTextFile(join(projectFolder, "README.md"));
    const [, count] = /\[(\d+) mistakes\]\(docs\/decisions\/mistakes\.md\)/.exec(readme)!;
    expect(Number(count)).toBe([...page.matchAll(/^### \d+b?\. /gm)].length);
  });

  it("refuses a citation of a mistake that it does not have, and names the file", () => {
    expect(() => withCitations(page, new Map([["99", ["tests/sql/made_up.test.ts"]]])))
      .toThrow("lacks what tests cite: mistake 99 (tests/sql/made_up.test.ts)");
  });

  it("says why, where no test cites a mistake", () => {
    const section =
      "# Page\n\n### 1. One\n\nWrong.\n\nTests:\n\n### 2b. Two\n\nWrong.\n\nNot cited: it cannot happen.\n";
    expect(withCitations(section, new Map([["1", ["tests/a.test.ts", "tests/b.test.ts"]]])))
      .toBe(section.replace("Tests:", "Tests: `tests/a.test.ts`, `tests/b.test.ts`"));
    expect(() => withCitations(section, new Map())).toThrow("No test cites mistake 1");
  });
});
