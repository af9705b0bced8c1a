import { StackError } from "../local/errors.ts";
import type { Plan } from "./changes.ts";
import { planFiles } from "./plan_files.ts";
import { planImports } from "./plan_imports.ts";
import { planMigrations } from "./plan_migrations.ts";
import type { Offer } from "./offer.ts";
import { fromConfig } from "./import_map.ts";
import { RECORD, recordText } from "./record.ts";
import { CONFIG, configuredFunctions, readText, type Target } from "./target.ts";

/** What the owner says about files that are not as Tessera last wrote them. */
export interface Decisions {
  /** Takes Tessera's text for these. */
  force: string[];
  /** The database is already as these migrations now make it. */
  applied: string[];
}

/** Compares what is offered with what a project has. Changes nothing. */
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

/** The functions' blocks go to the end of config.toml; all that is there stays as it is. */
function planBlocks(target: Target, offer: Offer, importMap: string, plan: Plan): void {
  const added = [...offer.blocks].filter(([name]) => !target.record.functions.includes(name));
  const lost = offer.functions.filter((name) =>
    target.record.functions.includes(name) && !target.configured.includes(name)
  );
  for (const name of lost) plan.notes.push(`${CONFIG} has no block [functions.${name}] any more: left so`);
  const taken = added.filter(([name]) => target.configured.includes(name));
  for (const [name] of taken) plan.conflicts.push(`block [functions.${name}] is in ${CONFIG}`);
  if (added.length === 0 || taken.length > 0) return;
  const eol = target.config.includes("\r\n") ? "\r\n" : "\n";
  const blocks = added.map(([, block]) => `\n${block}\nimport_map = "${fromConfig(importMap)}"\n`).join("");
  const end = target.config === "" || target.config.endsWith("\n") ? "" : eol;
  const text = target.config + end + blocks.replaceAll("\n", eol);
  configuredFunctions(text); // It is still TOML.
  plan.writes.set(CONFIG, text);
  plan.steps.push(...added.map(([name]) => `append  ${CONFIG}: [functions.${name}]`));
}
