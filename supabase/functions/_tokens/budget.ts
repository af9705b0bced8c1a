import process from "node:process";

/** How much one invocation may use before it rests. */
export interface Budget {
  wallMs: number;
  cpuMs: number;
}

/** What a sync has done so far, as far as it costs processor time. */
export interface Work {
  /** Commands to Redis and calls of the database. */
  roundTrips: number;
  keysListed: number;
  valuesRead: number;
  bytesRead: number;
  tokensStored: number;
  bytesStored: number;
}

/**
 * Processor time of each piece of work in microseconds: about twice what Deno 2.1.4 needs, the nearest to the hosted runtime,
 * on all of its threads. `deno task bench` says how far the counted time is from the measured one.
 */
const COST_US: Record<keyof Work, number> = {
  roundTrips: 500,
  keysListed: 5,
  valuesRead: 45,
  bytesRead: 0.005,
  tokensStored: 50,
  bytesStored: 0.07,
};

/** Loading the Redis client: once for each isolate, and most of them are new to a sync. */
const START_MS = 300;

/** The processor time that a sync's work stands for. */
export function countedCpuMs(work: Work): number {
  const names = Object.keys(COST_US) as (keyof Work)[];
  return START_MS + names.reduce((sum, name) => sum + work[name] * COST_US[name], 0) / 1_000;
}

/**
 * Starts to count. The answer tells whether work has used up the budget: by the clock, by what it stands for, or by the
 * processor time of the process where the platform tells it. The hosted one does not, and ends what uses too much of it.
 */
export function startBudget({ wallMs, cpuMs }: Budget): (work: Work) => boolean {
  const startedAt = performance.now();
  const cpuAtStartMs = cpuUsedMs();
  return (work) =>
    performance.now() - startedAt >= wallMs ||
    countedCpuMs(work) >= cpuMs ||
    cpuAtStartMs > 0 && cpuUsedMs() - cpuAtStartMs >= cpuMs;
}

/** 0 where the platform does not tell; it may write a line to the log each time that it is asked. */
function cpuUsedMs(): number {
  try {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  } catch {
    return 0;
  }
}
