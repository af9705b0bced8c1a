import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { projectFolder } from "../local/paths.ts";
import { DECLARED } from "../settings/declared.ts";
import { type Setting, settings } from "../settings/settings.ts";
import type { Offer } from "./offer.ts";

/** Of the settings that what is offered declares: those that nothing works without, and those that some of it needs. */
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
