import { join } from "node:path";
import postgres from "postgres";

import { printableFailure, StackError } from "./local/errors.ts";
import { projectFolder } from "./local/paths.ts";
import { run } from "./local/run.ts";
import { findFreePortBase, startStack } from "./local/stack.ts";
import { schemaSnapshot } from "./schema/snapshot.ts";

/** The first CLI that generates types without Docker. Deno cannot install it on every platform, so npm runs it. */
const CLI = "supabase@3.1.0";
const TYPES = "supabase/functions/_shared/database/database.types.ts";
const SCHEMA = "docs/schema.sql";

/**
 * Generates the types of the migrations' tables and functions and the snapshot of the schema, from a new empty
 * database.
 */
async function generate(): Promise<Record<string, string>> {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-types-" });
  const portBase = await findFreePortBase();
  const stack = await startStack({ portBase, dataDir, quiet: true, fast: true, schedule: false });
  const sql = postgres(stack.databaseUrl, {
    max: 1,
    onnotice: () => {},
    connection: { search_path: "pg_catalog" },
  });
  try {
    const schema = await schemaSnapshot(sql);
    const printed = await run("npx", {
      args: ["-y", CLI, "gen", "types", "typescript", "--db-url", stack.databaseUrl, "--schema", "public"],
      env: { SUPABASE_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" },
    });
    const file = join(dataDir, "database.types.ts");
    // The CLI prints its own notices before the types.
    await Deno.writeTextFile(file, printed.slice(printed.indexOf("export type Json")));
    await run(Deno.execPath(), { args: ["fmt", "-q", "--line-width", "110", file] });
    return { [TYPES]: await Deno.readTextFile(file), [SCHEMA]: schema };
  } finally {
    await sql.end();
    await stack.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

try {
  for (const [name, text] of Object.entries(await generate())) {
    const path = join(projectFolder, name);
    if (!Deno.args.includes("--check")) {
      await Deno.writeTextFile(path, text);
    } else if (await Deno.readTextFile(path).catch(() => "") !== text) {
      throw new StackError(`${name} does not match the migrations. To update it: deno task types`);
    }
  }
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}
