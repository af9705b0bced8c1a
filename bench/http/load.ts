import type { Outcome } from "../side.ts";
import { quantile } from "../statistics.ts";

/** Calls from a number of parallel callers; each waits for its response before its next call. */
export async function load(
  request: (client: number) => Promise<void>,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<Outcome> {
  const latenciesMs: number[] = [];
  const end = performance.now() + seconds * 1_000;
  const client = async (_value: unknown, number: number) => {
    while (performance.now() < end) {
      const start = performance.now();
      await request(number);
      latenciesMs.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return {
    count: latenciesMs.length,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}
