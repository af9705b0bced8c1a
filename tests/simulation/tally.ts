import { type Answer, type Call } from "./calls.ts";

/** Counts what the histories came across, to see that they reach every corner. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  addAnswer(call: Call, answer: Answer): void {
    if (["batch", "operations", "cleanup", "job"].includes(call.name)) {
      this.add(call.name);
    } else {
      const { error, duplicate } = answer as { error: string | null; duplicate: boolean };
      this.add(`${call.name} ${error ?? (duplicate ? "duplicate" : "success")}`);
    }
  }

  toString(): string {
    return [...this.counts].sort(([a], [b]) => a < b ? -1 : 1).map(([what, count]) => `${what} ${count}`)
      .join(", ");
  }
}
