import { join } from "node:path";

import { projectFolder } from "../local/paths.ts";
import { BROUGHT } from "./brought.ts";

/** The folders in which each file belongs to exactly one module. */
const FOLDERS = ["supabase", "tests", "docs", BROUGHT.settings, BROUGHT.doctor];

/** Every file that must belong to a module, as paths below the project's folder, without the leftovers of tools. */
export async function projectFiles(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of FOLDERS) await addFiles(folder, found);
  return found.sort();
}

async function addFiles(folder: string, found: string[]): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(join(projectFolder, folder))) {
    if (name.startsWith(".")) continue;
    const path = `${folder}/${name}`;
    if (isDirectory) await addFiles(path, found);
    else found.push(path);
  }
}
