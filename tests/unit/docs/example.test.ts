import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { declaration } from "../../../scripts/new/templates.ts";
import { FEATURE_CONFIG, FEATURE_PRICE } from "../../stack/own_feature.ts";

const read = (page: string) => Deno.readTextFile(join(projectFolder, page));

/** The first block of a page that declares a feature, without the indentation of a list. */
async function featureOn(page: string): Promise<string> {
  const blocks = [...(await read(page)).matchAll(/^( *)```ts\n([^]*?)^ *```$/gm)]
    .map(([, indentation, text]) => text!.replaceAll(new RegExp(`^${indentation}`, "gm"), ""));
  return blocks.find((text) => text.includes("defineFeature({")) ?? "no feature";
}

describe("the feature that the docs show", () => {
  it.each(["README.md", "docs/guide.md"])("in %s is the one that deno task new writes", async (page) => {
    expect(await featureOn(page)).toBe(declaration("pun-maker"));
  });

  it("in docs/add.md is the same, with the price and block of its test", async () => {
    expect(await featureOn("docs/add.md")).toBe(declaration("pun-maker", `{ per_call: ${FEATURE_PRICE} }`));
    expect(await read("docs/add.md")).toContain(FEATURE_CONFIG.trim());
  });
});
