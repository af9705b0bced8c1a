import { join } from "node:path";

import { StackError } from "../local/errors.ts";
import { run } from "../local/run.ts";

/** The paths that a deployment reads from a commit. */
const DEPLOYED_PATHS = ["supabase", "deno.json", "deno.lock"];

/** The commits of a working copy. Nothing here changes the copy or its history. */
export class Repository {
  constructor(readonly folder: string) {}

  /** The whole id of a commit, a branch or a tag. */
  async resolve(name: string): Promise<string> {
    const id = await this.#git("rev-parse", "--verify", "--quiet", `${name}^{commit}`).catch(() => "");
    if (!id) throw new StackError(`There is no commit ${name} in ${this.folder}. Is it fetched?`);
    return id.trim();
  }

  /** Whether a commit exists: a shallow clone only has the newest. */
  async has(id: string): Promise<boolean> {
    return await this.#git("cat-file", "-e", `${id}^{commit}`).then(() => true, () => false);
  }

  /** The deployed paths that differ between two commits. */
  async changedPaths(from: string, to: string): Promise<string[]> {
    return lines(
      await this.#git("diff", "--name-only", "--no-renames", from, to, "--", ...DEPLOYED_PATHS),
    );
  }

  /** Uncommitted changes of deployed paths. */
  async uncommittedPaths(): Promise<string[]> {
    const status = await this.#git("status", "--porcelain", "--untracked-files=all", "--", ...DEPLOYED_PATHS);
    return lines(status).map((line) => line.slice(3));
  }

  /** Writes a commit's deployed files into an empty folder. */
  async write(commit: string, folder: string): Promise<void> {
    const archive = join(folder, "archive.tar");
    const paths = [];
    for (const path of DEPLOYED_PATHS) {
      const isThere = await this.#git("cat-file", "-e", `${commit}:${path}`).then(() => true, () => false);
      if (isThere) paths.push(path);
    }
    await this.#git("archive", "--format=tar", `--output=${archive}`, commit, "--", ...paths);
    await run("tar", { args: ["-xf", archive, "-C", folder] });
    await Deno.remove(archive);
  }

  async #git(...args: string[]): Promise<string> {
    return await run("git", { args: ["-C", this.folder, ...args] });
  }
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
