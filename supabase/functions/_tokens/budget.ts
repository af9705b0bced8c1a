import process from "node:process";

/** How much one invocation may use before it rests. */
export interface Budget {
  wallMs: number;
  cpuMs: number;
}

/** Starts to count. The answer tells whether the budget is used up. */
export function startBudget({ wallMs, cpuMs }: Budget): () => boolean {
  const startedAt = performance.now();
  const cpuAtStart = cpuUsedMs();
  return () => performance.now() - startedAt >= wallMs || cpuUsedMs() - cpuAtStart >= cpuMs;
}

/** CPU time of this process; 0 where the platform does not tell, and the wall clock alone counts. */
function cpuUsedMs(): number {
  try {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  } catch {
    return 0;
  }
}
