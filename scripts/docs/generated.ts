import { join } from "node:path";

import { StackError } from "../local/errors.ts";
import { projectFolder } from "../local/paths.ts";

const FORMATTED = ["json", "md", "ts"];

/** Writes made files, or tells, with `--check`, that one is not what would be made now. */
export async function writeOrCheck(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(projectFolder, path);
    const extension = path.split(".").at(-1)!;
    // Twice, as the formatter itself may change once more what it has made of one long line.
    const formatted = FORMATTED.includes(extension)
      ? await format(await format(text, extension), extension)
      : text;
    if (!Deno.args.includes("--check")) {
      await Deno.writeTextFile(file, formatted);
      console.log(`Written: ${path}`);
    } else if (await Deno.readTextFile(file).catch(() => "") !== formatted) {
      throw new StackError(`${path} does not fit the functions any more. To make it anew: deno task docs`);
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
  throw new StackError(`Cannot format what was made: ${new TextDecoder().decode(stderr)}`);
}
