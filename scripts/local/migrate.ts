import { join } from "node:path";
import postgres from "postgres";
import { exists, installedPackage, projectFolder } from "./paths.ts";
import { run } from "./run.ts";

/** Applies the new migrations in supabase/migrations with the Supabase CLI, as a hosted project's deployment does. */
export async function applyMigrations(
  databaseUrl: string,
  homeFolder: string,
  signal?: AbortSignal,
  project = projectFolder,
): Promise<{ applied: string[] }> {
  const pending = await pendingMigrations(databaseUrl, join(project, "supabase", "migrations"));
  if (pending.length === 0) return { applied: [] };
  await runSupabaseCli(
    ["migration", "up", "--include-all", "--db-url", `${databaseUrl}?sslmode=disable`],
    homeFolder,
    signal,
    project,
  );
  return { applied: pending };
}

/** Runs the Supabase CLI on a project, without telemetry and without network access. */
export async function runSupabaseCli(
  args: string[],
  homeFolder: string,
  signal?: AbortSignal,
  project = projectFolder,
): Promise<string> {
  return await run(Deno.execPath(), {
    args: ["run", "-A", join(installedPackage("supabase"), "dist", "supabase.js"), ...args],
    cwd: project,
    signal,
    env: {
      SUPABASE_TELEMETRY_DISABLED: "1",
      SUPABASE_NO_UPDATE_NOTIFIER: "1",
      DO_NOT_TRACK: "1",
      SUPABASE_HOME: join(homeFolder, "supabase-cli"),
    },
  });
}

/** The migrations that the CLI would apply; asking the database avoids starting the CLI if there are none. */
async function pendingMigrations(databaseUrl: string, folder: string): Promise<string[]> {
  if (!await exists(folder)) return [];
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (/^\d+_.*\.sql$/.test(entry.name)) names.push(entry.name);
  }
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const [history] = await sql`select to_regclass('supabase_migrations.schema_migrations') as name`;
    const rows = history?.name ? await sql`select version from supabase_migrations.schema_migrations` : [];
    const applied = new Set(rows.map((row) => row.version));
    return names.filter((name) => !applied.has(name.split("_")[0])).sort();
  } finally {
    await sql.end();
  }
}
