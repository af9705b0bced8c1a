import { join } from "node:path";
import type postgres from "postgres";

/** The differences between a database's migrations and a folder's. */
export interface MigrationState {
  /** In the folder, and not applied: names without `.sql`, in their order. */
  pending: string[];
  /** Applied, and not in the folder: versions. */
  unknown: string[];
}

/** Compares `supabase_migrations.schema_migrations`, as the CLI keeps it, with a project folder's migrations. */
export async function migrationState(sql: postgres.Sql, projectFolder: string): Promise<MigrationState> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(join(projectFolder, "supabase", "migrations"))) {
    if (/^\d+_.*\.sql$/.test(name)) names.push(name.replace(/\.sql$/, ""));
  }
  const [history] = await sql`select to_regclass('supabase_migrations.schema_migrations') as name`;
  const rows = history?.name ? await sql`select version from supabase_migrations.schema_migrations` : [];
  const applied = new Set<string>(rows.map((row) => row.version));
  const versions = new Set(names.map(versionOf));
  return {
    pending: names.filter((name) => !applied.has(versionOf(name))).sort(),
    unknown: [...applied].filter((version) => !versions.has(version)).sort(),
  };
}

function versionOf(name: string): string {
  return name.split("_")[0]!;
}
