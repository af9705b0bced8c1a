import { join } from "node:path";

import { postgresUrl } from "../local/database_url.ts";
import { StackError } from "../local/errors.ts";
import { installedPackage, supabaseFolder } from "../local/paths.ts";
import { run } from "../local/run.ts";

/** A hosted project's addresses. */
export interface Project {
  ref: string;
  /** As role postgres; a pooler in session mode works too. */
  databaseUrl: string;
  /** The URL of its API. */
  url: string;
}

export interface ProjectOptions {
  projectRef?: string;
  databaseUrl?: string;
  url?: string;
}

/** Finds the project by the options, the environment, or `supabase link`. Throws with all that is missing. */
export async function findProject(options: ProjectOptions): Promise<Project> {
  const ref = await findProjectRef(options.projectRef);
  const databaseUrl = options.databaseUrl || Deno.env.get("SUPABASE_DB_URL");
  if (!ref || !databaseUrl) throw new StackError(missingText({ ref, databaseUrl }));
  if (!/^[a-z]{20}$/.test(ref)) {
    throw new StackError(`Cannot use the project ref ${ref}: it has 20 lowercase letters`);
  }
  const address = postgresUrl(databaseUrl);
  requireSameProject(address, ref);
  requireSession(address);
  return { ref, databaseUrl: address.href, url: options.url || `https://${ref}.supabase.co` };
}

/** What a deployment lacks, all of it: a dry run needs the same, as it compares with what is deployed. */
function missingText({ ref, databaseUrl }: { ref?: string; databaseUrl?: string }): string {
  const lines = [
    ...ref
      ? []
      : ["No project is linked. Either: supabase link --project-ref <ref>, or SUPABASE_PROJECT_REF=<ref>"],
    ...databaseUrl ? [] : [
      "No database is named. SUPABASE_DB_URL is the project's session pooler (Connect, in the dashboard), with its password",
    ],
    ...Deno.env.get("SUPABASE_ACCESS_TOKEN")
      ? []
      : ["SUPABASE_ACCESS_TOKEN is not set: it is needed where nobody has run supabase login"],
  ];
  return `A deployment, and its dry run, compare this copy with a hosted project. What is missing:
${lines.map((line) => `  ${line}`).join("\n")}
docs/guide.md, Deploy, has every step. Nothing was changed`;
}

/** Which project is linked or named; undefined without one. */
export async function findProjectRef(given?: string): Promise<string | undefined> {
  const named = given || Deno.env.get("SUPABASE_PROJECT_REF");
  if (named) return named;
  const linked = await Deno.readTextFile(join(supabaseFolder, ".temp", "project-ref")).catch(() => "");
  return linked.trim() || undefined;
}

/** The most expensive mistake: the migrations of one project on the database of another. */
function requireSameProject({ hostname, username }: URL, ref: string): void {
  const itsRef = /^db\.([a-z]{20})\.supabase\.co$/.exec(hostname)?.[1] ??
    /^postgres\.([a-z]{20})$/.exec(username)?.[1];
  if (itsRef && itsRef !== ref) {
    throw new StackError(
      `The database of SUPABASE_DB_URL is of the project ${itsRef}, and the linked one is ${ref}`,
    );
  }
}

/** The deployment lock belongs to a session, and so do the CLI's statements. */
function requireSession({ hostname, port }: URL): void {
  if (port !== "6543" || !/\.supabase\.(?:co|com)$/.test(hostname)) return;
  throw new StackError(
    "SUPABASE_DB_URL is the transaction pooler (port 6543): a deployment needs the session pooler, port 5432",
  );
}

/** Runs the Supabase CLI with the user's login, or SUPABASE_ACCESS_TOKEN. */
export async function supabaseCli(folder: string, ...args: string[]): Promise<string> {
  return await run(Deno.execPath(), {
    args: [
      "run",
      "-A",
      join(installedPackage("supabase"), "dist", "supabase.js"),
      "--workdir",
      folder,
      ...args,
    ],
    cwd: folder,
    env: { SUPABASE_TELEMETRY_DISABLED: "1", SUPABASE_NO_UPDATE_NOTIFIER: "1", DO_NOT_TRACK: "1" },
  });
}

/** The names of a project's secrets; their values cannot be read. */
export async function secretNames(folder: string, ref: string): Promise<string[]> {
  const printed = await supabaseCli(folder, "secrets", "list", "--project-ref", ref, "--output", "json");
  const secrets: { name: string }[] = JSON.parse(/^\[[\s\S]*\]/m.exec(printed)?.[0] ?? "[]");
  return secrets.map(({ name }) => name);
}

/** A URL of Postgres for the CLI, which requires TLS by default. */
export function cliDatabaseUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  if (["127.0.0.1", "localhost"].includes(url.hostname)) url.searchParams.set("sslmode", "disable");
  return url.href;
}
