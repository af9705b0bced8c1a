import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { buildClient } from "../../scripts/client/package.ts";
import { run } from "../../scripts/local/run.ts";
import { functionsFolder } from "../../scripts/local/paths.ts";
import { needing } from "../support/needs.ts";
import { stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";

const { newUser, accountOf } = openAccounts();
let app: string;

beforeAll(async () => {
  app = await Deno.makeTempDir({ prefix: "tessera-app-" });
  await buildClient(join(app, "node_modules", "tessera-client"), functionsFolder);
}, 120_000);
afterAll(() => Deno.remove(app, { recursive: true }));

/** What TypeScript says of an app that uses the package, with each way of resolving it. */
function problemsOf(source: string, moduleResolution: ts.ModuleResolutionKind): string[] {
  const file = join(app, "app.ts");
  Deno.writeTextFileSync(file, source);
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    module: moduleResolution === ts.ModuleResolutionKind.Bundler
      ? ts.ModuleKind.ESNext
      : ts.ModuleKind.Node16,
    moduleResolution,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, "\n")
  );
}

/** A functions folder with one feature. */
async function folderWith(name: string): Promise<string> {
  const folder = join(app, "functions");
  await Deno.mkdir(join(folder, name), { recursive: true });
  const feature = pathToFileURL(join(functionsFolder, "_shared", "feature.ts")).href;
  await Deno.writeTextFile(
    join(folder, name, "index.ts"),
    `import { z } from "zod";
import { defineFeature } from "${feature}";
/** Says which tea fits. */
export default defineFeature({
  name: "${name}",
  price: { per_call: 1 },
  input: z.object({ mood: z.string() }),
  output: z.object({ tea: z.string() }),
  run: () => Promise.resolve({ tea: "Assam" }),
});
`,
  );
  return folder;
}

/** TypeScript reads the whole of the DOM's types at each build. */
const PATIENCE_MS = 120_000;

const USE = `import { createTesseraClient, TesseraError } from "tessera-client";
export const client = createTesseraClient({ url: "", publishableKey: "", accessToken: () => "" });`;

describe("the npm package of the client", { timeout: PATIENCE_MS }, () => {
  it("has modules, types, a licence and a README, and nothing of Deno", async () => {
    const folder = join(app, "node_modules", "tessera-client");
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["mod.js", "mod.d.ts", "package.json", "LICENSE", "README.md"]),
    );
    for (const name of names.filter((one) => /\.(js|d\.ts)$/.test(one))) {
      const text = await Deno.readTextFile(join(folder, name));
      expect(text).not.toMatch(/\bDeno\b|npm:|from "[^"]+\.ts"/);
    }
  });

  it.each([
    ["a bundler", ts.ModuleResolutionKind.Bundler],
    ["Node", ts.ModuleResolutionKind.Node16],
  ])("is typed for %s", (_what, resolution) => {
    Deno.writeTextFileSync(join(app, "package.json"), '{ "type": "module" }');
    expect(problemsOf(`${USE} void client.mealAnalyzer({ description: "soup" });`, resolution)).toEqual([]);
    expect(problemsOf(`${USE} void client.mealAnalyzer({ description: 5 });`, resolution))
      .toEqual([expect.stringContaining("'number' is not assignable to type 'string")]);
  });

  it("has a method for each function of the app's own folder, and for no other", async () => {
    const own = join(app, "node_modules", "tessera-client");
    await buildClient(own, await folderWith("tea-adviser"));
    expect(
      problemsOf(
        `${USE} void client.mealAnalyzer({ description: "soup" });`,
        ts.ModuleResolutionKind.Bundler,
      ),
    )
      .toEqual([expect.stringContaining("'mealAnalyzer' does not exist")]);
    expect(problemsOf(`${USE} void client.teaAdviser({ mood: "tired" });`, ts.ModuleResolutionKind.Bundler))
      .toEqual([]);
    await buildClient(own, functionsFolder);
  });
});

describe("an app on Node with the package", { timeout: PATIENCE_MS, ...await needing("npm") }, () => {
  it("is what npm packs", async () => {
    const folder = join(app, "node_modules", "tessera-client");
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    const packed = JSON.parse(await run("npm", { args: ["pack", "--dry-run", "--json"], cwd: folder }));
    expect(packed[0].files.map(({ path }: { path: string }) => path).toSorted()).toEqual(names.toSorted());
  });

  it("makes a metered call, and gets a refusal as an error with its code", async () => {
    const [rich, poor] = [await newUser(500), await newUser(0)];
    const main = join(app, "main.mjs");
    await Deno.writeTextFile(
      main,
      `import { createTesseraClient, TesseraError } from "tessera-client";
const [url, publishableKey, ...tokens] = process.argv.slice(2);
const clients = tokens.map((token) => createTesseraClient({ url, publishableKey, accessToken: () => token }));
const { usage } = await clients[0].mealAnalyzer({ description: "two pancakes" });
const refused = await clients[1].mealAnalyzer({ description: "two pancakes" }).catch((error) => error);
console.log(JSON.stringify({ usage, isTesseraError: refused instanceof TesseraError, code: refused.code }));`,
    );
    const args = [main, stack.url, stack.publishableKey, rich.token, poor.token];
    const { usage, ...refusal } = JSON.parse(await run("node", { args, cwd: app }));
    expect(refusal).toEqual({ isTesseraError: true, code: "insufficient_tokens" });
    expect(await accountOf(rich)).toMatchObject({ balance: 500 - usage.charged, held: 0 });
  });
});
