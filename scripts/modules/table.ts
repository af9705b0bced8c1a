import type { Debt } from "./debts.ts";
import { type Manifest, ownersOf } from "./manifest.ts";
import type { Survey } from "./violations.ts";

const COLUMNS = ["module", "requires", "migrations", "functions", "files", "tests", "docs", "debts"];

/** The modules as a table, with the number of files of each kind; then the known violations, one per line. */
export function tableOf(manifest: Manifest, { counts }: Survey, debts: Debt[]): string {
  const owners = ownersOf(manifest);
  const rows = Object.entries(manifest.modules).map(([name, { requires, migrations, functions }]) => {
    const files = counts[name] ?? {};
    const shared = (files["supabase/functions"] ?? 0) + (files["supabase/tests"] ?? 0);
    const owed = debts.filter(({ file }) => owners(file)[0] === name).length;
    const numbers = [migrations.length, functions.length, shared, files.tests, files.docs, owed];
    return [name, requires.join(", ") || "-", ...numbers.map((number) => String(number ?? 0))];
  });
  const all = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const lines = all.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  );
  const titles = Object.entries(manifest.modules).map(([name, { title }]) => `${name}: ${title}`);
  const owed = debts.map(({ file, refers_to, way_out }) => `${file} → ${refers_to}: ${way_out}`);
  return [
    ...titles,
    "",
    ...lines,
    ...(owed.length > 0 ? ["", `${owed.length} debts (supabase/module_debts.json):`, ...owed] : []),
  ].join("\n");
}
