import { join } from "node:path";

import { projectFolder } from "../local/paths.ts";
import { type Manifest, ownersOf, WHOLE, withRequirements } from "./manifest.ts";
import { projectFiles } from "./files.ts";
import type { Reference } from "./reference.ts";
import { createdBy, HTTP_FUNCTION, type SqlObjects } from "./sql_objects.ts";
import { namedBy } from "./sql_references.ts";
import { type Statement, statementsOf } from "./sql_tree.ts";
import { typescriptReferences } from "./typescript_references.ts";

const MIGRATIONS = "supabase/migrations/";

/**
 * A reference to a module that the file's module does not require, or to an object that a later migration creates.
 */
export interface Violation extends Reference {
  from: string;
  to: string;
}

/** The project's files and their references. */
export interface Survey {
  /** Files of no module or of several, and patterns without a file: one sentence each. */
  misplaced: string[];
  violations: Violation[];
  /** The number of files of each module, by top folder. */
  counts: Record<string, Record<string, number>>;
}

/** Examines every file that must belong to a module, and all its references. */
export async function survey(manifest: Manifest): Promise<Survey> {
  const files = await projectFiles();
  const texts = new Map<string, string>();
  for (const file of files) {
    // A page that is generated from the database is not a source.
    if (/\.(ts|sql)$/.test(file) && !file.startsWith("docs/")) {
      texts.set(file, await Deno.readTextFile(join(projectFolder, file)));
    }
  }
  return surveyOf(manifest, files, texts);
}

/** The same for the given files, with the texts of those in TypeScript and SQL. */
export function surveyOf(manifest: Manifest, files: string[], texts: Map<string, string>): Survey {
  const owners = ownersOf(manifest);
  const ownerOf = (file: string) => owners(file)[0];
  const misplaced: string[] = [];
  const counts: Survey["counts"] = {};
  for (const file of files) {
    const [owner, ...others] = owners(file);
    if (!owner) misplaced.push(`${file} belongs to no module`);
    else if (others.length > 0) misplaced.push(`${file} belongs to ${[owner, ...others].join(" and to ")}`);
    else {
      const folder = file.split("/").slice(0, file.startsWith("supabase/") ? 2 : 1).join("/");
      (counts[owner] ??= {})[folder] = (counts[owner][folder] ?? 0) + 1;
    }
  }
  misplaced.push(...absent(manifest, files));

  const isMigration = (file: string) => file.startsWith(MIGRATIONS);
  const statements = new Map<string, Statement[]>();
  const objects: SqlObjects = new Map();
  for (const file of files) {
    const [, name] = /^supabase\/functions\/([^_/][^/]*)\/index\.ts$/.exec(file) ?? [];
    if (name) objects.set(`${HTTP_FUNCTION}${name}`, file);
  }
  for (const [file, text] of texts) {
    if (!file.endsWith(".sql")) continue;
    statements.set(file, statementsOf(file, text));
    if (!isMigration(file)) continue;
    for (const statement of statements.get(file)!) {
      for (const name of createdBy(statement)) {
        const first = objects.get(name);
        if (first && ownerOf(first) !== ownerOf(file)) {
          misplaced.push(`${name} is created by ${first} and by ${file}`);
        }
        objects.set(name, first ?? file);
      }
    }
  }

  const registries = new Set(Object.values(manifest.modules).flatMap((module) => module.registries));
  for (const registry of registries) {
    if (!objects.has(registry)) misplaced.push(`no migration creates the registry ${registry}`);
  }
  const references: Reference[] = [];
  for (const [file, list] of statements) {
    for (const statement of list) {
      for (const { name, is_written, line } of namedBy(file, statement, objects)) {
        const kind = is_written && !registries.has(name) ? "sql_write" : "sql";
        references.push({ kind, file, line, refers_to: name });
      }
    }
  }
  for (const [file, text] of texts) {
    if (file.endsWith(".ts")) references.push(...typescriptReferences(file, text, objects));
  }

  const violations = references.flatMap((reference): Violation[] => {
    const from = ownerOf(reference.file);
    const target = reference.kind === "import" ? reference.refers_to : objects.get(reference.refers_to)!;
    const to = ownerOf(target);
    if (!from || !to || from === WHOLE) return [];
    // Postgres does not check a function's body when it is created, but code that runs before the end of the
    // migrations may call it.
    const isLater = isMigration(target) && isMigration(reference.file) && reference.file < target;
    const ifLater: Violation[] = isLater ? [{ ...reference, kind: "sql_later", from, to }] : [];
    if (from === to) return ifLater;
    const isTest = reference.file.startsWith("tests/") || reference.file.startsWith("supabase/tests/");
    // A test may use the tests' common support.
    if (to === WHOLE) return isTest ? [] : [{ ...reference, from, to }];
    const isRequired = withRequirements(manifest, from).includes(to);
    // Only a module's own functions write to its rows, also on behalf of others.
    if (isRequired && (reference.kind !== "sql_write" || isTest)) return ifLater;
    return [{ ...reference, from, to }];
  });
  return { misplaced, violations: eachOnce(violations), counts };
}

/** One reference per place and object; a write replaces a read. */
function eachOnce(violations: Violation[]): Violation[] {
  const found = new Map<string, Violation>();
  for (const one of violations) {
    const place = `${one.file}:${one.line} ${one.refers_to}`;
    if (!found.has(place) || one.kind === "sql_write") found.set(place, one);
  }
  return [...found.values()];
}

/** Patterns of the manifest that match no file. */
function absent(manifest: Manifest, files: string[]): string[] {
  const has = (path: RegExp) => files.some((file) => path.test(file));
  return Object.entries(manifest.modules).flatMap(([module, { migrations, functions }]) => [
    ...migrations.filter((name) => !has(new RegExp(`^supabase/migrations/\\d+_${name}\\.sql$`)))
      .map((name) => `${module} has the migration ${name}, which does not exist`),
    ...functions.filter((name) => !has(new RegExp(`^supabase/functions/${name}/index\\.ts$`)))
      .map((name) => `${module} has the function ${name}, which does not exist`),
  ]);
}
