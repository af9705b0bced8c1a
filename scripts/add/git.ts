import { run } from "../local/run.ts";

/** The number of uncommitted files in a folder; undefined without a git repository. */
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
