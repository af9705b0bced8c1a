import { join } from "node:path";
import { cpus, loadavg, totalmem } from "node:os";
import type postgres from "postgres";

import { projectFolder } from "../scripts/local/paths.ts";
import { run } from "../scripts/local/run.ts";
import { median } from "./statistics.ts";

const SETTINGS = [
  "fsync",
  "synchronous_commit",
  "wal_sync_method",
  "full_page_writes",
  "wal_compression",
  "shared_buffers",
  "max_wal_size",
  "checkpoint_timeout",
];
const FLUSHES = 200;
const BLOCK_BYTES = 8_192;

/** The environment of the numbers, as a list: machine, disk, database, commit. */
export async function machineList(sql: postgres.Sql, dataDir: string): Promise<string> {
  const [{ version }] = await sql<[{ version: string }]>`select current_setting('server_version') as version`;
  const settings = await sql<{ setting: string }[]>`
    select name || ' = ' || current_setting(name) as setting from pg_settings
    where name in ${sql(SETTINGS)} order by name`;
  const processors = cpus();
  const facts = {
    "Date": new Date().toISOString().slice(0, 10),
    "Commit": await commit(),
    "Processor": `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}`,
    "Memory": `${Math.round(totalmem() / 2 ** 30)} GiB`,
    "Load of other programs before the run": loadavg()[0]!.toFixed(1),
    "Flush of 8 KiB (write, fdatasync)": `median ${Math.round(flushUs(dataDir))} µs`,
    "Postgres": `${version}: ${settings.map(({ setting }) => setting).join(", ")}`,
  };
  return Object.entries(facts).map(([name, value]) => `- ${name}: ${value}`).join("\n");
}

/** The least that a commit waits for: overwriting and flushing one block on the database's disk. */
function flushUs(folder: string): number {
  const path = join(folder, "flush");
  const file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(BLOCK_BYTES);
  try {
    const times = Array.from({ length: FLUSHES }, () => {
      const start = performance.now();
      file.seekSync(0, Deno.SeekMode.Start);
      file.writeSync(block);
      file.syncDataSync();
      return (performance.now() - start) * 1_000;
    });
    return median(times);
  } finally {
    file.close();
    Deno.removeSync(path);
  }
}

async function commit(): Promise<string> {
  try {
    const git = (...args: string[]) => run("git", { args: ["-C", projectFolder, ...args] });
    const isChanged =
      (await git("status", "--porcelain", "--", "supabase", "bench", "scripts")).trim() !== "";
    return (await git("rev-parse", "--short", "HEAD")).trim() + (isChanged ? ", with changes" : "");
  } catch {
    return "unknown";
  }
}
