import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder: the one with deno.json and supabase/. */
export const projectFolder = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The Supabase project, the same files on every way to run them. */
export const supabaseFolder = join(projectFolder, "supabase");

/** The folder that `functions/v1/*` is served from. */
export const functionsFolder = join(supabaseFolder, "functions");

/** The folder for everything that a stack writes: one per port base, or TESSERA_DATA_FOLDER. */
export function defaultDataFolder(portBase: number): string {
  return Deno.env.get("TESSERA_DATA_FOLDER") || join(projectFolder, ".tessera", String(portBase));
}

/** The folder of an installed package. Vitest does not know `import.meta.resolve`. */
export function installedPackage(name: string): string {
  return join(projectFolder, "node_modules", name);
}

/** The absolute path of a module in this folder, for a child's command line. */
export function localModule(name: string): string {
  return join(projectFolder, "scripts", "local", name);
}

/** This process's Deno: functions may have less. */
const { lstat } = Deno;

/** Whether a path exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
