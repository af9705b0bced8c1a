import { join } from "node:path";

import { StackError } from "../local/errors.ts";
import { projectFolder, supabaseFolder } from "../local/paths.ts";
import { projectFiles } from "../modules/files.ts";
import { type Manifest, ownersOf } from "../modules/manifest.ts";
import { owedBy } from "./owed.ts";
import { bareImports } from "../modules/typescript_references.ts";

/** One of Tessera's migrations. */
export interface OfferedMigration {
  name: string;
  text: string;
}

/** The files and settings of modules. */
export interface Offer {
  /** Tessera's version. */
  version: string;
  modules: string[];
  /** Texts of the files below supabase/functions, by the path in the project. */
  files: Map<string, string>;
  /** In the order of application. */
  migrations: OfferedMigration[];
  functions: string[];
  /** The functions' blocks of config.toml, without the import map. */
  blocks: Map<string, string>;
  /** Packages that the files import, by name, with their pinned versions. */
  imports: Map<string, string>;
  /** Notes for the project's owner. */
  notes: string[];
}

const MIGRATION = /^supabase\/migrations\/\d+_(.+)\.sql$/;

/** Collects the files and settings of modules, which must include all that they require. */
export async function offerOf(manifest: Manifest, modules: string[]): Promise<Offer> {
  const { version, imports: known } = JSON.parse(
    await Deno.readTextFile(join(projectFolder, "deno.json")),
  ) as { version: string; imports: Record<string, string> };
  const config = await Deno.readTextFile(join(supabaseFolder, "config.toml"));
  const owners = ownersOf(manifest);
  const files: Offer["files"] = new Map();
  const migrations: OfferedMigration[] = [];
  const imports: Offer["imports"] = new Map();
  const read = (path: string) => Deno.readTextFile(join(projectFolder, path));
  for (const path of await projectFiles()) {
    const [, migration] = MIGRATION.exec(path) ?? [];
    if (!migration && !path.startsWith("supabase/functions/")) continue;
    if (!modules.includes(owners(path)[0] ?? "")) continue;
    if (migration) migrations.push({ name: migration, text: await read(path) });
    else files.set(path, await read(path));
  }
  const owed = await owedBy([...files.keys()], migrations.map(({ text }) => text));
  for (const path of owed.files) files.set(path, await read(path));
  for (const [path, text] of files) {
    if (!path.endsWith(".ts")) continue;
    for (const name of bareImports(path, text)) {
      const specifier = known[name];
      if (!specifier) throw new StackError(`${path} imports ${name}, which deno.json does not name`);
      imports.set(name, specifier);
    }
  }
  const functions = modules.flatMap((name) => manifest.modules[name]!.functions).sort();
  const blocks = new Map(functions.map((name) => [name, blockOf(config, name)]));
  return {
    version,
    modules,
    files,
    migrations,
    functions,
    blocks,
    imports: inOrder(imports),
    notes: owed.notes,
  };
}

function inOrder(map: Map<string, string>): Map<string, string> {
  return new Map([...map].sort(([a], [b]) => a < b ? -1 : 1));
}

function blockOf(config: string, name: string): string {
  const lines = config.split("\n");
  const start = lines.indexOf(`[functions.${name}]`);
  if (start < 0) throw new StackError(`supabase/config.toml has no block [functions.${name}]`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith("[") || line.startsWith("#") || line.trim() === "");
  const settings = (end < 0 ? rest : rest.slice(0, end)).filter((line) => !/^import_map\s*=/.test(line));
  return [lines[start], ...settings].join("\n");
}
