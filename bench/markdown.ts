import type { Comparison, Measurement } from "./side.ts";
import { median, type Ratio, ratioOf } from "./statistics.ts";

/** A table, for the file and for the terminal. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: string[]) =>
    `| ${
      cells.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
      )
        .join(" | ")
    } |`;
  const rule = `| ${
    widths.map((width, column) => column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`).join(" | ")
  } |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** The results of one comparison: medians, and ratios of the rounds with their interquartile range. */
export function comparisonTable({ unit, reference }: Comparison, measurements: Measurement[]): string {
  const known = measurements.find(({ name }) => name === reference)!;
  const hasCpu = known.rounds.every(({ serverCpuUs }) => serverCpuUs !== undefined);
  const head = ["", `${unit}/s`, "ratio", "p50 ms", "p99 ms"];
  if (hasCpu) head.push(`server CPU µs`, "CPU ratio");
  const rows = measurements.map(({ name, rounds }) => {
    const ratio = ratioOf(rates(rounds), rates(known.rounds));
    const cells = [
      name,
      count(median(rates(rounds))),
      name === reference ? "1.00" : withSpread(ratio),
      median(rounds.map(({ p50Ms }) => p50Ms)).toFixed(2),
      median(rounds.map(({ p99Ms }) => p99Ms)).toFixed(2),
    ];
    if (hasCpu) {
      if (rounds.some(({ serverCpuUs }) => serverCpuUs === undefined)) return [...cells, "", ""];
      const cpu = ratioOf(cpuOf(rounds), cpuOf(known.rounds));
      cells.push(median(cpuOf(rounds)).toFixed(0), name === reference ? "1.00" : withSpread(cpu));
    }
    return cells;
  });
  return table(head, rows);
}

/** A whole number with separators. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function withSpread({ median, low, high }: Ratio): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function rates(rounds: Measurement["rounds"]): number[] {
  return rounds.map(({ ratePerSecond }) => ratePerSecond);
}

function cpuOf(rounds: Measurement["rounds"]): number[] {
  return rounds.map(({ serverCpuUs }) => serverCpuUs!);
}
