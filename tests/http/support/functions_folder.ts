import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";

import { functionsFolder, projectFolder } from "../../../scripts/local/paths.ts";
import type { Price } from "../../../supabase/functions/_shared/price.ts";

/** What a function declares, as its folder's index.ts exports it. */
export interface Declaration {
  name: string;
  auth: string;
  method: string;
  price?: Price;
  input: z.ZodType;
  output?: z.ZodType;
  fetch(request: Request): Promise<Response>;
}

/** A source file of supabase/functions: its path from there, its text without comments, and what it imports. */
export interface Source {
  path: string;
  text: string;
  /** Other files as paths from supabase/functions, packages by their names. */
  imports: string[];
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']/g;

/** The folders that are functions. */
export const functionNames: string[] = [...Deno.readDirSync(functionsFolder)]
  .filter(({ isDirectory, name }) => isDirectory && !/^[_.]/.test(name))
  .map(({ name }) => name)
  .toSorted();

/** Imports a function; undefined for one that calls Deno.serve instead of exporting what it is. */
export async function declarationOf(name: string): Promise<Declaration | undefined> {
  const module = await import(/* @vite-ignore */ pathToFileURL(join(functionsFolder, name, "index.ts")).href);
  return module.default;
}

export function isFeature(
  one: Declaration | undefined,
): one is Declaration & { price: Price; output: z.ZodType } {
  return one?.price !== undefined && one.output !== undefined;
}

/** Whether the function is a conversation over a WebSocket; a plain request gets as far as 426. */
export function isRealtime(one: Declaration | undefined): boolean {
  return one !== undefined && "session" in one;
}

/** Every source file of supabase/functions. */
export const sources: Source[] = listFiles(functionsFolder)
  .filter((path) => path.endsWith(".ts"))
  .map((path) => path.slice(functionsFolder.length + 1).replaceAll("\\", "/"))
  .toSorted()
  .map(readSource);

/** The project's config, whose blocks name the functions for every runtime. */
export const configText = Deno.readTextFileSync(join(projectFolder, "supabase", "config.toml"));

function listFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory ? listFiles(path) : [path];
  });
}

function readSource(path: string): Source {
  const text = Deno.readTextFileSync(join(functionsFolder, path))
    .replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
  const imports = [...text.matchAll(IMPORT)].map(([, target]) =>
    target!.startsWith(".") ? join(path, "..", target!).replaceAll("\\", "/") : target!
  );
  return { path, text, imports };
}
