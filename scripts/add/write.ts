import { dirname, join } from "node:path";

import { messageOf, StackError } from "../local/errors.ts";
import { exists } from "../local/paths.ts";

/** What is changed in a folder, by paths below it. */
export interface Changes {
  writes: Map<string, string>;
  removals: string[];
}

/** Beside what is written, so that moving it is one step on the same disk. */
const STAGE = "supabase/.tessera-add";

interface Journal {
  /** Paths that had something before, which is kept in the stage until all is done. */
  replaced: string[];
  created: string[];
  /** Folders that were made, the outer first. */
  folders: string[];
}

/**
 * Writes all of it or nothing: texts first, beside; then what is there is moved away and the new moved in. Where that fails
 * everything is moved back; where the process ends in between, `undo` does it at the next run.
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
    // From here on there is something to undo.
    await writeBelow(stage, "journal.new", JSON.stringify(journal));
    await move(join(stage, "journal.new"), join(stage, "journal.json"));
    for (const path of paths) {
      if (journal.replaced.includes(path)) await move(join(folder, path), join(stage, "old", path));
      if (writes.has(path)) await move(join(stage, "new", path), join(folder, path));
    }
    // The last step that counts: without a journal nothing is undone.
    await Deno.remove(join(stage, "journal.json"));
  } catch (error) {
    await undo(folder);
    throw new StackError(`Nothing was written: ${messageOf(error)}`, { cause: error });
  }
  await Deno.remove(stage, { recursive: true });
}

/** Takes back what a run left that did not come to its end; tells whether there was one. */
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
    // Also where its folder could not be made, as something else is in its place.
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  });
}

async function removeEmptyFolder(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound) && !/not empty/i.test(messageOf(error))) throw error;
  });
}
