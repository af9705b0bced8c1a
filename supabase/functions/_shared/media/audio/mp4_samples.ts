import { type Box, boxesIn, findBox, type Range } from "./mp4_boxes.ts";
import type { Packets } from "./packets.ts";
import { tagOf } from "./reading.ts";

const [RUN, HEADER] = [tagOf("trun"), tagOf("tfhd")];

/** Adds the packets in a track's index. ISO 14496-12, 8.7 */
export function takeIndexed(view: DataView, table: Range, packets: Packets): void {
  const [sizes, toChunk] = [findBox(view, table, "stsz"), findBox(view, table, "stsc")];
  const long = findBox(view, table, "co64");
  const offsets = long ?? findBox(view, table, "stco");
  if (!sizes || !toChunk || !offsets) return;
  const [evenSize, sampleCount] = [view.getUint32(sizes.start + 4), view.getUint32(sizes.start + 8)];
  const offsetBytes = long ? 8 : 4;
  const rules = Math.min(
    view.getUint32(toChunk.start + 4),
    Math.floor((toChunk.end - toChunk.start - 8) / 12),
  );
  const chunks = Math.min(
    view.getUint32(offsets.start + 4),
    Math.floor((offsets.end - offsets.start - 8) / offsetBytes),
  );
  let sample = 0;
  let rule = -1;
  let perChunk = 0;
  for (let chunk = 0; chunk < chunks && sample < sampleCount; chunk++) {
    while (rule + 1 < rules && view.getUint32(toChunk.start + 8 + (rule + 1) * 12) <= chunk + 1) {
      rule += 1;
      perChunk = view.getUint32(toChunk.start + 12 + rule * 12);
    }
    const place = offsets.start + 8 + chunk * offsetBytes;
    let at = long ? Number(view.getBigUint64(place)) : view.getUint32(place);
    const count = Math.min(perChunk, sampleCount - sample);
    if (evenSize > 0) packets.addRun(view, at, evenSize, count);
    for (let index = 0; index < count && evenSize === 0; index++) {
      const sizeAt = sizes.start + 12 + (sample + index) * 4;
      if (sizeAt + 4 > sizes.end) return;
      const bytes = view.getUint32(sizeAt);
      packets.addHeld(view, at, bytes);
      at += bytes;
    }
    sample += count;
  }
}

/** Defaults for a track's samples in fragments. */
export interface Defaults {
  bytes: number;
}

/** A fragment of a track. */
export interface Fragment {
  trackId: number;
  /** Adds its packets and returns where they end; `base` is where packets without an offset begin. */
  take(packets: Packets, defaults: Defaults | undefined, base: number): number;
}

/** The track fragments of one `moof`. ISO 14496-12, 8.8 */
export function fragmentOf(view: DataView, movie: Box, part: Box): Fragment | undefined {
  const header = findBox(view, part, "tfhd");
  if (header === undefined) return undefined;
  const flags = view.getUint32(header.start) & 0xffffff;
  let at = header.start + 8;
  const field = (flag: number, bytes: number) => {
    if (!(flags & flag)) return undefined;
    at += bytes;
    return bytes === 8 ? Number(view.getBigUint64(at - 8)) : view.getUint32(at - 4);
  };
  const statedBase = field(1, 8);
  field(2, 4); // description
  field(8, 4); // duration
  const ownBytes = field(16, 4);
  const isMovieBase = (flags & 0x20000) !== 0;
  return {
    trackId: view.getUint32(header.start + 4),
    take(packets, defaults, base) {
      const from = statedBase ?? (isMovieBase ? movie.at : base);
      let place = from;
      for (const run of boxesIn(view, part)) {
        if (run.type === HEADER || run.type !== RUN) continue;
        place = takeRun(view, run, packets, { from, place, bytes: ownBytes ?? defaults?.bytes ?? 0 });
      }
      return place;
    },
  };
}

function takeRun(
  view: DataView,
  run: Box,
  packets: Packets,
  { from, place, bytes: usual }: { from: number; place: number; bytes: number },
): number {
  const flags = view.getUint32(run.start) & 0xffffff;
  const count = view.getUint32(run.start + 4);
  let at = run.start + 8;
  if (flags & 1) {
    place = from + view.getInt32(at);
    at += 4;
  }
  if (flags & 4) at += 4;
  const rowBytes = 4 * [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag).length;
  if (!(flags & 0x200)) {
    packets.addRun(view, place, usual, count);
    return place + usual * count;
  }
  const sizeAt = flags & 0x100 ? 4 : 0;
  for (let index = 0; index < count && at + rowBytes <= run.end; index++, at += rowBytes) {
    const bytes = view.getUint32(at + sizeAt);
    packets.addHeld(view, place, bytes);
    place += bytes;
  }
  return place;
}
