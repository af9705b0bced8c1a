import { join } from "node:path";

import { StackError } from "../local/errors.ts";
import { projectFolder } from "../local/paths.ts";

const FORMATTED = ["json", "md", "ts"];

/** Writes generated files; with `--check` it throws if one is out of date. */
export async function writeOrCheck(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(projectFolder, path);
    const extension = path.split(".").at(-1)!;
    // Formats twice, as the formatter may change its own result once more.
    const formatted = FORMATTED.includes(extension)
      ? await format(await format(text, extension), extension)
      : text;
    if (!Deno.args.includes("--check")) {
      await Deno.writeTextFile(file, formatted);
      console.log(`Written: ${path}`);
    } else if (await Deno.readTextFile(file).catch(() => "") !== formatted) {
      throw new StackError(`${path} is out of date. To update it: deno task docs`);
    }
  }
}

async function format(text: string, extension: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--line-width", "110", "--ext", extension, "-"],
    cwd: projectFolder,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await output;
  if (success) return new TextDecoder().decode(stdout);
  throw new StackError(`Cannot format a generated file: ${new TextDecoder().decode(stderr)}`);
}
