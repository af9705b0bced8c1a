import { join, relative } from "node:path";

import { StackError } from "../local/errors.ts";
import { projectFolder } from "../local/paths.ts";

/** Which test files cite which mistake: "(mistake 8)", "(mistakes 1, 2b)". */
export async function citations(): Promise<Map<string, string[]>> {
  const found = new Map<string, Set<string>>();
  for await (const file of testFiles(join(projectFolder, "tests"))) {
    const path = relative(projectFolder, file).replaceAll("\\", "/");
    for (const [, numbers] of (await Deno.readTextFile(file)).matchAll(/\(mistakes? ([\d, b]+)\)/g)) {
      for (const number of numbers!.split(", ")) {
        found.set(number, (found.get(number) ?? new Set()).add(path));
      }
    }
  }
  return new Map([...found].map(([number, paths]) => [number, [...paths].toSorted()]));
}

async function* testFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith(".test.ts")) yield path;
  }
}

const SECTION = /^### (\d+b?)\. [^]*?(?=^##|$(?![^]))/gm;
const TESTS = /^(Tests:|Not cited:)[^]*?(?=\n\n|\n*$(?![^]))/m;

/**
 * docs/decisions/mistakes.md with the test files under each mistake that is cited. Throws for a cited mistake that it
 * does not have.
 */
export function withCitations(page: string, cited: Map<string, string[]>): string {
  const numbers = [...page.matchAll(SECTION)].map(([, number]) => number!);
  const unknown = [...cited].filter(([number]) => !numbers.includes(number));
  if (unknown.length > 0) {
    const list = unknown.map(([number, paths]) => `${number} (${paths.join(", ")})`).join("; ");
    throw new StackError(`docs/decisions/mistakes.md lacks what tests cite: mistake ${list}`);
  }
  const twice = numbers.filter((number, at) => numbers.indexOf(number) !== at);
  if (twice.length > 0) throw new StackError(`docs/decisions/mistakes.md has mistake ${twice} twice`);
  return page.replaceAll(SECTION, (section, number: string) => {
    const paths = cited.get(number);
    const line = TESTS.exec(section)?.[0];
    if (line === undefined) throw new StackError(`Mistake ${number} says neither "Tests:" nor "Not cited:"`);
    if (paths) return section.replace(line, () => `Tests: ${paths.map((path) => `\`${path}\``).join(", ")}`);
    if (line.startsWith("Not cited: ")) return section;
    throw new StackError(`No test cites mistake ${number}: say why, in a line that begins with "Not cited:"`);
  });
}
