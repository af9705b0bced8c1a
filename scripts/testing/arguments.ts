import { readManifest } from "../modules/manifest.ts";
import { projectFiles } from "../modules/files.ts";
import { filesNamed } from "./names.ts";

/** A single word, which may be a module's or a suite's name; paths have a slash or a dot. */
const WORD = /^[A-Za-z_][\w-]*$/;

/** The arguments of `deno task test` for vitest: a module's or a suite's name is replaced by its files. */
export async function vitestArguments(args: string[]): Promise<string[]> {
  if (!args.some((arg) => WORD.test(arg))) return args;
  const isFilter = await filterTest();
  const manifest = await readManifest();
  const files = await projectFiles();
  return args.flatMap((arg, index) =>
    WORD.test(arg) && isFilter(args, index) ? filesNamed(arg, manifest, files) : [arg]
  );
}

/**
 * Whether an argument selects files, according to vitest's own parser, and is not the value of an option before it.
 */
async function filterTest(): Promise<(args: string[], index: number) => boolean> {
  const { parseCLI } = await import("vitest/node");
  const mark = crypto.randomUUID();
  return (args, index) => parseCLI(["vitest", "run", ...args.with(index, mark)]).filter.includes(mark);
}
