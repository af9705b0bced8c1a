import { join } from "node:path";
import { globToRegExp } from "@std/path/glob-to-regexp";
import { z } from "zod";

import { messageOf, StackError } from "../local/errors.ts";
import { supabaseFolder } from "../local/paths.ts";
import { broughtPatterns } from "./brought.ts";

const names = z.array(z.string().min(1));

const Module = z.strictObject({
  title: z.string().min(1),
  requires: names,
  /** File names in supabase/migrations, without their times. */
  migrations: names,
  functions: names,
  /**
   * Registries: tables that modules which require this one write to themselves, and a queue that they take from. Only
   * a module's own functions write to its other tables.
   */
  registries: names.default([]),
  /** The code that functions share, and pgTAP's tests; patterns, as are the two below. */
  files: names,
  /** In addition to the files in a folder with the module's name, such as tests/http/ledger. */
  tests: names,
  docs: names,
});

const Manifest = z.strictObject({
  modules: z.record(z.string().regex(/^[a-z][a-z_]*$/), Module),
  /** Files about all modules: they may refer to any, and no module's own code may refer to them. */
  whole: names,
});

export type Module = z.infer<typeof Module>;
export type Manifest = z.infer<typeof Manifest>;

/** The owner of files about all modules. */
export const WHOLE = "whole";

const FILE = join(supabaseFolder, "modules.json");

/** Reads supabase/modules.json: the files and requirements of each module. */
export async function readManifest(): Promise<Manifest> {
  return parseManifest(parseJson("supabase/modules.json", await Deno.readTextFile(FILE)));
}

/** Parses a JSON file. Throws with the file's name. */
export function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StackError(`${name} is no JSON: ${messageOf(error)}`);
  }
}

/** Adds a function to a module, in alphabetical order; the rest of the file stays. */
export async function addFunction(module: string, name: string): Promise<void> {
  const text = await Deno.readTextFile(FILE);
  const { functions } = parseManifest(parseJson("supabase/modules.json", text)).modules[module] ?? {};
  if (!functions) throw new StackError(`supabase/modules.json has no module ${module}`);
  const list = [...new Set([...functions, name])].sort().map((one) => JSON.stringify(one)).join(
    ",\n        ",
  );
  const written = new RegExp(`("${module}": \\{[^]*?"functions": )\\[[^\\]]*\\]`);
  await Deno.writeTextFile(
    FILE,
    text.replace(written, (_, before) => `${before}[\n        ${list}\n      ]`),
  );
}

/** Throws for an invalid manifest: a module that requires an unknown one, or itself, directly or indirectly. */
export function parseManifest(value: unknown): Manifest {
  const { data, error } = Manifest.safeParse(value);
  if (!data) throw new StackError(`supabase/modules.json: ${z.prettifyError(error)}`);
  for (const [name, { requires }] of Object.entries(data.modules)) {
    for (const required of requires) {
      if (!Object.hasOwn(data.modules, required)) {
        throw new StackError(`supabase/modules.json: ${name} requires ${required}, which is not a module`);
      }
    }
  }
  for (const name of Object.keys(data.modules)) refuseCycle(data, [name]);
  return data;
}

function refuseCycle(manifest: Manifest, way: string[]): void {
  for (const required of manifest.modules[way.at(-1)!]!.requires) {
    if (way.includes(required)) {
      throw new StackError(`supabase/modules.json: a cycle: ${[...way, required].join(" requires ")}`);
    }
    refuseCycle(manifest, [...way, required]);
  }
}

/** A module and all that it requires, directly or indirectly, each after its requirements. */
export function withRequirements(manifest: Manifest, name: string): string[] {
  const found = new Set<string>();
  const add = (one: string) => {
    for (const required of manifest.modules[one]!.requires) add(required);
    found.add(one);
  };
  add(name);
  return [...found];
}

/** Returns the modules that have a path; the manifest's patterns are compiled once. */
export function ownersOf(manifest: Manifest): (path: string) => string[] {
  const patterns = [
    ...Object.entries(manifest.modules).map(([name, module]) => [name, patternsOf(name, module)] as const),
    [WHOLE, manifest.whole] as const,
  ].map(([name, list]) => [name, list.map((pattern) => globToRegExp(pattern))] as const);
  return (path) =>
    patterns.filter(([, expressions]) => expressions.some((expression) => expression.test(path)))
      .map(([name]) => name);
}

/** Every pattern of a module, for paths below the project's folder. */
export function patternsOf(name: string, module: Module): string[] {
  return [
    ...broughtPatterns(name),
    `tests/*/${name}/**`,
    ...module.migrations.map((name) => `supabase/migrations/+([0-9])_${name}.sql`),
    ...module.functions.map((name) => `supabase/functions/${name}/**`),
    ...module.files,
    ...module.tests,
    ...module.docs,
  ];
}
