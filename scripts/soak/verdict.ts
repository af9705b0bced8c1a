import type { Sample } from "./watch.ts";

/** One thing that must hold at the end of a soak. */
export interface Finding {
  what: string;
  isGood: boolean;
  /** The numbers behind the verdict. */
  evidence: string;
}

/** The share of samples at the start, while caches fill and code is compiled, that is not judged. */
const WARM_UP_SHARE = 0.25;
/** The tolerated growth since the start: a share, and an absolute amount. */
const MEMORY_SLACK = { share: 0.15, mb: 25 };
const CONNECTION_SLACK = 3;
/** This many connections do not count as growth: pools, such as REST's of 20, open them when first needed. */
const POOLED_CONNECTIONS = 25;
const LOCK_WAIT_SLACK_MS = 500;

/**
 * Compares the first and the last third of the time after the warm-up. Memory varies with garbage collection, so its
 * medians are compared; for connections and lock waits the maximum.
 */
export function judge(samples: Sample[]): Finding[] {
  const measured = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const size = Math.max(1, Math.floor(measured.length / 3));
  const [start, end] = [measured.slice(0, size), measured.slice(-size)];
  const compare = (
    what: string,
    unit: string,
    summary: (part: Sample[]) => number,
    limit: (before: number) => number,
  ): Finding => {
    const [before, after] = [summary(start), summary(end)];
    const evidence = `${before.toFixed(1)} → ${after.toFixed(1)}${unit}, ` +
      `at most ${limit(before).toFixed(1)}${unit}`;
    return { what, isGood: after <= limit(before), evidence };
  };
  const greatest = (name: "connections" | "longestLockWaitMs") => (part: Sample[]) =>
    Math.max(...part.map((sample) => sample[name]));
  return [
    ...Object.keys(samples[0]?.memoryMb ?? {}).map((name) =>
      compare(
        `memory of ${name} is flat`,
        " MB",
        (part) => median(part.map(({ memoryMb }) => memoryMb[name] ?? 0)),
        (before) => before * (1 + MEMORY_SLACK.share) + MEMORY_SLACK.mb,
      )
    ),
    compare(
      "connections are flat",
      "",
      greatest("connections"),
      (before) => Math.max(before + CONNECTION_SLACK, POOLED_CONNECTIONS),
    ),
    compare(
      "lock waits do not grow",
      " ms",
      greatest("longestLockWaitMs"),
      (before) => before + LOCK_WAIT_SLACK_MS,
    ),
  ];
}

function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** A percentile of the values; 0 if there are none. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
