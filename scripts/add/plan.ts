import { StackError } from "../local/errors.ts";
import type { Plan } from "./changes.ts";
import { planFiles } from "./plan_files.ts";
import { planImports } from "./plan_imports.ts";
import { planMigrations } from "./plan_migrations.ts";
import type { Offer } from "./offer.ts";
import { fromConfig } from "./import_map.ts";
import { RECORD, recordText } from "./record.ts";
import { CONFIG, configuredFunctions, readText, type Target } from "./target.ts";

/** The owner's decisions about files that differ from what Tessera last wrote. */
export interface Decisions {
  /** Files that get Tessera's text. */
  force: string[];
  /** Migrations whose changes the database already has. */
  applied: string[];
}

/** Compares the modules with the project. Changes nothing. */
export async function planOf(
  target: Target,
  offer: Offer,
  decisions: Decisions,
  now = new Date(),
): Promise<Plan> {
  const plan: Plan = {
    writes: new Map(),
    removals: [],
    steps: [],
    kept: [],
    conflicts: [],
    notes: [...offer.notes],
  };
  const record = structuredClone(target.record);
  const used = new Set<string>();
  const has = (list: string[]) => (path: string) => list.includes(path) && Boolean(used.add(path));
  const isForced = has(decisions.force);
  const isApplied = has(decisions.applied);

  await planMigrations({ target, offer, record, plan, isForced, isApplied, now });
  await planFiles({ target, offer, record, plan, isForced });
  const map = await planImports({ target, offer, record, plan });
  planBlocks(target, offer, map.path, plan);

  record.modules = Object.fromEntries(offer.modules.map((name) => [name, offer.version]));
  record.functions = offer.functions;
  const text = recordText(record);
  if (text !== await readText(target.folder, RECORD)) plan.writes.set(RECORD, text);

  const unused = [...decisions.force, ...decisions.applied].filter((path) => !used.has(path));
  if (unused.length > 0) {
    throw new StackError(
      `There is nothing to decide about ${
        unused.join(", ")
      }: --force and --applied take files that are named as ` +
        "kept or changed, as paths in your project",
    );
  }
  return plan;
}

/** The functions' blocks are appended to config.toml; existing lines stay. */
function planBlocks(target: Target, offer: Offer, importMap: string, plan: Plan): void {
  const added = [...offer.blocks].filter(([name]) => !target.record.functions.includes(name));
  const lost = offer.functions.filter((name) =>
    target.record.functions.includes(name) && !target.configured.includes(name)
  );
  for (const name of lost) plan.notes.push(`${CONFIG} has no block [functions.${name}] any more: unchanged`);
  const taken = added.filter(([name]) => target.configured.includes(name));
  for (const [name] of taken) plan.conflicts.push(`block [functions.${name}] exists in ${CONFIG}`);
  if (added.length === 0 || taken.length > 0) return;
  const eol = target.config.includes("\r\n") ? "\r\n" : "\n";
  const blocks = added.map(([, block]) => `\n${block}\nimport_map = "${fromConfig(importMap)}"\n`).join("");
  const end = target.config === "" || target.config.endsWith("\n") ? "" : eol;
  const text = target.config + end + blocks.replaceAll("\n", eol);
  configuredFunctions(text); // The result must still be valid TOML.
  plan.writes.set(CONFIG, text);
  plan.steps.push(...added.map(([name]) => `append  ${CONFIG}: [functions.${name}]`));
}
