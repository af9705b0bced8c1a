import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";

import { functionsFolder, projectFolder, supabaseFolder } from "../../../scripts/local/paths.ts";

const page = await Deno.readTextFile(join(projectFolder, "docs/architecture.md"));
/** What the page writes as code, outside of blocks. */
const code = [...page.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!);

async function filesUnder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await filesUnder(join(folder, name)));
    else found.push(join(folder, name));
  }
  return found;
}

describe("docs/architecture.md", () => {
  it("names files that the functions have", async () => {
    const names = (await filesUnder(functionsFolder)).map((path) => basename(path));
    const named = code.filter((text) => /^\w+\.ts$/.test(text));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("names tables and functions that the migrations make", async () => {
    const folder = join(supabaseFolder, "migrations");
    const sql = (await Promise.all((await filesUnder(folder)).map((file) => Deno.readTextFile(file)))).join(
      "\n",
    );
    const object = /create (?:unlogged )?(?:table|view|(?:or replace )?function) \w+\.(\w+)/g;
    const schema = /create schema (?:if not exists )?(\w+)/g;
    const made = [object, schema].flatMap((pattern) => [...sql.matchAll(pattern)]).map(([, name]) => name!);
    const named = code.map((text) => text.replace(/\(\)$/, ""))
      .filter((text) => /^[a-z]+(_[a-z]+)+$/.test(text));
    expect(named.length).toBeGreaterThan(8);
    const parts = ["pg_cron", "service_role"];
    expect(named.filter((name) => !made.includes(name) && !parts.includes(name))).toEqual([]);
  });

  it("names folders that the project has", async () => {
    const rows = [...page.matchAll(/^\| `([\w/]+\/)(?:_?\*\/)?` /gm)].map(([, folder]) => folder!);
    expect(rows.length).toBeGreaterThan(6);
    for (const folder of rows) {
      expect((await Deno.stat(join(projectFolder, folder))).isDirectory, folder).toBe(true);
    }
  });
});
