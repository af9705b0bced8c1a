import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

import { exists, projectFolder } from "../../../scripts/local/paths.ts";
import { pages } from "../../support/markdown.ts";

const FOLDER = join(projectFolder, "docs", "images");
const LIGHT = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) =>
  name.endsWith("-light.svg")
);

/** Every file that a page shows: `src` and `srcset` of its HTML. */
async function shown(): Promise<string[]> {
  const found: string[] = [];
  for (const page of await pages()) {
    const text = await Deno.readTextFile(join(projectFolder, page));
    for (const [, path] of text.matchAll(/\bsrc(?:set)?="(?!https?:)([^"]+)"/g)) {
      found.push(join(dirname(page), path!));
    }
  }
  return found;
}

describe("pictures in the docs", () => {
  it("exist where a page shows them", async () => {
    const files = await shown();
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(await exists(join(projectFolder, file)), file).toBe(true);
  });

  it.each(LIGHT)("%s and its dark one differ in colours alone, and a page shows both", async (light) => {
    const dark = light.replace("-light.svg", "-dark.svg");
    const drawn = async (name: string) =>
      (await Deno.readTextFile(join(FOLDER, name))).replaceAll(/#[0-9a-f]{6}\b/g, "#");
    expect(await drawn(dark)).toBe(await drawn(light));
    expect(await shown()).toEqual(expect.arrayContaining([`docs/images/${light}`, `docs/images/${dark}`]));
  });
});
