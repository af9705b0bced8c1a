import { dirname, join } from "node:path";

import { messageOf, StackError } from "../local/errors.ts";
import { exists } from "../local/paths.ts";

/** The changes of a folder, by paths below it. */
export interface Changes {
  writes: Map<string, string>;
  removals: string[];
}

/** On the same disk as the target, so that a move is atomic. */
const STAGE = "supabase/.tessera-add";

interface Journal {
  /** Replaced paths, whose old content is kept in the stage until everything is done. */
  replaced: string[];
  created: string[];
  /** Created folders, outermost first. */
  folders: string[];
}

/**
 * Writes all changes or none. It first writes the new texts into the stage, then moves the old files away and the new
 * ones in. If that fails, everything is moved back; if the process is killed in between, `undo` does so at the next
 * run.
 */
export async function write(folder: string, { writes, removals }: Changes): Promise<void> {
  const stage = join(folder, STAGE);
  const paths = [...writes.keys(), ...removals].sort();
  const journal: Journal = { replaced: [], created: [], folders: [] };
  for (const path of paths) {
    (await exists(join(folder, path)) ? journal.replaced : journal.created).push(path);
    for (const one of await missingFolders(folder, path)) {
      if (!journal.folders.includes(one)) journal.folders.push(one);
    }
  }
  try {
    for (const [path, text] of writes) {
      await writeBelow(join(stage, "new"), path, text);
      if (journal.replaced.includes(path)) await keepMode(join(folder, path), join(stage, "new", path));
    }
    await Deno.mkdir(join(stage, "old"), { recursive: true });
    // From here on there are changes to undo.
    await writeBelow(stage, "journal.new", JSON.stringify(journal));
    await move(join(stage, "journal.new"), join(stage, "journal.json"));
    for (const path of paths) {
      if (journal.replaced.includes(path)) await move(join(folder, path), join(stage, "old", path));
      if (writes.has(path)) await move(join(stage, "new", path), join(folder, path));
    }
    // The commit point: without a journal nothing is undone.
    await Deno.remove(join(stage, "journal.json"));
  } catch (error) {
    await undo(folder);
    throw new StackError(`Nothing was written: ${messageOf(error)}`, { cause: error });
  }
  await Deno.remove(stage, { recursive: true });
}

/** Rolls back an interrupted run. Returns whether there was one. */
export async function undo(folder: string): Promise<boolean> {
  const stage = join(folder, STAGE);
  if (!await exists(stage)) return false;
  const text = await Deno.readTextFile(join(stage, "journal.json")).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (text !== undefined) {
    const { replaced, created, folders }: Journal = JSON.parse(text);
    for (const path of created) await removeFile(join(folder, path));
    for (const path of replaced) {
      const old = join(stage, "old", path);
      if (await exists(old)) await move(old, join(folder, path));
    }
    for (const path of folders.toReversed()) await removeEmptyFolder(join(folder, path));
  }
  await Deno.remove(stage, { recursive: true });
  return text !== undefined;
}

async function missingFolders(folder: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for (let one = dirname(path); one !== "."; one = dirname(one)) {
    if (await exists(join(folder, one))) break;
    found.unshift(one);
  }
  return found;
}

async function writeBelow(folder: string, path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
  await Deno.writeTextFile(join(folder, path), text);
}

async function keepMode(from: string, to: string): Promise<void> {
  const { mode } = await Deno.stat(from);
  if (mode !== null) await Deno.chmod(to, mode & 0o777);
}

async function move(from: string, to: string): Promise<void> {
  await Deno.mkdir(dirname(to), { recursive: true });
  await Deno.rename(from, to);
}

async function removeFile(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    // Also if its folder could not be created because something else is in its place.
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  });
}

async function removeEmptyFolder(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound) && !/not empty/i.test(messageOf(error))) throw error;
  });
}
