import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { z } from "zod";

import type { Price } from "../../supabase/functions/_shared/price.ts";
import { functionsFolder } from "../local/paths.ts";

/** What a folder of supabase/functions says of itself; one that speaks another protocol may have no schemas. */
export interface Declared {
  name: string;
  /** Metered features answer once; a conversation goes on over a WebSocket; what is plain costs nothing. */
  kind: "feature" | "conversation" | "plain";
  auth: string;
  method: string;
  price?: Price;
  input?: z.ZodType;
  output?: z.ZodType;
  /** Takes multipart/form-data too. */
  maxUploadBytes?: number;
  run?(tools: unknown): Promise<unknown>;
  /** The comment above the declaration. */
  description: string;
  /** Its first sentence, without the full stop. */
  summary: string;
}

/** Every function, by name. */
export async function declaredFunctions(folder = functionsFolder): Promise<Declared[]> {
  const names = [...Deno.readDirSync(folder)]
    .filter(({ isDirectory, name }) => isDirectory && !/^[_.]/.test(name))
    .map(({ name }) => name)
    .toSorted();
  return await Promise.all(names.map((name) => declared(join(folder, name, "index.ts"), name)));
}

async function declared(path: string, name: string): Promise<Declared> {
  const [{ default: declaration }, source] = await Promise.all([
    import(/* @vite-ignore */ pathToFileURL(path).href),
    Deno.readTextFile(path),
  ]);
  const description = commentAbove(source, "export default");
  return {
    auth: "user",
    method: "POST",
    ...declaration,
    name,
    kind: declaration.price === undefined ? "plain" : declaration.run ? "feature" : "conversation",
    description,
    summary: description.split(/\.(?:\s|$)/)[0] || name,
  };
}

/** The text of the documentation comment that ends right before something. */
function commentAbove(source: string, what: string): string {
  const before = source.slice(0, source.indexOf(`\n${what}`));
  const comment = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*$/.exec(before)?.[1] ?? "";
  return comment.replace(/^\s*\*? ?/gm, "").replace(/\s+/g, " ").trim();
}

/** `meal-analyzer` as a method: `mealAnalyzer`. */
export function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}

/** `meal-analyzer` as a type: `MealAnalyzer`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel[0]!.toUpperCase() + camel.slice(1);
}
