import { join } from "node:path";
import { StackError } from "./errors.ts";
import { exists } from "./paths.ts";
import type { PostgresFiles } from "./postgres_files.ts";
import type { PostgresUser } from "./postgres_user.ts";
import { commandLineOf, isAlive, waitForExit } from "./process_ids.ts";
import { run } from "./run.ts";

/** The superuser, named as in a hosted project; only this stack's bootstrap uses it. */
export const ADMIN_ROLE = "supabase_admin";

/** Tells one child which server it must end when the supervisor is gone: Postgres does not watch that. */
export const POSTGRES_VARIABLE = "TESSERA_ENDS_POSTGRES_OF";

const ENVIRONMENT = { LC_ALL: "C", TZ: "UTC" };

/** The command that runs Postgres in the foreground. */
export interface PostgresCommand {
  command: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
}

/** Creates the data folder if it does not exist; an unfinished one is created again. */
export async function ensureCluster(
  files: PostgresFiles,
  user: PostgresUser | undefined,
  adminPassword: string,
  signal?: AbortSignal,
): Promise<void> {
  const finished = join(files.pgdata, "tessera-initialised");
  if (await exists(finished)) return;
  await Deno.remove(files.pgdata, { recursive: true }).catch(() => {});
  await Deno.mkdir(files.pgdata, { mode: 0o700 });
  const passwordFolder = await Deno.makeTempDir({ dir: files.folder, prefix: "initdb-" });
  try {
    const passwordFile = join(passwordFolder, "password");
    await Deno.writeTextFile(passwordFile, adminPassword, { mode: 0o600 });
    if (user) {
      await Promise.all(
        [files.pgdata, passwordFolder, passwordFile].map((path) => Deno.chown(path, user.uid, user.gid)),
      );
    }
    await run(join(files.nativeFolder, "bin", "initdb"), {
      args: [
        `--pgdata=${files.pgdata}`,
        `--username=${ADMIN_ROLE}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-sync",
        "--no-instructions",
      ],
      env: ENVIRONMENT,
      cwd: files.folder,
      signal,
      ...user,
    });
    await Deno.writeTextFile(finished, "");
  } finally {
    await Deno.remove(passwordFolder, { recursive: true });
  }
}

/**
 * Postgres's settings; `fast` gives up durability on a power cut, for tests only. `isReplicated`: Realtime follows it, and
 * Postgres writes more for that.
 */
export function postgresCommand(
  files: PostgresFiles,
  port: number,
  options: { fast: boolean; isReplicated: boolean },
): PostgresCommand {
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: options.fast ? "300" : "100", // Tests of races open many connections, and several test files run at once.
    shared_preload_libraries: "pg_stat_statements",
    password_encryption: "scram-sha-256",
    log_timezone: "UTC",
    timezone: "UTC",
    log_line_prefix: "%m [%p] %u ",
    ...(options.fast ? { fsync: "off" } : {}),
    // A follower that is stuck loses its place before the disk is full.
    ...(options.isReplicated ? { wal_level: "logical", max_slot_wal_keep_size: "1GB" } : {}),
  };
  return {
    command: join(files.nativeFolder, "bin", "postgres"),
    args: [
      "-D",
      files.pgdata,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    env: ENVIRONMENT,
    // Postgres's user may not have access to the current folder.
    cwd: files.folder,
  };
}

/** Whether the server of a data folder accepts connections, according to its pid file. */
export async function isServing(pgdata: string): Promise<boolean> {
  const lines = (await Deno.readTextFile(join(pgdata, "postmaster.pid")).catch(() => "")).split("\n");
  return lines[7]?.trim() === "ready";
}

/** Stops the server of a data folder that an earlier, killed supervisor left running. */
export async function stopOrphan(pgdata: string): Promise<boolean> {
  const lines = (await Deno.readTextFile(join(pgdata, "postmaster.pid")).catch(() => "")).split("\n");
  const pid = Number(lines[0]);
  if (!pid || !isAlive(pid) || !(await commandLineOf(pid)).includes("postgres")) return false;
  Deno.kill(pid, "SIGINT");
  if (await waitForExit(pid, 10_000)) return true;
  Deno.kill(pid, "SIGQUIT");
  if (await waitForExit(pid, 5_000)) return true;
  throw new StackError(`Cannot stop the Postgres of an earlier start: pid ${pid}`);
}
