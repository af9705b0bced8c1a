import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";

import { functionsFolder, projectFolder } from "../../../scripts/local/paths.ts";
import type { CallLimit } from "../../../supabase/functions/_shared/http/call_limits.ts";
import type { Auth } from "../../../supabase/functions/_shared/http/credentials.ts";
import type { Price } from "../../../supabase/functions/_shared/ledger/price.ts";

/** An endpoint's declaration. */
export interface Declaration {
  /** Its path: the folder, and the action where there are several. */
  name: string;
  auth: Auth | Auth[];
  method: string;
  isTextBody?: boolean;
  callLimit?: CallLimit | { instead: string };
  price?: Price;
  takesWallet?: boolean;
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

/** The endpoints of every function. */
export const endpoints: Declaration[] = (await Promise.all(functionNames.map(endpointsOf))).flat();

/** Imports a function: its endpoint, or one for each of its actions. */
async function endpointsOf(name: string): Promise<Declaration[]> {
  const path = join(functionsFolder, name, "index.ts");
  const { default: declaration } = await import(/* @vite-ignore */ pathToFileURL(path).href);
  return Object.values(declaration.actions ?? [declaration]);
}

export function isFeature(one: Declaration): one is Declaration & { price: Price; output: z.ZodType } {
  return one.price !== undefined && one.output !== undefined;
}

/** Whether the function is a conversation over a WebSocket; a plain request gets as far as 426. */
export function isRealtime(one: Declaration): boolean {
  return "session" in one;
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
