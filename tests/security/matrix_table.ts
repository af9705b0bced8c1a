import { MATRIX } from "./matrix.ts";
import { type CallerName, CALLERS, type Rule } from "./permissions.ts";

const BEGIN = "<!-- made by `deno run -A scripts/security_table.ts` -->";
const END = "<!-- end of what is made -->";

const SECTIONS: [string, Record<string, Rule<string>>][] = [
  ["Tables", MATRIX.tables],
  ["Database functions (RPC)", MATRIX.routines],
  ["Buckets", MATRIX.buckets],
  ["Endpoints", MATRIX.endpoints],
];

/** The document with the declaration's tables between its two marks, so that no other text is touched. */
export function withTables(document: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/security.md has lost its marks: ${BEGIN} … ${END}`);
  const tables = SECTIONS.map(([title, rules]) => `### ${title}\n\n${tableOf(rules)}`).join("\n\n");
  return `${document.slice(0, begin)}${BEGIN}\n\n${tables}\n\n${document.slice(end)}`;
}

/** One table in the form that `deno fmt` leaves as it is. */
function tableOf(rules: Record<string, Rule<string>>): string {
  const callers = Object.keys(CALLERS) as CallerName[];
  const rows = Object.entries(rules).map(([name, rule]) => [
    `\`${name}\``,
    ...callers.map((caller) => rule[caller]?.join(", ") ?? "–"),
    rule.why,
  ]);
  const all = [["", ...Object.values(CALLERS), "why"], ...rows];
  const widths = all[0]!.map((_cell, column) => Math.max(3, ...all.map((row) => row[column]!.length)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(all[0]!), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
