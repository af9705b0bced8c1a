import { basename } from "node:path";
import postgres from "postgres";

import { projectFolder } from "../../scripts/local/paths.ts";
import { run } from "../../scripts/local/run.ts";

/** The last migration of which the ledger's functions need nothing later. */
const LAST_MIGRATION = "20260101000130";

/** What the migrations ask of Auth. */
const AUTH_SQL = `
  create schema auth;
  create function auth.uid() returns uuid language sql stable as 'select null::uuid';
  set check_function_bodies = off;`;

/** Makes a database with the ledger of a commit, on the server of another; returns its address. */
export async function databaseOf(commit: string, serverUrl: string): Promise<string> {
  const name = "ledger_before";
  const server = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await server.unsafe(`create database ${name} template template0`);
  await server.end();
  const address = new URL(serverUrl);
  address.pathname = `/${name}`;
  const sql = postgres(address.href, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(AUTH_SQL);
    for (const file of await migrationsOf(commit)) {
      const text = await git("show", `${commit}:${file}`);
      await sql.begin((transaction) => transaction.unsafe(text)).catch((error) => {
        throw new Error(`${file} of ${commit} does not apply: ${error.message}`, { cause: error });
      });
    }
  } finally {
    await sql.end();
  }
  return address.href;
}

async function migrationsOf(commit: string): Promise<string[]> {
  const listed = await git("ls-tree", "-r", "--name-only", commit, "supabase/migrations");
  return listed.trim().split("\n").filter((file) =>
    basename(file).slice(0, LAST_MIGRATION.length) <= LAST_MIGRATION
  );
}

async function git(...args: string[]): Promise<string> {
  return await run("git", { args, cwd: projectFolder });
}
