// client build [--functions <folder>] [--out <folder>]: builds the npm package of the typed client.
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { buildClient } from "./client/package.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { functionsFolder, projectFolder } from "./local/paths.ts";
import { explainWhenAsked } from "./local/usage.ts";

explainWhenAsked(
  "client",
  "deno task client build [--functions <folder>] [--out <folder>]: makes the npm package of the typed client",
);

try {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { functions: { type: "string" }, out: { type: "string" } },
  });
  if (positionals.join(" ") !== "build") {
    throw new StackError("Expected: deno task client build [--functions <folder>] [--out <folder>]");
  }
  const out = resolve(values.out ?? join(projectFolder, "client", "dist"));
  await buildClient(out, resolve(values.functions ?? functionsFolder));
  console.log(`The package is in ${out}. Try it in an app: npm install "${out}"`);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
