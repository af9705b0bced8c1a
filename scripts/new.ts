// deno task new <name>: a working feature to start from.
import { join } from "node:path";

import { bodies, configBlock, declaration, test } from "./new/templates.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { addFunction } from "./modules/manifest.ts";
import { exists, functionsFolder, projectFolder, supabaseFolder } from "./local/paths.ts";
import { run } from "./local/run.ts";
import { explainWhenAsked } from "./local/usage.ts";

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_NAME = 60;

explainWhenAsked(
  "new",
  "deno task new <name>: creates a working feature, such as pun-maker: folder, config block and test",
);

try {
  await create(Deno.args);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

async function create([name = "", ...others]: string[]): Promise<void> {
  if (!NAME.test(name) || name.length > MAX_NAME || others.length > 0) {
    throw new StackError(`Cannot make "${[name, ...others].join(" ")}": expected one name like pun-maker`);
  }
  const config = join(supabaseFolder, "config.toml");
  const isListed = (await Deno.readTextFile(config)).includes(`[functions.${name}]`);
  if (isListed || await exists(join(functionsFolder, name))) {
    throw new StackError(`Cannot make ${name}: it exists`);
  }

  const files = {
    [`supabase/functions/${name}/index.ts`]: declaration(name),
    [`tests/http/bodies/${name}.ts`]: bodies(),
    [`tests/features/${name.replaceAll("-", "_")}.test.ts`]: test(name),
  };
  await Deno.mkdir(join(functionsFolder, name));
  for (const [path, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(projectFolder, path), text, { createNew: true });
  }
  await Deno.writeTextFile(config, configBlock(name), { append: true });
  await addFunction("features", name);
  const deno = (...args: string[]) => run(Deno.execPath(), { args, cwd: projectFolder });
  await deno("fmt", "-q", "supabase/modules.json", ...Object.keys(files)); // Line breaks depend on the name.
  for (const script of ["openapi.ts", "pricing.ts"]) await deno("run", "-A", join("scripts", script));
  console.log(`Made, and described in docs/:
${Object.keys(files).map((path) => `  ${path}`).join("\n")}
  supabase/config.toml: [functions.${name}]
  supabase/modules.json: ${name}, of features

It is served now: POST /functions/v1/${name}. Change it as you like, then:
  deno task docs   updates the reference, the prices and the client's types
  deno task ok     everything that must hold`);
}
