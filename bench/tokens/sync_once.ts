// One call of token-manager's sync in a new process, like an isolate. Prints its cost as JSON.

import process from "node:process";

import { projectDatabase } from "../../supabase/functions/_vault/database.ts";
import { vaultKeyring } from "../../supabase/functions/_vault/keys.ts";
import { openSource } from "../../supabase/functions/_vault/open_source.ts";
import { vaultSettings } from "../../supabase/functions/_vault/settings.ts";
import { syncVault } from "../../supabase/functions/_vault/sync.ts";

/** The cost of one call. */
export interface Cost {
  isComplete: boolean;
  synced: number;
  unchanged: number;
  wallMs: number;
  /** User and system time, including the engine's own work. */
  cpuMs: number;
  /** The CPU time that the budget counts for the work, including loading. */
  countedCpuMs: number;
  /** The part of it that loads the Redis client, once per isolate. */
  loadingCpuMs: number;
  /** Peak memory of the whole process; baseMb is its memory at the start. */
  peakMb: number;
  baseMb: number;
  redisTrips: number;
  databaseTrips: number;
}

if (import.meta.main) console.log(JSON.stringify(await syncOnce()));

async function syncOnce(): Promise<Cost> {
  const settings = vaultSettings();
  const baseMb = peakMb();
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  await import("@redis/client");
  const loadingCpuMs = millisecondsSince(cpu);
  const source = await openSource();
  const result = await syncVault({
    source,
    sourceName: settings.VAULT_SOURCE,
    database: projectDatabase(),
    keyring: vaultKeyring(),
    budget: { wallMs: settings.VAULT_SYNC_MAX_MS, cpuMs: settings.VAULT_SYNC_MAX_CPU_MS },
  });
  await source.close();
  const cpuMs = millisecondsSince(cpu);
  return {
    isComplete: result.isComplete,
    synced: result.synced,
    unchanged: result.unchanged,
    wallMs: performance.now() - startedAt,
    cpuMs,
    countedCpuMs: result.countedCpuMs,
    loadingCpuMs,
    peakMb: peakMb(),
    baseMb,
    redisTrips: result.roundTrips.redis,
    databaseTrips: result.roundTrips.database,
  };
}

function millisecondsSince(before: ReturnType<typeof process.cpuUsage>): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** The peak memory of the process; NaN if the system does not report it. */
function peakMb(): number {
  if (Deno.build.os !== "linux") return NaN;
  return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1] ?? NaN) / 1_024;
}
