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
  /** In supabase/migrations, without their times. */
  migrations: names,
  functions: names,
  /**
   * Tables that modules which require this one write to themselves: lists that each adds to, and a queue that is taken from.
   * Any other table is written to by its own module alone.
   */
  registries: names.default([]),
  /** What functions share, and pgTAP's tests; patterns, as are the two below. */
  files: names,
  /** Beside what is in a folder with the module's name, such as tests/http/ledger. */
  tests: names,
  docs: names,
});

const Manifest = z.strictObject({
  modules: z.record(z.string().regex(/^[a-z][a-z_]*$/), Module),
  /** What is about all modules at once: it may refer to any, and no module's own code may refer to it. */
  whole: names,
});

export type Module = z.infer<typeof Module>;
export type Manifest = z.infer<typeof Manifest>;

/** The owner of what is about all modules at once. */
export const WHOLE = "whole";

const FILE = join(supabaseFolder, "modules.json");

/** Reads supabase/modules.json, which says for each module what it has and what it requires. */
export async function readManifest(): Promise<Manifest> {
  return parseManifest(parseJson("supabase/modules.json", await Deno.readTextFile(FILE)));
}

/** The value of a file of JSON, or a reason that names the file. */
export function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StackError(`${name} is no JSON: ${messageOf(error)}`);
  }
}

/** Writes a function into a module, in the order of the alphabet, and leaves all else of the file as it is. */
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

/** Refuses a manifest that cannot be true: a module that requires an unknown one, or itself by some way. */
export function parseManifest(value: unknown): Manifest {
  const { data, error } = Manifest.safeParse(value);
  if (!data) throw new StackError(`supabase/modules.json: ${z.prettifyError(error)}`);
  for (const [name, { requires }] of Object.entries(data.modules)) {
    for (const required of requires) {
      if (!Object.hasOwn(data.modules, required)) {
        throw new StackError(`supabase/modules.json: ${name} requires ${required}, which is no module`);
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

/** A module and all that it requires, by whatever way; each after what it requires itself. */
export function withRequirements(manifest: Manifest, name: string): string[] {
  const found = new Set<string>();
  const add = (one: string) => {
    for (const required of manifest.modules[one]!.requires) add(required);
    found.add(one);
  };
  add(name);
  return [...found];
}

/** Tells for any path which modules have it, with the patterns of a manifest made ready once. */
export function ownersOf(manifest: Manifest): (path: string) => string[] {
  const patterns = [
    ...Object.entries(manifest.modules).map(([name, module]) => [name, patternsOf(name, module)] as const),
    [WHOLE, manifest.whole] as const,
  ].map(([name, list]) => [name, list.map((pattern) => globToRegExp(pattern))] as const);
  return (path) =>
    patterns.filter(([, expressions]) => expressions.some((expression) => expression.test(path)))
      .map(([name]) => name);
}

/** Every pattern of a module, of paths below the project's folder. */
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
