import { dirname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { parse as parseJson } from "jsonc-parser";

import { readProjectConfig } from "./config.ts";
import { exists } from "./paths.ts";

/**
 * The names of a function's import map, beside the function and then in the folder above, if config.toml names none.
 */
const NAMES = ["deno.json", "deno.jsonc", "import_map.json"];

/**
 * Writes one import map for all functions of a project, which share one process: each function has the names of its
 * own map, and shared code has those of the map that most functions use.
 */
export async function writeImportMap(supabaseFolder: string, folder: string, path: string): Promise<void> {
  const { functions = {} } = readProjectConfig(supabaseFolder);
  const maps = new Map<string, string[]>();
  for (const name of await functionNames(folder)) {
    const named = functions[name]?.import_map;
    const map = named ? join(supabaseFolder, named) : await mapBeside(folder, name);
    if (map) maps.set(map, [...maps.get(map) ?? [], name]);
  }
  const whole = { imports: {}, scopes: {} as Record<string, Record<string, string>> };
  for (const [map, names] of [...maps].sort(([, a], [, b]) => b.length - a.length)) {
    const imports = await importsOf(map);
    whole.imports = { ...imports, ...whole.imports };
    for (const name of names) whole.scopes[pathToFileURL(join(folder, name)).href + "/"] = imports;
  }
  await Deno.writeTextFile(path, JSON.stringify(whole, null, 2));
}

async function functionNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && await exists(join(folder, name, "index.ts"))) names.push(name);
  }
  return names.sort();
}

async function mapBeside(folder: string, name: string): Promise<string | undefined> {
  for (const place of [join(folder, name), folder]) {
    for (const file of NAMES) if (await exists(join(place, file))) return join(place, file);
  }
  return undefined;
}

async function importsOf(map: string): Promise<Record<string, string>> {
  const { imports = {} } = parseJson(await Deno.readTextFile(map)) as { imports?: Record<string, string> };
  const home = pathToFileURL(dirname(map)).href + "/";
  const absolute = (target: string) => /^\.{0,2}\//.test(target) ? new URL(target, home).href : target;
  return Object.fromEntries(
    Object.entries(imports).flatMap(([name, target]): [string, string][] => {
      // In Deno's configuration a name also covers the paths below it; in an import map each must be listed.
      const [, scheme, rest] = /^(npm|jsr):\/?(.+)$/.exec(target) ?? [];
      const below: [string, string][] =
        scheme && !name.endsWith("/") && posix.basename(map).startsWith("deno.json")
          ? [[`${name}/`, `${scheme}:/${rest}/`]]
          : [];
      return [[name, absolute(target)], ...below];
    }),
  );
}
