import { tagOf } from "./reading.ts";

export interface Box {
  /** Its name, as a number. */
  type: number;
  /** Where the box begins. */
  at: number;
  /** Where its content begins and ends. */
  start: number;
  end: number;
}

export type Range = Pick<Box, "start" | "end">;

/** The boxes of ISO 14496-12 in a part of the file. */
export function* boxesIn(view: DataView, { start, end }: Range): Generator<Box> {
  for (let at = start; at + 8 <= end;) {
    const short = view.getUint32(at);
    const isLong = short === 1;
    const length = isLong ? Number(view.getBigUint64(at + 8)) : short === 0 ? end - at : short;
    const headBytes = isLong ? 16 : 8;
    if (length < headBytes) return;
    yield { type: view.getUint32(at + 4), at, start: at + headBytes, end: Math.min(at + length, end) };
    at += length;
  }
}

/** The boxes at a path. */
export function findBox(view: DataView, range: Range, ...path: string[]): Box | undefined {
  let found: Range | undefined = range;
  for (const name of path) {
    const type = tagOf(name);
    found = found && boxesIn(view, found).find((box) => box.type === type);
  }
  return found as Box | undefined;
}
