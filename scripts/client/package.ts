import { dirname, join } from "node:path";
import ts from "typescript";

import deno from "../../deno.json" with { type: "json" };
import { clientTypes } from "../docs/client_types.ts";
import { declaredFunctions } from "../docs/declared.ts";
import { StackError } from "../local/errors.ts";
import { projectFolder } from "../local/paths.ts";

const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  // Only what browsers, Node and React Native have in common; nothing from Deno.
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
  types: [],
  strict: true,
  noUncheckedIndexedAccess: true,
  declaration: true,
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
  noEmitOnError: true,
};

/**
 * Builds the typed client as an npm package: ES modules, their types, a package.json. It has a method for each
 * function in `functions`. `out` is replaced. Throws StackError if the client does not compile.
 */
export async function buildClient(out: string, functions: string): Promise<void> {
  const sources = await Deno.makeTempDir({ prefix: "tessera-client-" });
  try {
    const clientFolder = join(projectFolder, "client");
    for await (const { name } of Deno.readDir(clientFolder)) {
      if (name.endsWith(".ts")) await Deno.copyFile(join(clientFolder, name), join(sources, name));
    }
    await Deno.writeTextFile(join(sources, "features.ts"), clientTypes(await declaredFunctions(functions)));
    await Deno.remove(out, { recursive: true }).catch(() => {});
    compile(join(sources, "mod.ts"), out);
    await Deno.writeTextFile(join(out, "package.json"), `${JSON.stringify(packageJson(), null, 2)}\n`);
    await Deno.copyFile(join(projectFolder, "LICENSE"), join(out, "LICENSE"));
    await Deno.copyFile(join(clientFolder, "README.md"), join(out, "README.md"));
  } finally {
    await Deno.remove(sources, { recursive: true });
  }
}

function compile(entry: string, out: string): void {
  const program = ts.createProgram([entry], { ...COMPILER_OPTIONS, outDir: out });
  const { diagnostics } = program.emit(undefined, (path, text) => {
    // TypeScript only rewrites the imports of modules, not those of their types.
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text.replaceAll(/(from "\.\/[^"]+)\.ts"/g, '$1.js"'));
  });
  const problems = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (problems.length === 0) return;
  const host = {
    getCanonicalFileName: (name: string) => name,
    getCurrentDirectory: () => "",
    getNewLine: () => "\n",
  };
  throw new StackError(`The client does not compile:\n${ts.formatDiagnostics(problems, host)}`);
}

function packageJson() {
  return {
    name: "tessera-client",
    version: deno.version,
    description: "Calls the functions of a Tessera backend: typed, with retries that are charged once",
    license: "Apache-2.0",
    type: "module",
    sideEffects: false,
    exports: { ".": { types: "./mod.d.ts", default: "./mod.js" } },
    types: "./mod.d.ts",
    files: ["*.js", "*.d.ts"],
  };
}
