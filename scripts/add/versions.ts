import { StackError } from "../local/errors.ts";

const SECOND_MS = 1_000;

/**
 * The versions of new migrations: each later than the project's last one and, if possible, not later than now, so
 * that the owner's next migration comes after them.
 */
export function newVersions(count: number, existing: string[], now: Date): string[] {
  const last = existing.map((name) => name.split("_")[0]!).sort().at(-1) ?? "";
  const first = versionOf(new Date(now.getTime() - count * SECOND_MS));
  const start = last < first ? timeOf(first)! : (timeOf(last) ?? unreadable(last)) + SECOND_MS;
  return Array.from({ length: count }, (_, index) => versionOf(new Date(start + index * SECOND_MS)));
}

function versionOf(time: Date): string {
  return time.toISOString().replaceAll(/[^0-9]/g, "").slice(0, 14);
}

function timeOf(version: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(version)?.slice(1).map(Number);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  return versionOf(time) === version ? time.getTime() : undefined;
}

function unreadable(version: string): never {
  throw new StackError(
    `The last migration's version, ${version}, is no time, so that none can be given that comes after it: ` +
      "expected is one like 20260131120000",
  );
}
