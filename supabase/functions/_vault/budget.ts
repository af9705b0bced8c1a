import process from "node:process";

/** How much one invocation may use before it pauses. */
export interface Budget {
  wallMs: number;
  cpuMs: number;
}

/** The work of a sync so far that costs processor time. */
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

/** Loading the Redis client: once per isolate, and for most syncs the isolate is new. */
const START_MS = 300;

/** The estimated processor time of a sync's work. */
export function countedCpuMs(work: Work): number {
  const names = Object.keys(COST_US) as (keyof Work)[];
  return START_MS + names.reduce((sum, name) => sum + work[name] * COST_US[name], 0) / 1_000;
}

/**
 * Starts to count. The returned function says whether the budget is used up: by the clock, by the estimated processor
 * time, or by the measured one if the platform reports it. The hosted platform does not report it, and ends functions
 * that use too much.
 */
export function startBudget({ wallMs, cpuMs }: Budget): (work: Work) => boolean {
  const startedAt = performance.now();
  const cpuAtStartMs = cpuUsedMs();
  return (work) =>
    performance.now() - startedAt >= wallMs ||
    countedCpuMs(work) >= cpuMs ||
    cpuAtStartMs > 0 && cpuUsedMs() - cpuAtStartMs >= cpuMs;
}

/** 0 if the platform does not report it; each call may write a line to the log. */
function cpuUsedMs(): number {
  try {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  } catch {
    return 0;
  }
}
