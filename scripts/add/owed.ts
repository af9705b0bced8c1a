import { join } from "node:path";

import { projectFolder } from "../local/paths.ts";
import { readDebts } from "../modules/debts.ts";
import { createdBy } from "../modules/sql_objects.ts";
import { statementsOf } from "../modules/sql_tree.ts";
import { typescriptReferences } from "../modules/typescript_references.ts";

/** References of files to modules that their own module does not require; see supabase/module_debts.json. */
export interface Owed {
  /** Files that must come along because an import needs them. */
  files: string[];
  /** References that stay unresolved. */
  notes: string[];
}

/**
 * Finds known violations towards modules that are not taken: an imported file comes along, a missing SQL object is
 * reported.
 */
export async function owedBy(files: string[], migrations: string[]): Promise<Owed> {
  const created = new Set(migrations.flatMap((text) => statementsOf("a migration", text).flatMap(createdBy)));
  const found = new Set<string>();
  const notes: string[] = [];
  const add = async (file: string) => {
    if (files.includes(file) || found.has(file)) return;
    found.add(file);
    const text = await Deno.readTextFile(join(projectFolder, file));
    for (const { kind, refers_to } of typescriptReferences(file, text, new Map())) {
      if (kind === "import") await add(refers_to);
    }
  };
  for (const { kind, file, refers_to } of await readDebts()) {
    if (!files.includes(file)) continue;
    if (kind === "import" && !files.includes(refers_to)) {
      await add(refers_to);
      notes.push(
        `${file} still imports ${refers_to}, of a module that you do not take: that file comes along`,
      );
    }
    if (kind === "sql" && !created.has(refers_to)) {
      notes.push(`${file} still calls ${refers_to}, which none of the chosen modules creates`);
    }
  }
  return { files: [...found], notes };
}
