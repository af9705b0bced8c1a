import { join } from "node:path";
import type postgres from "postgres";

import { missingSettings, type Setting, settings } from "../settings/settings.ts";
import { affectedFunctions } from "./affected.ts";
import { migrationState } from "./migrations.ts";
import type { Project, secretNames } from "./project.ts";
import { type Deployment, interruptedFunctions, lastDeployment } from "./record.ts";
import type { Repository } from "./repository.ts";

/** What a deployment would do, determined before anything is changed. */
export interface Plan {
  project: Project;
  commit: string;
  /** Back to an earlier commit: only functions. */
  isReturn: boolean;
  previous?: Deployment;
  /** The functions that the commit has. */
  functions: string[];
  changed: string[];
  reason: string;
  /** Deployed before, and not in the commit. */
  removed: string[];
  pendingMigrations: string[];
  uncommitted: string[];
  /** Some functions answer 500 without them. */
  neededSettings: Setting[];
  unknownSecrets: string[];
  /** Why it is not allowed. */
  obstacles: string[];
}

export interface PlanOptions {
  project: Project;
  repository: Repository;
  commit: string;
  isReturn: boolean;
  /** The commit's files. */
  folder: string;
  listSecrets: typeof secretNames;
}

/** Examines the project and the commit. Changes nothing. */
export async function makePlan(sql: postgres.Sql, options: PlanOptions): Promise<Plan> {
  const { project, repository, commit, isReturn, folder, listSecrets } = options;
  const [functions, previous, migrations, secrets, uncommitted] = await Promise.all([
    functionsIn(folder),
    lastDeployment(sql),
    migrationState(sql, folder),
    listSecrets(folder, project.ref),
    repository.uncommittedPaths(),
  ]);
  const { required, needed } = missingSettings(secrets, functions);
  const obstacles = required.map(({ name, description }) => `The secret ${name} is missing: ${description}`);
  if (isReturn && !previous) obstacles.push("Nothing was deployed yet: there is nothing to go back from");
  if (!isReturn && migrations.unknown.length > 0) {
    obstacles.push(
      `The database has migrations that this commit has not (${
        migrations.unknown.join(", ")
      }): it is behind. ` +
        "Take the newest commit, or go back with --to",
    );
  }
  return {
    project,
    commit,
    isReturn,
    previous,
    functions,
    ...await changes(sql, repository, previous, commit, functions),
    pendingMigrations: isReturn ? [] : migrations.pending,
    uncommitted,
    neededSettings: needed,
    unknownSecrets: unknownSecrets(secrets),
    obstacles,
  };
}

/** The functions of a project's folder, by name. */
export async function functionsIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(folder, "supabase", "functions"))) {
    if (isDirectory && !/^[_.]/.test(name)) names.push(name);
  }
  return names.sort();
}

async function changes(
  sql: postgres.Sql,
  repository: Repository,
  previous: Deployment | undefined,
  commit: string,
  functions: string[],
): Promise<Pick<Plan, "changed" | "reason" | "removed">> {
  if (!previous) return { changed: functions, reason: "nothing was deployed yet", removed: [] };
  if (!await repository.has(previous.commitId)) {
    const reason = `the deployed commit ${short(previous.commitId)} is not in this copy`;
    return { changed: functions, reason, removed: [] };
  }
  const paths = await repository.changedPaths(previous.commitId, commit);
  const affected = affectedFunctions(functions, paths);
  const interrupted = await interruptedFunctions(sql, previous);
  const changed = functions.filter((name) => affected.functions.includes(name) || interrupted.includes(name));
  const touched = paths.map((path) => /^supabase\/functions\/([^/_][^/]*)\/index\.ts$/.exec(path)?.[1]);
  const removed = touched.filter((name) => name !== undefined).filter((name) => !functions.includes(name));
  const reason = interrupted.length > 0 ? `${affected.reason}, or cut off in between` : affected.reason;
  return { changed, reason, removed };
}

/** Secrets that look like ours and that nothing reads: mostly typing errors. */
function unknownSecrets(names: string[]): string[] {
  const known = settings().map(({ name }) => name);
  const prefixes = new Set(known.map((name) => name.split("_")[0]!));
  return names.filter((name) =>
    !known.includes(name) && !name.startsWith("SUPABASE_") && prefixes.has(name.split("_")[0]!)
  );
}

/** A commit's id as people write it. */
export function short(commit: string): string {
  return commit.slice(0, 12);
}
