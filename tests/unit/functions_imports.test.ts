import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { packagesLoadedWith } from "../../bench/functions_import/packages.ts";
import { functionsFolder } from "../../scripts/local/paths.ts";
import { functionNames } from "../http/support/functions_folder.ts";

/** What each function needs before it has read a request: its schemas, and who is calling. */
const WITH_EVERY_FUNCTION = ["@supabase/server", "@supabase/supabase-js", "zod"];

describe("the packages that are loaded with a function", () => {
  it.each(functionNames)("%s: no AI SDK, and no driver of a database", async (name) => {
    const packages = await packagesLoadedWith(join(functionsFolder, name, "index.ts"));
    expect(packages.filter((one) => !WITH_EVERY_FUNCTION.includes(one))).toEqual([]);
    expect(packages).toContain("zod");
  });
});
