import { describe, expect, it } from "vitest";

import { readManifest } from "../../../scripts/modules/manifest.ts";
import { objectOwners } from "../../../scripts/modules/object_owners.ts";
import { DECLARED, gapsIn, MATRIX, matrixOf } from "../../security/matrix.ts";

const manifest = await readManifest();
const owners = await objectOwners(manifest);

describe("the permissions that a module declares", () => {
  it.each(Object.entries(DECLARED))("%s: are of its own objects alone", (module, permissions) => {
    const objects = [
      ...Object.keys(permissions.tables ?? {}),
      ...Object.keys(permissions.routines ?? {}),
    ];
    const others = objects.filter((name) => owners.get(`public.${name}`) !== module);
    expect(others, "declared by another module than the one whose migration creates it").toEqual([]);
    const { functions } = manifest.modules[module]!;
    const endpoints = Object.keys(permissions.endpoints ?? {}).map((name) => name.split("/")[0]!);
    expect(endpoints.filter((name) => !functions.includes(name))).toEqual([]);
  });

  it("are reported as missing or outdated when they differ from the database", () => {
    const tables = Object.keys(MATRIX.tables);
    expect(gapsIn("tables", MATRIX, tables)).toEqual([]);
    expect(gapsIn("tables", MATRIX, [...tables, "notes"])).toEqual([
      'To tables of its module in tests/security/permissions: "notes": { why: "…" }',
    ]);
    expect(gapsIn("tables", MATRIX, tables.slice(1))).toEqual([
      `Off tables of tests/security/permissions, as it is gone: ${tables[0]}`,
    ]);
  });

  it("are of one module each", () => {
    const notes = { tables: { notes: { why: "" } } };
    expect(Object.keys(matrixOf({ one: notes, other: {} }).tables)).toEqual(["notes"]);
    expect(() => matrixOf({ one: notes, other: notes })).toThrow(
      "notes is declared by one and by other: tables",
    );
  });
});
