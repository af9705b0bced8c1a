import { join } from "node:path";
import { parse } from "jsonc-parser";
import { afterAll, beforeAll, expect, it } from "vitest";

import { findImportMap, fromConfig, withImports } from "../../../scripts/add/import_map.ts";

let folder: string;

beforeAll(async () => {
  folder = await Deno.makeTempDir();
  await Deno.mkdir(join(folder, "supabase/functions"), { recursive: true });
});

afterAll(() => Deno.remove(folder, { recursive: true }));

const ADDED = new Map([["zod", "npm:zod@4.0.0"]]);

it("a project without one gets one beside its functions", async () => {
  const map = await findImportMap(folder);
  expect(map).toMatchObject({ path: "supabase/functions/deno.json", isNew: true });
  expect(withImports(map, ADDED)).toBe('{\n  "imports": {\n    "zod": "npm:zod@4.0.0"\n  }\n}\n');
  expect(fromConfig(map.path)).toBe("./functions/deno.json");
});

it("comments, tabs and line ends of what is there stay", async () => {
  const text = '{\r\n\t// Mine\r\n\t"imports": {\r\n\t\t"a": "npm:a@1", // why\r\n\t},\r\n}\r\n';
  await Deno.writeTextFile(join(folder, "deno.jsonc"), text);
  const map = await findImportMap(folder);
  expect(fromConfig(map.path)).toBe("../deno.jsonc");
  const written = withImports(map, ADDED);
  for (const part of ["\t// Mine\r\n", '"a": "npm:a@1", // why\r\n', '\t\t"zod": "npm:zod@4.0.0"']) {
    expect(written).toContain(part);
  }
  expect(written.replaceAll("\r\n", "")).not.toContain("\n");
});

it.each([
  [
    '{\n  "imports": {\n    "a": "b" // why\n  }\n}',
    '{\n  "imports": {\n    "a": "b", // why\n    "zod": "npm:zod@4.0.0"\n  }\n}',
  ],
  ['{ "imports": { "a": "b" } }', '    "a": "b",\n    "zod": '],
  [
    '{\n  "imports": {\n    "zod": "npm:zod@3.0.0"\n  }\n}',
    '{\n  "imports": {\n    "zod": "npm:zod@4.0.0"\n  }\n}',
  ],
  ['{\n  "tasks": {}\n}', '"imports": {\n    "zod": "npm:zod@4.0.0"\n  }'],
])("%j", (text, part) => {
  const written = withImports({ path: "deno.json", text, isNew: false, imports: {} }, ADDED);
  expect(written).toContain(part);
  expect(parse(written).imports.zod).toBe("npm:zod@4.0.0");
});

it("a configuration may leave it to another file", async () => {
  await Deno.writeTextFile(
    join(folder, "supabase/functions/deno.json"),
    '{ "importMap": "../imports.json" }',
  );
  await expect(findImportMap(folder)).rejects.toThrow("There is no supabase/imports.json");
  await Deno.writeTextFile(join(folder, "supabase/imports.json"), '{ "imports": { "a": "npm:a@1" } }');
  expect(await findImportMap(folder)).toMatchObject({
    path: "supabase/imports.json",
    imports: { a: "npm:a@1" },
  });
  await Deno.writeTextFile(join(folder, "supabase/imports.json"), "{ broken");
  await expect(findImportMap(folder)).rejects.toThrow("supabase/imports.json is not valid JSON");
});
