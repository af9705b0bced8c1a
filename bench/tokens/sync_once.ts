// One call of token-manager's sync in a new process, like an isolate. Prints its cost as JSON.

import process from "node:process";

import { projectDatabase } from "../../supabase/functions/_tokens/database.ts";
import { tokenKeyring } from "../../supabase/functions/_tokens/keys.ts";
import { openSource } from "../../supabase/functions/_tokens/open_source.ts";
import { tokenSettings } from "../../supabase/functions/_tokens/settings.ts";
import { syncTokens } from "../../supabase/functions/_tokens/sync.ts";

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
  const settings = tokenSettings();
  const baseMb = peakMb();
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  await import("@redis/client");
  const loadingCpuMs = millisecondsSince(cpu);
  const source = await openSource();
  const result = await syncTokens({
    source,
    sourceName: settings.TOKEN_SOURCE,
    database: projectDatabase(),
    keyring: tokenKeyring(),
    budget: { wallMs: settings.TOKEN_SYNC_MAX_MS, cpuMs: settings.TOKEN_SYNC_MAX_CPU_MS },
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
