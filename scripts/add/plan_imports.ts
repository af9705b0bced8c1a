import { findImportMap, type ImportMap, withImports } from "./import_map.ts";
import type { Planning } from "./changes.ts";

/** Missing names are added to the project's import map; a name with another version is a conflict. */
export async function planImports({ target, offer, record, plan }: Planning): Promise<ImportMap> {
  const map = await findImportMap(target.folder);
  const changes = new Map<string, string>();
  for (const [name, specifier] of offer.imports) {
    const current = map.imports[name];
    const recorded = target.record.imports[name];
    if (current === undefined || (current === recorded && current !== specifier)) {
      changes.set(name, specifier);
      record.imports[name] = specifier;
      plan.steps.push(`${current === undefined ? "add   " : "update"}  ${map.path}: ${name} = ${specifier}`);
    } else if (current === specifier) record.imports[name] = specifier;
    else if (recorded) {
      plan.notes.push(`${map.path} has ${name} as ${current}, Tessera as ${specifier}: yours stays`);
    } else plan.conflicts.push(`import ${name} is ${current} in ${map.path}; Tessera has ${specifier}`);
  }
  for (const name of Object.keys(target.record.imports)) {
    if (!offer.imports.has(name)) delete record.imports[name];
  }
  if (changes.size > 0) plan.writes.set(map.path, withImports(map, changes));
  return map;
}
