import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { denoOf, HOSTED_DENO, mapAloneFlags } from "../../../scripts/local/functions_deno.ts";
import { projectFolder, supabaseFolder } from "../../../scripts/local/paths.ts";
import { run } from "../../../scripts/local/run.ts";
import { functionNames } from "../../http/support/functions_folder.ts";

interface Graph {
  modules: {
    specifier: string;
    error?: string;
    dependencies?: { code?: Resolution; type?: Resolution }[];
  }[];
}

interface Resolution {
  specifier?: string;
  error?: string;
}

const PATTERNS = {
  // pkg/function/deno.go of supabase/cli
  "the rule of the CLI in Go":
    /(?:import|export)\s+(?:{[^{}]+}|.*?)\s*(?:from)?\s*['"](.*?)['"]|import\(\s*['"](.*?)['"]\)/gi,
  // apps/cli of supabase/cli, which has followed it
  "the rule of the CLI in TypeScript":
    /(?:import|export)\s+(?:type\s+)?(?:{[^{}]+}|.*?)\s*(?:from)?\s*['"](.*?)['"]|import\(\s*['"](.*?)['"]\)/gi,
};

/** A copy of what a deployment sends, with nothing else of the project around it. */
let copy: string;

beforeAll(async () => {
  copy = await Deno.realPath(await Deno.makeTempDir({ prefix: "tessera-import-map-" }));
  await copyFolder(supabaseFolder, join(copy, "supabase"));
  await Deno.copyFile(join(projectFolder, "deno.json"), join(copy, "deno.json"));
  const all = functionNames.map((name) =>
    `import ${JSON.stringify(`./supabase/functions/${name}/index.ts`)};`
  );
  await Deno.writeTextFile(join(copy, "all.ts"), all.join("\n"));
});

afterAll(() => Deno.remove(copy, { recursive: true }));

/** The two ways in which a runtime is given the file that `import_map` names. */
const WAYS: Record<string, () => string[]> = {
  "as a plain import map": () => mapAloneFlags("deno.json"),
  // A bundler installs nothing but what is imported.
  "as configuration": () => ["--no-lock", "--node-modules-dir=none", "--config", "deno.json"],
};

describe.each(Object.entries(WAYS))("deno.json %s", (_way, flags) => {
  it.each([Deno.version.deno, HOSTED_DENO])(
    "resolves all that the functions import, with Deno %s",
    async (version) => {
      const graph = await graphOf(version, flags());
      expect(missingIn(graph)).toEqual([]);
      expect(graph.modules.filter(({ specifier }) => specifier.startsWith("npm:")).length).toBeGreaterThan(
        10,
      );
    },
  );

  it("type-checks the functions", async () => {
    const files = functionNames.map((name) => `./supabase/functions/${name}/index.ts`);
    await run(Deno.execPath(), {
      args: ["check", "--quiet", ...flags(), ...files],
      cwd: copy,
      env: { NO_COLOR: "1" },
    });
  }, 180_000);
});

describe.each(Object.entries(PATTERNS))("%s, which finds imports by a pattern", (_name, pattern) => {
  it("uploads exactly the files that each function loads", async () => {
    const graph = await graphOf(Deno.version.deno, mapAloneFlags("deno.json"));
    for (const name of functionNames) {
      const entry = join(copy, "supabase", "functions", name, "index.ts");
      const uploaded = await uploadedBy(pattern, entry);
      expect(uploaded, name).toEqual(loadedBy(graph, entry));
    }
  });
});

async function graphOf(version: string, flags: string[]): Promise<Graph> {
  const { command, env } = version === Deno.version.deno
    ? { command: Deno.execPath(), env: {} }
    : await denoOf(version);
  return JSON.parse(await run(command, { args: ["info", "--json", ...flags, "./all.ts"], cwd: copy, env }));
}

function missingIn({ modules }: Graph): string[] {
  return modules.flatMap(({ specifier, error, dependencies = [] }) => [
    ...(error ? [`${specifier}: ${error}`] : []),
    ...dependencies.flatMap(({ code, type }) => [code?.error, type?.error].filter((one) => one !== undefined))
      .map((one) => `${specifier}: ${one}`),
  ]);
}

/** The files that a module stands on, itself too. */
function loadedBy({ modules }: Graph, entry: string): string[] {
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const seen = new Set<string>();
  const visit = (specifier: string | undefined) => {
    if (!specifier?.startsWith("file:") || seen.has(specifier)) return;
    seen.add(specifier);
    for (const { code, type } of bySpecifier.get(specifier)?.dependencies ?? []) {
      visit(code?.specifier);
      visit(type?.specifier);
    }
  };
  visit(pathToFileURL(entry).href);
  return [...seen].map((specifier) => fileURLToPath(specifier)).toSorted();
}

/** The files that a deployment would send; one that is not there fails. */
async function uploadedBy(pattern: RegExp, entry: string): Promise<string[]> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(copy, "deno.json"))) as {
    imports: Record<string, string>;
  };
  const names = Object.keys(imports);
  const seen = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const [, from, called] of (await Deno.readTextFile(file)).matchAll(pattern)) {
      const target = (from || called || "").trim();
      // Whatever begins like a name of the map is taken for a package.
      if (names.some((name) => target.startsWith(name)) || !/\.[^/]*$/.test(target)) continue;
      if (/^\.{0,2}\//.test(target)) queue.push(join(dirname(file), target));
    }
  }
  return [...seen].toSorted();
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
