import { messageOf, StackError } from "../local/errors.ts";
import { statementsOf } from "../modules/sql_tree.ts";
import { type Created, followSql, sameAs, sharedBy } from "./created.ts";
import { namedDifference } from "./difference.ts";
import type { OfferedMigration } from "./offer.ts";
import type { Planning } from "./changes.ts";
import { digestOf } from "./record.ts";
import { MIGRATIONS, readText } from "./target.ts";
import { newVersions } from "./versions.ts";

interface Parts extends Planning {
  isForced: (path: string) => boolean;
  isApplied: (path: string) => boolean;
  now: Date;
}

/**
 * New migrations come after the project's own. A migration that was added before is never added again, whatever its
 * text is now.
 */
export async function planMigrations(parts: Parts): Promise<void> {
  const { target, offer, record, plan, isForced, isApplied, now } = parts;
  const replaced = new Map<string, string>();
  const isGone: string[] = [];
  const added: OfferedMigration[] = [];
  for (const migration of offer.migrations) {
    const given = target.record.migrations[migration.name];
    if (!given) {
      added.push(migration);
      continue;
    }
    const digest = await digestOf(migration.text);
    if (digest === given.digest) continue;
    const { file } = given;
    if (isForced(file)) {
      replaced.set(file, migration.text);
      plan.writes.set(file, migration.text);
      plan.steps.push(`force   ${file}`);
    } else if (!isApplied(file)) {
      plan.conflicts.push(changedSince(file, await readText(target.folder, file) ?? "", migration.text));
      continue;
    }
    record.migrations[migration.name] = { file, digest };
  }
  for (const [name, { file }] of Object.entries(target.record.migrations)) {
    if (offer.migrations.some((migration) => migration.name === name)) continue;
    if (isForced(file)) {
      isGone.push(file);
      plan.removals.push(file);
      plan.steps.push(`remove  ${file}`);
    } else if (!isApplied(file)) {
      plan.conflicts.push(goneSince(file));
      continue;
    }
    delete record.migrations[name];
  }

  const versions = newVersions(added.length, target.migrations, now);
  for (const [index, { name, text }] of added.entries()) {
    const file = `${MIGRATIONS}/${versions[index]}_${name}.sql`;
    plan.writes.set(file, text);
    plan.steps.push(`add     ${file}`);
    record.migrations[name] = { file, digest: await digestOf(text) };
    if (statementsOf(file, text).some(({ type }) => type === "AlterDefaultPrivilegesStmt")) {
      plan.notes.push(
        `${file} changes default privileges: tables and functions that your later migrations create are closed ` +
          "until they grant the rights",
      );
    }
  }
  await compareNames(parts, added, (file) => isGone.includes(file) ? "" : replaced.get(file));
}

/** Reports each object that both the new migrations and the project's migrations create. */
async function compareNames(
  { target, plan }: Parts,
  added: OfferedMigration[],
  replacing: (file: string) => string | undefined,
): Promise<void> {
  const theirs: Created = new Set();
  const places = new Map<string, string>();
  for (const name of target.migrations) {
    const file = `${MIGRATIONS}/${name}`;
    try {
      followSql(file, replacing(file) ?? await readText(target.folder, file) ?? "", theirs);
    } catch (error) {
      if (!(error instanceof StackError)) throw error;
      plan.notes.push(`What ${file} creates was not compared: ${messageOf(error)}`);
    }
    for (const one of theirs) if (!places.has(one)) places.set(one, file);
  }
  for (const { name, text } of added) {
    const ours: Created = new Set();
    followSql(name, text, ours);
    for (const one of sharedBy(name, text)) ours.delete(one);
    for (const one of ours) {
      const same = sameAs(one, theirs);
      if (same) {
        plan.conflicts.push(`${one}: ${places.get(same)} creates ${same === one ? "it" : `the ${same}`} too`);
      }
    }
  }
}

function changedSince(file: string, current: string, text: string): string {
  return `${file} has changed in Tessera since it was added. A database that has applied it does not apply it again.
  If you can reset every database that has applied it: --force ${file}, then \`supabase db reset\`.
  Otherwise write the difference as a migration of your own (\`supabase migration new …\`), apply it, and confirm with --applied ${file}
${namedDifference(file, current, text)}`;
}

function goneSince(file: string): string {
  return `${file} is no longer one of Tessera's migrations: others replace it.
  If you can reset every database that has applied it: --force ${file} removes it; then \`supabase db reset\`.
  Otherwise look at the new migrations, write what your databases lack as a migration of your own, and confirm with --applied ${file}`;
}
