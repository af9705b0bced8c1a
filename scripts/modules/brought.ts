import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { StackError } from "../local/errors.ts";
import { projectFolder } from "../local/paths.ts";
import type { Manifest } from "./manifest.ts";

/**
 * The folders in which a module may have a file with its name: its settings, its checks for `doctor`, its
 * permissions, its topics.
 */
export const BROUGHT = {
  settings: "scripts/settings/modules",
  doctor: "scripts/doctor/modules",
  permissions: "tests/security/permissions",
  topics: "tests/realtime/topics",
} as const;

export type Brought = keyof typeof BROUGHT;

/** The path of such a file, below the project's folder. */
export function broughtPath(kind: Brought, module: string): string {
  return `${BROUGHT[kind]}/${module}.ts`;
}

/** The patterns of a module's files there: the file, and a folder of its parts. */
export function broughtPatterns(module: string): string[] {
  return Object.values(BROUGHT).flatMap((folder) => [`${folder}/${module}.ts`, `${folder}/${module}/**`]);
}

/** The modules' files, by module, in the order of supabase/modules.json; modules without a file are left out. */
export async function broughtBy<Value>(
  manifest: Pick<Manifest, "modules">,
  kind: Brought,
  folder = projectFolder,
): Promise<Record<string, Value>> {
  const found: Record<string, Value> = {};
  for (const module of Object.keys(manifest.modules)) {
    const path = join(folder, broughtPath(kind, module));
    const isThere = await Deno.stat(path).then(() => true, (error) => {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    });
    if (!isThere) continue;
    const { default: value } = await import(pathToFileURL(path).href) as { default?: Value };
    if (value === undefined) throw new StackError(`${broughtPath(kind, module)} has no default export`);
    found[module] = value;
  }
  return found;
}
