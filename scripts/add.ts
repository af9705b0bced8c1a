// deno task add <folder> <module>…: copies modules into a Supabase project; without --yes it only prints the plan.
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { uncommittedFiles } from "./add/git.ts";
import { chosenModules, moduleLines } from "./add/modules.ts";
import { offerOf } from "./add/offer.ts";
import { planOf } from "./add/plan.ts";
import { reportOf } from "./add/report.ts";
import { neededSettings } from "./add/settings.ts";
import { findTarget, readTarget } from "./add/target.ts";
import { undo, write } from "./add/write.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { explainWhenAsked } from "./local/usage.ts";
import { readManifest } from "./modules/manifest.ts";

explainWhenAsked(
  "add",
  `deno task add <folder> <module>…   prints what it would write into the Supabase project, and every conflict
    --yes               writes it
    --force <file>      takes Tessera's version of a file that you changed
    --applied <file>    confirms that your database already has a migration's change
deno task add --list                lists the modules, and what each requires

More: docs/add.md`,
);

try {
  const { values, positionals: [name, ...modules] } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      force: { type: "string", multiple: true, default: [] },
      applied: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.list) console.log(moduleLines(await readManifest()).join("\n"));
  else if (!await add(name, modules, values)) Deno.exit(1);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

async function add(
  name: string | undefined,
  modules: string[],
  { yes, force, applied }: { yes: boolean; force: string[]; applied: string[] },
): Promise<boolean> {
  if (!name) {
    throw new StackError("Usage: deno task add <folder> <module>…   The modules: deno task add --list");
  }
  const manifest = await readManifest();
  // A task runs in Tessera's folder, whatever the folder in which it was typed.
  const folder = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), name);
  chosenModules(manifest, modules);
  const found = await findTarget(folder);
  if (await undo(found)) console.log("An earlier run was interrupted: its changes were rolled back.\n");
  const target = await readTarget(found);
  const chosen = chosenModules(manifest, [...Object.keys(target.record.modules), ...modules]);
  if (chosen.length === 0) {
    throw new StackError(`${folder} has no module of Tessera yet: name one. The list: deno task add --list`);
  }
  const offer = await offerOf(manifest, chosen);
  const plan = await planOf(target, offer, { force, applied });
  const uncommitted = await uncommittedFiles(target.folder);
  if (uncommitted) {
    plan.notes.unshift(
      `${uncommitted} ${uncommitted === 1 ? "file is" : "files are"} in no commit of ${target.folder}: ` +
        "commit first, so that these changes do not mix with yours",
    );
  }
  const isWritten = yes && plan.conflicts.length === 0;
  if (isWritten && plan.writes.size + plan.removals.length > 0) await write(target.folder, plan);
  console.log(`${chosen.join(", ")} of Tessera ${offer.version}, for ${target.folder}\n`);
  console.log(reportOf(plan, await neededSettings(offer), { isWritten }));
  return plan.conflicts.length === 0;
}
