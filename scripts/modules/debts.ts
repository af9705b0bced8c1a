import { join } from "node:path";
import { z } from "zod";

import { StackError } from "../local/errors.ts";
import { supabaseFolder } from "../local/paths.ts";
import { parseJson } from "./manifest.ts";
import type { Violation } from "./violations.ts";

const Debts = z.array(z.strictObject({
  kind: z.enum(["import", "sql", "sql_write", "sql_later"]),
  file: z.string(),
  refers_to: z.string(),
  /** What must be done to remove this entry. */
  way_out: z.string().min(1),
}));

/** A known violation that is to be removed. Lines are left out, because they change with every edit. */
export type Debt = z.infer<typeof Debts>[number];

const FILE = join(supabaseFolder, "module_debts.json");

/** Reads supabase/module_debts.json. */
export async function readDebts(): Promise<Debt[]> {
  const { data, error } = Debts.safeParse(
    parseJson("supabase/module_debts.json", await Deno.readTextFile(FILE)),
  );
  if (!data) throw new StackError(`supabase/module_debts.json: ${z.prettifyError(error)}`);
  return data;
}

/** Problems that are not known violations: new violations, and entries that no longer apply. */
export function compare(violations: Violation[], debts: Debt[]): string[] {
  const keyOf = ({ kind, file, refers_to }: Debt | Violation) => `${kind} ${file} ${refers_to}`;
  const known = new Set(debts.map(keyOf));
  const present = new Set(violations.map(keyOf));
  return [
    ...violations.filter((one) => !known.has(keyOf(one))).map(sentenceOf),
    ...debts.filter((debt) => !present.has(keyOf(debt))).map((debt) =>
      `${debt.file} refers to ${debt.refers_to} no longer: remove it from supabase/module_debts.json`
    ),
  ];
}

function sentenceOf({ kind, file, line, refers_to, from, to }: Violation): string {
  const verb = { import: "imports", sql: "refers to", sql_write: "writes to", sql_later: "refers to" }[kind];
  const reason = {
    import: `which ${from} does not require`,
    sql: `which ${from} does not require`,
    sql_write: "which that module alone may",
    sql_later: "which a later migration creates",
  }[kind];
  return `${file}:${line} ${verb} ${refers_to} of ${to}, ${reason}`;
}
