import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { run } from "../../../scripts/local/run.ts";
import { readDebts } from "../../../scripts/modules/debts.ts";
import { projectFiles } from "../../../scripts/modules/files.ts";
import { ownersOf, readManifest, withRequirements } from "../../../scripts/modules/manifest.ts";
import { typescriptReferences } from "../../../scripts/modules/typescript_references.ts";

const manifest = await readManifest();
const ownersFor = ownersOf(manifest);
const functionFiles = (await projectFiles()).filter((path) => /^supabase\/functions\/.*\.ts$/.test(path));

/** The files that debts refer to, with all that these import: they come along until the debts are paid. */
async function owedBy(files: string[]): Promise<string[]> {
  const owed = new Set<string>();
  const add = async (file: string) => {
    if (owed.has(file)) return;
    owed.add(file);
    const text = await Deno.readTextFile(join(projectFolder, file));
    for (const { kind, refers_to } of typescriptReferences(file, text, new Map())) {
      if (kind === "import") await add(refers_to);
    }
  };
  for (const { kind, file, refers_to } of await readDebts()) {
    if (kind === "import" && files.includes(file)) await add(refers_to);
  }
  return [...owed];
}

/** Checks types in a folder that has these files and nothing else. */
async function checkTypes(files: string[], folder: string): Promise<void> {
  for (const path of ["deno.json", "deno.lock", ...files]) {
    await Deno.mkdir(join(folder, dirname(path)), { recursive: true });
    await Deno.copyFile(join(projectFolder, path), join(folder, path));
  }
  await run(Deno.execPath(), {
    args: ["check", "--node-modules-dir=none", "--quiet", "supabase"],
    cwd: folder,
    env: { NO_COLOR: "1" },
  });
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tessera-module-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe("the functions of a module, with what it requires", () => {
  it.each(Object.keys(manifest.modules))(
    "%s: fit together where nothing else is",
    { timeout: 300_000 },
    async (name) => {
      const modules = withRequirements(manifest, name);
      const files = functionFiles.filter((path) => modules.includes(ownersFor(path)[0]!));
      const all = [...new Set([...files, ...await owedBy(files)])];
      await inFolder((folder) => checkTypes(all, folder));
    },
  );

  it("do not without a file of theirs", { timeout: 300_000 }, async () => {
    const files = functionFiles.filter((path) => ownersFor(path)[0] === "core");
    const all = [...files, ...await owedBy(files)].filter((path) => !path.endsWith("/errors.ts"));
    await inFolder(async (folder) => {
      await expect(checkTypes([...new Set(all)], folder)).rejects.toThrow("errors.ts");
    });
  });
});
