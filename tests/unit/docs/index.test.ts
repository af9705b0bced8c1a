import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { pages } from "../../support/markdown.ts";

/** The files that a page links to, as paths in the project. */
async function linksOf(page: string): Promise<string[]> {
  const text = await Deno.readTextFile(join(projectFolder, page));
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, target]) => join(dirname(page), target!));
}

describe("the indexes of the docs", () => {
  it.each(["docs", "docs/decisions"])("%s/README.md leads to each page of its folder", async (folder) => {
    const index = join(folder, "README.md");
    const here = (await pages()).filter((page) => dirname(page) === folder && page !== index);
    expect(here.length).toBeGreaterThan(5);
    const linked = await linksOf(index);
    expect(here.filter((page) => !linked.includes(page))).toEqual([]);
  });
});
