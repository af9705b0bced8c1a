import { join } from "node:path";

import { projectFolder } from "../local/paths.ts";
import { projectFiles } from "./files.ts";
import { type Manifest, ownersOf } from "./manifest.ts";
import { createdBy } from "./sql_objects.ts";
import { statementsOf } from "./sql_tree.ts";

/** The module whose migration creates each database object, by schema and name. */
export async function objectOwners(manifest: Manifest): Promise<Map<string, string>> {
  const owners = ownersOf(manifest);
  const found = new Map<string, string>();
  for (const file of await projectFiles()) {
    if (!file.startsWith("supabase/migrations/")) continue;
    const statements = statementsOf(file, await Deno.readTextFile(join(projectFolder, file)));
    for (const name of statements.flatMap(createdBy)) found.set(name, owners(file)[0]!);
  }
  return found;
}
