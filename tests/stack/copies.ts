import { join } from "node:path";

import { projectFolder } from "../../scripts/local/paths.ts";

const LEFT_OUT = new Set(["node_modules", ".git", ".tessera"]);

/** The project's files in a folder of their own; the packages are those that are installed. */
export async function copyOfProject(): Promise<string> {
  const copy = await Deno.makeTempDir({ prefix: "tessera-copy-" });
  await copyFolder(projectFolder, copy);
  await Deno.symlink(join(projectFolder, "node_modules"), join(copy, "node_modules"));
  return copy;
}

async function copyFolder(from: string, to: string): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (LEFT_OUT.has(name)) continue;
    if (isDirectory) {
      await Deno.mkdir(join(to, name));
      await copyFolder(join(from, name), join(to, name));
    } else if (isFile) await Deno.copyFile(join(from, name), join(to, name));
  }
}

/** Runs Deno in a folder to its end. */
export async function deno(cwd: string, ...args: string[]): Promise<{ code: number; printed: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    // A task that runs this test has said where it was typed; for what runs here it is this folder.
    env: { NO_COLOR: "1", INIT_CWD: cwd },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, printed: decoder.decode(stdout) + decoder.decode(stderr) };
}
