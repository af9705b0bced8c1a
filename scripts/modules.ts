// deno task modules: what each module has and requires; --check fails for files without a module and forbidden
// references.
import { parseArgs } from "node:util";

import { printableFailure, StackError } from "./local/errors.ts";
import { compare, readDebts } from "./modules/debts.ts";
import { readManifest } from "./modules/manifest.ts";
import { tableOf } from "./modules/table.ts";
import { survey } from "./modules/violations.ts";
import { explainWhenAsked } from "./local/usage.ts";

explainWhenAsked(
  "modules",
  "deno task modules [--check]: what each module has and requires; --check fails for every violation",
);

try {
  const { values } = parseArgs({ args: Deno.args, options: { check: { type: "boolean", default: false } } });
  const manifest = await readManifest();
  const found = await survey(manifest);
  const debts = await readDebts();
  if (values.check) {
    const problems = [...found.misplaced, ...compare(found.violations, debts)];
    if (problems.length > 0) throw new StackError(problems.join("\n"));
  } else console.log(tableOf(manifest, found, debts));
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
