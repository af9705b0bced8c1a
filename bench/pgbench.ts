import { join } from "node:path";

import { StackError } from "../scripts/local/errors.ts";
import { run } from "../scripts/local/run.ts";
import type { Outcome } from "./side.ts";
import { quantile } from "./statistics.ts";

/** The number of clients of every load generator for a database. */
export const CLIENTS = 16;
export const THREADS = 2;
const LOG_PREFIX = "latencies";

/** The operations per run of a script, the number of clients, and how many runs begin each second: by default as many as can. */
export interface PgbenchLoad {
  operations?: number;
  clients?: number;
  perSecond?: number;
}

/** Runs SQL scripts with Postgres's own load generator, with prepared statements. */
export class Pgbench {
  readonly #folder: string;
  readonly #env: Record<string, string>;

  /** The folder for scripts and logs; it must exist. With a role, scripts run with its rights. */
  constructor(folder: string, databaseUrl: string, { role }: { role?: string } = {}) {
    const { hostname, port, username, password, pathname } = new URL(databaseUrl);
    this.#folder = folder;
    this.#env = {
      PGHOST: hostname,
      PGPORT: port,
      PGUSER: username,
      PGPASSWORD: password,
      PGDATABASE: pathname.slice(1),
      ...(role ? { PGOPTIONS: `-c role=${role}` } : {}),
    };
  }

  /** Runs a script with this many operations repeatedly. */
  async forSeconds(
    script: string,
    seconds: number,
    { operations = 1, clients = CLIENTS, perSecond }: PgbenchLoad = {},
  ): Promise<Outcome> {
    // With a rate, a latency begins when the run was due, also where no client was free.
    const rate = perSecond === undefined ? [] : [`--rate=${perSecond}`];
    const latenciesMs = await this.#run(script, ["-T", String(seconds), ...rate], clients);
    return {
      count: latenciesMs.length * operations,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
    };
  }

  /** Runs a script about as often as requested. Returns how often it ran. */
  async times(script: string, count: number): Promise<number> {
    return (await this.#run(script, ["-t", String(Math.round(count / CLIENTS))])).length;
  }

  async #run(script: string, limit: string[], clients = CLIENTS): Promise<number[]> {
    const folder = await Deno.makeTempDir({ dir: this.#folder });
    try {
      await Deno.writeTextFile(join(folder, "script.sql"), script);
      await run("pgbench", {
        args: [
          "--no-vacuum",
          "--protocol=prepared",
          `--client=${clients}`,
          `--jobs=${THREADS}`,
          "--log",
          `--log-prefix=${LOG_PREFIX}`,
          "--file=script.sql",
          ...limit,
        ],
        cwd: folder,
        env: this.#env,
      });
      return await readLatencies(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}

/** Throws with installation instructions if the program is not installed. */
export async function requirePgbench(): Promise<string> {
  try {
    return (await run("pgbench", { args: ["--version"] })).trim();
  } catch {
    throw new StackError(
      "Cannot find pgbench, the load generator for SQL. It comes with Postgres:\n" +
        "  Debian, Ubuntu: apt-get install postgresql-contrib (its folder /usr/lib/postgresql/<version>/bin on the PATH)\n" +
        "  macOS: brew install postgresql",
    );
  }
}

/** Each line of a log: client, number, microseconds, script, time. */
async function readLatencies(folder: string): Promise<number[]> {
  const latenciesMs: number[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.startsWith(LOG_PREFIX)) continue;
    for (const line of (await Deno.readTextFile(join(folder, name))).split("\n")) {
      if (line !== "") latenciesMs.push(Number(line.split(" ")[2]) / 1_000);
    }
  }
  return latenciesMs;
}
