import { StackError } from "../../scripts/local/errors.ts";
import { projectFolder } from "../../scripts/local/paths.ts";
import { run } from "../../scripts/local/run.ts";

interface Graph {
  roots: string[];
  redirects?: Record<string, string>;
  modules: {
    specifier: string;
    kind?: string;
    npmPackage?: string;
    error?: string;
    dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
  }[];
}

/** The npm packages that are loaded with a module, without dynamic imports. */
export async function packagesLoadedWith(file: string): Promise<string[]> {
  const printed = await run(Deno.execPath(), { args: ["info", "--json", file], cwd: projectFolder });
  const graph: Graph = JSON.parse(printed);
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (named: string) => {
    const specifier = graph.redirects?.[named] ?? named;
    if (seen.has(specifier)) return;
    seen.add(specifier);
    const module = modules.get(specifier);
    if (module?.error) throw new StackError(`Cannot read ${specifier}: ${module.error}`);
    if (module?.kind === "npm") packages.add(module.npmPackage!.replace(/(?<=.)@.*/, ""));
    for (const { code, isDynamic } of module?.dependencies ?? []) {
      if (code && !isDynamic) visit(code.specifier);
    }
  };
  graph.roots.forEach(visit);
  return [...packages].toSorted();
}
