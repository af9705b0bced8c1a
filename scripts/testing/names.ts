import { StackError } from "../local/errors.ts";
import { type Manifest, ownersOf, WHOLE } from "../modules/manifest.ts";

/**
 * The test files of a word, among all files of the project: a module's, a suite's, or those with the word in their
 * path, as vitest itself matches. A module's name takes precedence over a suite's.
 */
export function filesNamed(word: string, manifest: Manifest, projectFiles: string[]): string[] {
  const files = projectFiles.filter((path) => path.startsWith("tests/") && path.endsWith(".test.ts"));
  const modules = [...Object.keys(manifest.modules), WHOLE];
  const suites = [...new Set(files.map((path) => path.split("/")[1]!))].sort();
  const ownersFor = ownersOf(manifest);
  const found = modules.includes(word)
    ? files.filter((path) => ownersFor(path).includes(word))
    : suites.includes(word)
    ? files.filter((path) => path.startsWith(`tests/${word}/`))
    : files.filter((path) => path.includes(word));
  if (found.length > 0) return found;
  if (modules.includes(word)) throw new StackError(`The module ${word} has no tests of its own.`);
  throw new StackError(
    `There is no module, suite or test file ${JSON.stringify(word)}.
modules: ${modules.join(", ")}
suites:  ${suites.join(", ")}
Or name a file or a folder: deno task test tests/sql/races.test.ts`,
  );
}
