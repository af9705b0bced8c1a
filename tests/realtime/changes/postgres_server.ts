import postgres from "postgres";
import { afterAll } from "vitest";

import { databaseUrl } from "../../../scripts/local/database_url.ts";
import { findFreePort } from "../../../scripts/local/ports.ts";
import { ADMIN_ROLE, ensureCluster, isServing, postgresCommand } from "../../../scripts/local/postgres.ts";
import { preparePostgresFiles } from "../../../scripts/local/postgres_files.ts";
import { postgresUser } from "../../../scripts/local/postgres_user.ts";
import { delay } from "../../../scripts/local/process_ids.ts";

/** A Postgres of a test file's own, which may be killed. */
export interface PostgresServer {
  /** As the superuser. */
  url: string;
  sql: postgres.Sql;
  /** Ends it at once, with all its connections, as a lack of memory would. */
  crash(): Promise<void>;
  start(): Promise<void>;
}

/** Makes a cluster and starts it, with settings over the stack's; both are gone after the test file. */
export async function startPostgres(settings: Record<string, string> = {}): Promise<PostgresServer> {
  const password = "postgres";
  const user = await postgresUser();
  const folder = await Deno.makeTempDir({ prefix: "tessera-postgres-" });
  await Deno.chmod(folder, 0o755);
  const files = await preparePostgresFiles(folder, user);
  await ensureCluster(files, user, password);
  const port = await findFreePort();
  const url = databaseUrl(port, ADMIN_ROLE, password);
  const sql = postgres(url, { max: 4, onnotice: () => {}, backoff: () => 0.05, connect_timeout: 5 });
  let child: Deno.ChildProcess | undefined;
  const start = async () => {
    const { command, args: stacks, env, cwd } = postgresCommand(files, port, {
      fast: true,
      isReplicated: true,
    });
    const args = [
      ...stacks,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ];
    child = new Deno.Command(command, { args, env, cwd, ...user, stdout: "null", stderr: "null" }).spawn();
    while (!await isServing(files.pgdata)) await delay(20);
  };
  const end = async (signal: Deno.Signal) => {
    child?.kill(signal);
    await child?.status;
    child = undefined;
  };
  afterAll(async () => {
    await sql.end({ timeout: 1 });
    await end("SIGINT");
    await Deno.remove(folder, { recursive: true });
  });
  await start();
  return { url, sql, start, crash: () => end("SIGQUIT") };
}
