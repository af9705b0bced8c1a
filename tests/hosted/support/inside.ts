import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import deno from "../../../deno.json" with { type: "json" };
import { denoOf, HOSTED_DENO, mapAloneFlags } from "../../../scripts/local/functions_deno.ts";
import { projectFolder } from "../../../scripts/local/paths.ts";
import { run } from "../../../scripts/local/run.ts";
import { CONTEXT_VARIABLE, type UnitResult } from "./unit_result.ts";

/** Runs test files in one process of the Deno of the Edge Runtime, without the tests that have one of the words in their names. */
export async function runInside(files: string[], context: object, without: string[]): Promise<UnitResult[]> {
  const { command, env } = await denoOf(HOSTED_DENO);
  const folder = await Deno.makeTempDir({ prefix: "tessera-inside-" });
  try {
    const importMap = join(folder, "import_map.json");
    const vitest = new URL("./vitest.ts", import.meta.url).href;
    await Deno.writeTextFile(importMap, JSON.stringify({ imports: { ...absolute(deno.imports), vitest } }));
    const printed = await run(command, {
      args: [
        ...["run", "-A", "--quiet", "--no-check", "--v8-flags=--expose-gc", ...mapAloneFlags(importMap)],
        fileURLToPath(new URL("./run_units.ts", import.meta.url)),
        ...[JSON.stringify(without), ...files.map((file) => join(projectFolder, file))],
      ],
      cwd: projectFolder,
      env: { ...env, [CONTEXT_VARIABLE]: JSON.stringify(context), NO_COLOR: "1" },
    });
    const results = JSON.parse(printed.trim().split("\n").at(-1)!) as UnitResult[];
    return results.map((result) => ({ ...result, file: fromProject(result.file) }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function fromProject(path: string): string {
  return path.slice(projectFolder.length).replaceAll("\\", "/").replace(/^\//, "");
}

/** A map's relative addresses are relative to it, and it is elsewhere. */
function absolute(imports: Record<string, string>): Record<string, string> {
  const base = pathToFileURL(join(projectFolder, "deno.json"));
  return Object.fromEntries(
    Object.entries(imports).map((
      [name, target],
    ) => [name, target.startsWith(".") ? new URL(target, base).href : target]),
  );
}
