// Writes the tests that cite each mistake into docs/decisions/mistakes.md; --check compares.
import { join } from "node:path";

import { writeOrCheck } from "./docs/generated.ts";
import { citations, withCitations } from "./docs/mistakes.ts";
import { printableFailure } from "./local/errors.ts";
import { projectFolder } from "./local/paths.ts";

const PAGE = "docs/decisions/mistakes.md";

try {
  const page = await Deno.readTextFile(join(projectFolder, PAGE));
  await writeOrCheck({ [PAGE]: withCitations(page, await citations()) });
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
