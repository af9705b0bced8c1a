import type { Sample } from "./watch.ts";

/** One thing that must hold at the end of a soak. */
export interface Finding {
  what: string;
  isGood: boolean;
  /** The numbers it was judged by. */
  evidence: string;
}

/** The first part of the samples, in which caches fill and code is compiled, is not judged. */
const WARM_UP_SHARE = 0.25;
/** How much more than at the start there may be at the end, in parts of the start and besides. */
const MEMORY_SLACK = { share: 0.15, mb: 25 };
const CONNECTION_SLACK = 3;
/** So many are no growth: pools, REST's of 20 among them, open their connections when they are first needed. */
const POOLED_CONNECTIONS = 25;
const LOCK_WAIT_SLACK_MS = 500;

/**
 * Judges by two equal parts of the time after the warm-up, its first and its last third. Memory saws up and down with
 * the garbage collection, so its medians are compared; of connections and lock waits the greatest.
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

/** The value below which a share of the values lies; 0 of none. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
