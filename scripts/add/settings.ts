import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { projectFolder } from "../local/paths.ts";
import { DECLARED } from "../settings/declared.ts";
import { type Setting, settings } from "../settings/settings.ts";
import type { Offer } from "./offer.ts";

/** The settings that the modules need: those that everything needs, and those that only some functions need. */
export async function neededSettings({ files, functions }: Offer): Promise<Setting[]> {
  const titles = new Set<string>();
  for (const path of files.keys()) {
    if (!path.endsWith("/settings.ts")) continue;
    const exported = Object.values(await import(pathToFileURL(join(projectFolder, path)).href));
    for (const declared of DECLARED) if (exported.includes(declared)) titles.add(declared.title);
  }
  return settings().filter(({ name, title, isRequired, need }) =>
    titles.has(title) && !name.startsWith("SUPABASE_") &&
    (isRequired || need?.functions.some((one) => functions.includes(one)))
  );
}
