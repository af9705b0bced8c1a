import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { denoOf, HOSTED_DENO } from "../../../scripts/local/functions_deno.ts";
import { exists, functionsFolder, projectFolder } from "../../../scripts/local/paths.ts";
import { platformApisOf } from "../../support/platform_apis.ts";

const page = await Deno.readTextFile(join(projectFolder, "docs", "runtime.md"));

interface Row {
  api: string;
  /** What Deno 2.1.4 does. */
  hosted: string;
  tests: string[];
}

const [, section] = /^## Every interface in use$([^]*?)^## /m.exec(page)!;
const rows = [...section!.matchAll(/^\| `([^`]+)`(.*)\|$/gm)].map(([, api, rest]): Row => {
  const cells = rest!.split("|").map((cell) => cell.trim());
  return {
    api: api!,
    hosted: cells[3]!,
    tests: [...cells[5]!.matchAll(/`([^`]+)`/g)].map(([, path]) => path!),
  };
});

async function sourcesBelow(folder: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) texts.push(...await sourcesBelow(path));
    else if (name.endsWith(".ts")) texts.push(await Deno.readTextFile(path));
  }
  return texts;
}

/** What the probes say on one Deno. */
async function probed(command: string, env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const script = join(projectFolder, "tests", "support", "runtime_probes.ts");
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: ["run", "-A", "--no-check", "--no-config", "--no-lock", script],
    env,
    signal: AbortSignal.timeout(60_000),
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

describe("the platform's interfaces that a source uses", () => {
  it.each([
    ['import { createHash, type Hash } from "node:crypto"; createHash("sha1");', ["node:crypto createHash"]],
    ['import type { Buffer } from "node:buffer"; let one: Buffer;', []],
    ['import process from "node:process"; process.env.A;', ["node:process env.A"]],
    ['const { connect } = await import("node:net"); connect(1);', ["node:net (import)"]],
    ["const fetch = 1; fetch;", []],
    ["globalThis.fetch(input);const input = 1", ["fetch"]],
    ["(globalThis as Runtime).EdgeRuntime?.waitUntil(work); let work;", ["EdgeRuntime.waitUntil"]],
    ["export default { fetch() {} } satisfies Deno.ServeDefaultExport;", []],
    ["new CompressionStream('gzip'); crypto.subtle.sign(a); let a;", [
      "CompressionStream",
      "crypto.subtle.sign",
    ]],
    ["Promise.all([]); Promise.try(() => 1); Object.groupBy([], () => 1)", ["Object.groupBy", "Promise.try"]],
    ["class A { #fetch = 1; close({ URL }) { return this.#fetch + URL; } }", []],
    ["[1].toSorted(); new Uint8Array().toBase64()", [".toBase64()", ".toSorted()"]],
    ["let a; a instanceof WebSocket", ["WebSocket"]],
  ])("%s", (source, expected) => {
    expect([...platformApisOf(source)].sort()).toEqual(expected);
  });
});

describe("docs/runtime.md", () => {
  it("has a row for every interface in use, and none for any other", async () => {
    const used = new Set((await sourcesBelow(functionsFolder)).flatMap((text) => [...platformApisOf(text)]));
    expect(used.size).toBeGreaterThan(40);
    expect(rows.map(({ api }) => api)).toEqual([...used].sort());
  });

  it("names for each a test that is there", async () => {
    for (const { api, tests } of rows) {
      expect(tests, api).not.toEqual([]);
      for (const path of tests) {
        expect([api, path, await exists(join(projectFolder, path))]).toEqual([api, path, true]);
      }
    }
  });

  it("says truly what is the same on the Deno of the hosted runtime", async () => {
    const { command, env } = await denoOf(HOSTED_DENO);
    const [here, there] = [await probed(Deno.execPath()), await probed(command, env)];
    const tried = rows.filter(({ tests }) => tests.includes("tests/unit/docs/runtime.test.ts"));
    expect(Object.keys(here).sort()).toEqual(tried.map(({ api }) => api));
    expect(Object.values(here).filter((outcome) => String(outcome).startsWith("throws"))).toEqual([]);
    const differing = tried.filter(({ api }) => JSON.stringify(here[api]) !== JSON.stringify(there[api]));
    expect(differing.map(({ api }) => api)).toEqual(
      tried.filter(({ hosted }) => !hosted.startsWith("the same")).map(({ api }) => api),
    );
  }, 120_000);
});
