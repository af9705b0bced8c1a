import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder: the one with deno.json and supabase/. */
export const projectFolder = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The Supabase project, the same files on every way to run them. */
export const supabaseFolder = join(projectFolder, "supabase");

/** The folder that `functions/v1/*` is served from. */
export const functionsFolder = join(supabaseFolder, "functions");

/** Where a stack keeps everything it writes: one folder per port base, or TESSERA_DATA_FOLDER. */
export function defaultDataFolder(portBase: number): string {
  return Deno.env.get("TESSERA_DATA_FOLDER") || join(projectFolder, ".tessera", String(portBase));
}

/** The folder of an installed package. Vitest does not know `import.meta.resolve`. */
export function installedPackage(name: string): string {
  return join(projectFolder, "node_modules", name);
}

/** Absolute path of a module of this folder, for the command line of a child. */
export function localModule(name: string): string {
  return join(projectFolder, "scripts", "local", name);
}

/** This process's own: functions that it serves may have less. */
const { lstat } = Deno;

/** Tells whether a path exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
