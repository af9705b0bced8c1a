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
  /** Another one after each start: one that saw a crash may wait for an answer without end. */
  readonly sql: postgres.Sql;
  /** Ends it at once, with all its connections, as a lack of memory would. */
  crash(): Promise<void>;
  start(): Promise<void>;
}

/** A port that was free may be taken before Postgres has it. */
const MAX_STARTS = 5;

/** Makes a cluster and starts it, with settings over the stack's; both are gone after the test file. */
export async function startPostgres(settings: Record<string, string> = {}): Promise<PostgresServer> {
  const password = "postgres";
  const user = await postgresUser();
  const folder = await Deno.makeTempDir({ prefix: "tessera-postgres-" });
  await Deno.chmod(folder, 0o755);
  const files = await preparePostgresFiles(folder, user);
  await ensureCluster(files, user, password);
  let port = await findFreePort();
  let child: Deno.ChildProcess | undefined;
  let sql: postgres.Sql | undefined;
  const connect = async () => {
    await sql?.end({ timeout: 0 }).catch(() => {});
    sql = postgres(databaseUrl(port, ADMIN_ROLE, password), {
      max: 4,
      onnotice: () => {},
      connect_timeout: 5,
      // Its first query would be nobody's to catch when the server goes while it connects.
      fetch_types: false,
    });
  };
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
    let hasEnded = false;
    child.status.then(() => hasEnded = true);
    while (!await isServing(files.pgdata)) {
      if (hasEnded) {
        throw new Error(`Postgres ended before it served; another program may have taken port ${port}`);
      }
      await delay(20);
    }
    await connect();
  };
  const end = async (signal: Deno.Signal) => {
    child?.kill(signal);
    await child?.status;
    child = undefined;
  };
  for (let trial = 1;; trial++) {
    try {
      await start();
      break;
    } catch (error) {
      if (trial === MAX_STARTS) throw error;
      port = await findFreePort();
    }
  }
  afterAll(async () => {
    await sql?.end({ timeout: 1 });
    await end("SIGINT");
    await Deno.remove(folder, { recursive: true });
  });
  return {
    url: databaseUrl(port, ADMIN_ROLE, password),
    get sql() {
      return sql!;
    },
    start,
    crash: () => end("SIGQUIT"),
  };
}
