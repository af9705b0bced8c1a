import { join, relative, resolve } from "node:path";
import { parse as parseToml } from "@std/toml";

import { messageOf, StackError } from "../local/errors.ts";
import { projectFolder } from "../local/paths.ts";
import { type Given, parseRecord, RECORD } from "./record.ts";

export const CONFIG = "supabase/config.toml";
export const MIGRATIONS = "supabase/migrations";

/** A Supabase project that modules are put into. */
export interface Target {
  folder: string;
  record: Given;
  config: string;
  /** Names of functions that config.toml has a block for. */
  configured: string[];
  /** Names of the files of migrations, in order. */
  migrations: string[];
  /** Folders below supabase/functions that are served. */
  functions: string[];
}

/** The real path of a project's folder; throws with the reason where no module can be put into it. */
export async function findTarget(folder: string): Promise<string> {
  const { isDirectory } = await Deno.stat(folder).catch((error) => {
    if (error instanceof Deno.errors.NotFound) throw new StackError(`There is no folder ${folder}`);
    throw error;
  });
  if (!isDirectory) throw new StackError(`${folder} is no folder`);
  const real = await Deno.realPath(folder);
  const home = await Deno.realPath(projectFolder);
  if (!relative(home, real).startsWith("..") && resolve(home, relative(home, real)) === real) {
    throw new StackError(`${folder} is inside Tessera itself: name the folder of your own project`);
  }
  if (!await isFolder(join(real, "supabase"))) {
    throw new StackError(
      `${folder} has no folder supabase: it is made there by \`npx supabase init\`. Name the folder that has it`,
    );
  }
  return real;
}

/** Reads what a project has. */
export async function readTarget(real: string): Promise<Target> {
  const config = await readText(real, CONFIG);
  if (config === undefined) {
    throw new StackError(`${real} has no ${CONFIG}: it is made there by \`npx supabase init\``);
  }
  return {
    folder: real,
    record: parseRecord(await readText(real, RECORD)),
    config,
    configured: configuredFunctions(config),
    migrations: (await namesIn(join(real, MIGRATIONS)))
      .filter(({ name, isDirectory }) => !isDirectory && /^\d+_.*\.sql$/.test(name))
      .map(({ name }) => name).sort(),
    functions: (await namesIn(join(real, "supabase", "functions")))
      .filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort(),
  };
}

/** Names of the functions that a config.toml has blocks for. */
export function configuredFunctions(config: string): string[] {
  try {
    return Object.keys((parseToml(config).functions ?? {}) as object);
  } catch (error) {
    throw new StackError(`${CONFIG} cannot be read: ${messageOf(error)}`);
  }
}

/** A file's text; undefined where there is none. Throws where something else is in its place, or in that of its folder. */
export async function readText(folder: string, path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(join(folder, path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new StackError(`${path} cannot be read as a file: ${messageOf(error)}`);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}

async function namesIn(folder: string): Promise<Deno.DirEntry[]> {
  const found: Deno.DirEntry[] = [];
  if (await isFolder(folder)) { for await (const entry of Deno.readDir(folder)) found.push(entry); }
  return found;
}
