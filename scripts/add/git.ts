import { run } from "../local/run.ts";

/** How many files of a folder are in no commit; undefined where git does not keep it. */
export async function uncommittedFiles(folder: string): Promise<number | undefined> {
  try {
    const status = await run("git", {
      args: ["-C", folder, "status", "--porcelain", "--untracked-files=all", "--", "."],
    });
    return status.split("\n").filter((line) => line !== "").length;
  } catch {
    return undefined; // Without git, or without a repository.
  }
}
