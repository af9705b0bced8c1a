import { readManifest } from "../../scripts/modules/manifest.ts";
import { broughtBy } from "../../scripts/modules/brought.ts";
import type { Permissions } from "./permissions.ts";

export const KINDS = ["tables", "routines", "buckets", "endpoints"] as const satisfies (keyof Permissions)[];

export type Kind = typeof KINDS[number];

export type Matrix = Required<Pick<Permissions, Kind>>;

/** What the modules declare, by module. */
export const DECLARED = await broughtBy<Permissions>(await readManifest(), "permissions");

/** The same as one table for each kind of object, in the order of the alphabet. */
export const MATRIX = matrixOf(DECLARED);

/** The columns that users may write, and the functions that run with their rights, of all modules. */
export const COLUMNS: Required<Permissions>["columns"] = Object.assign(
  {},
  ...Object.values(DECLARED).map(({ columns }) => columns),
);
export const PREDICATES: Record<string, string> = Object.assign(
  {},
  ...Object.values(DECLARED).map(({ predicates }) => predicates),
);

/** Throws for an object that two modules declare: only one of them could be right. */
export function matrixOf(declared: Record<string, Permissions>): Matrix {
  return Object.fromEntries(KINDS.map((kind) => {
    const by = new Map<string, string>();
    const rows = Object.entries(declared).flatMap(([module, permissions]) =>
      Object.entries(permissions[kind] ?? {}).map(([name, rule]) => {
        const first = by.get(name);
        if (first) throw new Error(`${name} is declared by ${first} and by ${module}: ${kind}`);
        by.set(name, module);
        return [name, rule] as const;
      })
    );
    return [kind, Object.fromEntries(rows.toSorted(([one], [other]) => one < other ? -1 : 1))];
  })) as unknown as Matrix;
}

/** What is wrong with a declaration, beside the objects that there are: a line for each that is to be added or to go. */
export function gapsIn(kind: Kind, matrix: Matrix, found: string[]): string[] {
  const declared = Object.keys(matrix[kind]);
  return [
    ...found.filter((name) => !declared.includes(name)).map((name) =>
      `To ${kind} of its module in tests/security/permissions: ${JSON.stringify(name)}: { why: "…" }`
    ),
    ...declared.filter((name) => !found.includes(name)).map((name) =>
      `Off ${kind} of tests/security/permissions, as it is gone: ${name}`
    ),
  ];
}
