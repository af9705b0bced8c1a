import { join } from "node:path";
import { expect, test } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";

const LEFT_OUT = new Set(["node_modules", ".git", ".tessera"]);

/** The project's files in a folder of their own; the packages are those that are installed. */
async function copyOfProject(): Promise<string> {
  const copy = await Deno.makeTempDir({ prefix: "tessera-new-" });
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

async function deno(cwd: string, ...args: string[]): Promise<{ code: number; printed: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, printed: decoder.decode(stdout) + decoder.decode(stderr) };
}

test(
  "deno task new makes a feature whose test and contract hold at once, and that the checks accept",
  async () => {
    const copy = await copyOfProject();
    try {
      const made = await deno(copy, "task", "new", "pun-maker");
      expect(made).toMatchObject({ code: 0, printed: expect.stringContaining("/functions/v1/pun-maker") });

      const files = [
        "supabase/functions/pun-maker",
        "tests/http/bodies/pun-maker.ts",
        "tests/features/pun_maker.test.ts",
      ];
      for (const args of [["fmt", "--check"], ["lint"], ["check"]]) {
        expect(await deno(copy, ...args, ...files)).toMatchObject({ code: 0 });
      }
      expect(await deno(copy, "fmt", "--check", "supabase/modules.json")).toMatchObject({ code: 0 });
      expect(await deno(copy, "task", "modules", "--check")).toMatchObject({ code: 0 });
      expect(await Deno.readTextFile(join(copy, "docs/api.md"))).toContain("### pun-maker");
      expect(await Deno.readTextFile(join(copy, "client/features.ts"))).toContain("punMaker");

      const tests = ["tests/features/pun_maker.test.ts", "tests/http/features.test.ts"];
      const run = await deno(copy, "run", "-A", "npm:vitest@5.1.1", "run", "-t", "pun-maker", ...tests);
      expect(run).toMatchObject({ code: 0, printed: expect.stringMatching(/Tests .*\d+ passed/) });

      const again = await deno(copy, "task", "new", "pun-maker");
      expect(again).toMatchObject({ code: 1, printed: expect.stringContaining("it exists") });
    } finally {
      await Deno.remove(copy, { recursive: true });
    }
  },
  120_000,
);

test.each(["", "PunMaker", "../pun", "pun_maker", "pun-"])(
  "deno task new refuses the name %j",
  async (name) => {
    const refused = await deno(projectFolder, "run", "-A", "scripts/new.ts", name);
    expect(refused).toMatchObject({ code: 1, printed: expect.stringContaining("expected is one name") });
  },
);
