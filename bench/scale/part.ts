import { join } from "node:path";

import { projectFolder } from "../../scripts/local/paths.ts";
import { run } from "../../scripts/local/run.ts";
import { TABLES } from "./tables.ts";

const FILE = join(projectFolder, "docs", "scale.md");

/** Prints the simulation's tables and writes them into docs/scale.md. Needs no stack. */
export async function simulateScale(): Promise<void> {
  let text = await Deno.readTextFile(FILE);
  for (const [name, tableOf] of Object.entries(TABLES)) {
    const table = tableOf();
    console.log(`\n${name}\n\n${table}`);
    text = withTable(text, name, table);
  }
  await Deno.writeTextFile(FILE, text);
  await run(Deno.execPath(), { args: ["fmt", "-q", FILE], cwd: projectFolder });
  console.log(`\nWritten to ${FILE}`);
}

/** Replaces the table between `<!-- table: name -->` and `<!-- end -->`. */
export function withTable(text: string, name: string, table: string): string {
  const begin = `<!-- table: ${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf("<!-- end -->", from);
  if (from < 0 || to < 0) throw new Error(`There is no place for the table ${name}`);
  return `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`;
}
