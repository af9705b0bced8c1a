import { type Manifest, withRequirements } from "../modules/manifest.ts";
import { StackError } from "../local/errors.ts";

/** The named modules and all that they require, each after its requirements. */
export function chosenModules(manifest: Manifest, names: string[]): string[] {
  const unknown = names.filter((name) => !Object.hasOwn(manifest.modules, name));
  if (unknown.length > 0) {
    throw new StackError(
      `There is no module ${unknown.join(", ")}. The modules: ${Object.keys(manifest.modules).join(", ")}`,
    );
  }
  return [...new Set(names.flatMap((name) => withRequirements(manifest, name)))];
}

/** One line per module: its title, and what it requires. */
export function moduleLines(manifest: Manifest): string[] {
  const width = Math.max(...Object.keys(manifest.modules).map((name) => name.length));
  return Object.entries(manifest.modules).map(([name, { title, requires }]) =>
    `${name.padEnd(width)}  ${title}${requires.length > 0 ? ` (requires ${requires.join(", ")})` : ""}`
  );
}
