import { join, relative, resolve } from "node:path";
import { parse as parseToml } from "@std/toml";

import { messageOf, StackError } from "../local/errors.ts";
import { projectFolder } from "../local/paths.ts";
import { type Given, parseRecord, RECORD } from "./record.ts";

export const CONFIG = "supabase/config.toml";
export const MIGRATIONS = "supabase/migrations";

/** The Supabase project to which modules are added. */
export interface Target {
  folder: string;
  record: Given;
  config: string;
  /** The functions with a block in config.toml. */
  configured: string[];
  /** The file names of the migrations, in order. */
  migrations: string[];
  /** The function folders below supabase/functions. */
  functions: string[];
}

/** The real path of a project's folder. Throws with the reason if no module can be added to it. */
export async function findTarget(folder: string): Promise<string> {
  const { isDirectory } = await Deno.stat(folder).catch((error) => {
    if (error instanceof Deno.errors.NotFound) throw new StackError(`There is no folder ${folder}`);
    throw error;
  });
  if (!isDirectory) throw new StackError(`${folder} is not a folder`);
  const real = await Deno.realPath(folder);
  const home = await Deno.realPath(projectFolder);
  if (!relative(home, real).startsWith("..") && resolve(home, relative(home, real)) === real) {
    throw new StackError(`${folder} is inside Tessera itself: name the folder of your own project`);
  }
  if (!await isFolder(join(real, "supabase"))) {
    throw new StackError(
      `${folder} has no folder supabase: \`npx supabase init\` creates it. Name the folder that has it`,
    );
  }
  return real;
}

/** Reads the state of a project. */
export async function readTarget(real: string): Promise<Target> {
  const config = await readText(real, CONFIG);
  if (config === undefined) {
    throw new StackError(`${real} has no ${CONFIG}: \`npx supabase init\` creates it`);
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

/** The functions with a block in a config.toml. */
export function configuredFunctions(config: string): string[] {
  try {
    return Object.keys((parseToml(config).functions ?? {}) as object);
  } catch (error) {
    throw new StackError(`${CONFIG} cannot be read: ${messageOf(error)}`);
  }
}

/**
 * A file's text; undefined if it does not exist. Throws if something else is at its path, or at that of its folder.
 */
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
