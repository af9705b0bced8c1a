import { join } from "node:path";
import postgres from "postgres";

import { findFreePort } from "../../scripts/local/ports.ts";
import { type PostgresUser, postgresUser } from "../../scripts/local/postgres_user.ts";
import { run } from "../../scripts/local/run.ts";

/** Where Debian's package postgresql-15 puts its programs. */
const BIN = "/usr/lib/postgresql/15/bin";

/** A server of Debian's Postgres 15 with pg_cron, as an ordinary user, that is removed afterwards. */
export class Cluster {
  readonly #password = crypto.randomUUID();

  private constructor(
    readonly folder: string,
    readonly port: number,
    readonly user: PostgresUser | undefined,
  ) {}

  static async create(): Promise<Cluster> {
    const user = await postgresUser();
    const folder = await Deno.makeTempDir({ prefix: "tessera-postgres15-" });
    const cluster = new Cluster(folder, await findFreePort(), user);
    const passwordFile = join(folder, "password");
    await Deno.writeTextFile(passwordFile, cluster.#password, { mode: 0o600 });
    if (user) { for (const path of [folder, passwordFile]) await Deno.chown(path, user.uid, user.gid); }
    await cluster.#run("initdb", [
      `--pgdata=${cluster.#data}`,
      "--username=supabase_admin",
      `--pwfile=${passwordFile}`,
      "--auth-host=scram-sha-256",
      // The socket's folder is open to this user alone; pg_cron connects through it.
      "--auth-local=trust",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
      "--no-instructions",
    ]);
    return cluster;
  }

  /** Starts the server, with settings over those of a test. */
  async start(settings: Record<string, string> = {}): Promise<void> {
    const all: Record<string, string> = {
      listen_addresses: "127.0.0.1",
      port: String(this.port),
      unix_socket_directories: this.folder,
      shared_preload_libraries: "pg_cron",
      "cron.database_name": "postgres",
      "cron.host": this.folder,
      fsync: "off",
      timezone: "UTC",
      log_timezone: "UTC",
      ...settings,
    };
    const options = Object.entries(all).map(([name, value]) => `-c ${name}=${value}`).join(" ");
    await this.#run("pg_ctl", [
      "start",
      "--wait",
      `--pgdata=${this.#data}`,
      `--log=${join(this.folder, "log")}`,
      `--options=${options}`,
    ]);
  }

  async stop(): Promise<void> {
    await this.#run("pg_ctl", ["stop", "--wait", "--mode=fast", `--pgdata=${this.#data}`]);
  }

  /** Ends every process of the server at once, as a power cut would. */
  async crash(): Promise<void> {
    await this.#run("pg_ctl", ["stop", "--wait", "--mode=immediate", `--pgdata=${this.#data}`]);
  }

  async remove(): Promise<void> {
    await this.stop().catch(() => {});
    await Deno.remove(this.folder, { recursive: true });
  }

  url(role: "supabase_admin" | "postgres", database = "postgres"): string {
    return `postgresql://${role}:${this.#password}@127.0.0.1:${this.port}/${database}`;
  }

  connect(role: "supabase_admin" | "postgres", database = "postgres", connections = 4): postgres.Sql {
    return postgres(this.url(role, database), { max: connections, onnotice: () => {} });
  }

  /** The roles of a hosted project; postgres owns the database and is no superuser. */
  async makeRoles(admin: postgres.Sql): Promise<void> {
    await admin.unsafe(`
      create role anon nologin noinherit;
      create role authenticated nologin noinherit;
      create role service_role nologin noinherit bypassrls;
      create role supabase_auth_admin nologin noinherit;
      create role supabase_storage_admin nologin noinherit;
      create role postgres login createrole createdb bypassrls password '${this.#password}';
      grant anon, authenticated, service_role to postgres with admin option;
      grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
      alter database postgres owner to postgres`);
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  async #run(program: string, args: string[]): Promise<void> {
    const env = { LC_ALL: "C", TZ: "UTC" };
    await run(join(BIN, program), { args, env, cwd: this.folder, ...this.user });
  }
}
