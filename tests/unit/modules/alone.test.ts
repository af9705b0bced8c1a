import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

import { messageOf } from "../../../scripts/local/errors.ts";
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

/** By name, the files that must fit together where nothing else is. */
const cases: Record<string, string[]> = {};
for (const name of Object.keys(manifest.modules)) {
  const modules = withRequirements(manifest, name);
  const files = functionFiles.filter((path) => modules.includes(ownersFor(path)[0]!));
  cases[name] = [...new Set([...files, ...await owedBy(files)])];
}
const WITHOUT_A_FILE = "without_a_file";
cases[WITHOUT_A_FILE] = cases.core!.filter((path) => !path.endsWith("/errors.ts"));

/** What the checker complains of, by the case that has the file. */
let complaints: Map<string | undefined, string[]>;

beforeAll(async () => {
  const folder = await Deno.makeTempDir({ prefix: "tessera-modules-" });
  try {
    await copyCases(folder);
    const printed = await complaintsIn(folder);
    complaints = Map.groupBy(printed.split("\n\n"), (one) => /\/cases\/(\w+)\//.exec(one)?.[1]);
    // Whatever ends the checker before it has read the types ends the tests too.
    if (!complaints.has(WITHOUT_A_FILE)) throw new Error(printed);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, 300_000);

async function copyCases(folder: string): Promise<void> {
  const copy = async (from: string, to: string) => {
    await Deno.mkdir(join(folder, dirname(to)), { recursive: true });
    await Deno.copyFile(join(projectFolder, from), join(folder, to));
  };
  for (const path of ["deno.json", "deno.lock"]) await copy(path, path);
  for (const [name, files] of Object.entries(cases)) {
    for (const path of files) await copy(path, `cases/${name}/${path}`);
  }
}

/** All cases in one check: most of its time goes to the types of packages, which they share. */
async function complaintsIn(folder: string): Promise<string> {
  return await run(Deno.execPath(), {
    args: ["check", "--node-modules-dir=none", "--quiet", "cases"],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).then(() => "", messageOf);
}

describe("the functions of a module, with what it requires", () => {
  it.each(Object.keys(manifest.modules))("%s: fit together where nothing else is", (name) => {
    expect(complaints.get(name) ?? []).toEqual([]);
  });

  it("do not without a file of theirs", () => {
    expect(complaints.get(WITHOUT_A_FILE)!.join("\n")).toMatch(/Cannot find module .*errors\.ts/);
  });
});
