import { type Length, longest } from "./length.ts";
import { type Box, boxesIn, findBox } from "./mp4_boxes.ts";
import { codecOf } from "./mp4_codec.ts";
import { type Defaults, fragmentOf, takeIndexed } from "./mp4_samples.ts";
import { Packets } from "./packets.ts";
import { tagOf } from "./reading.ts";

const [MOVIE, FRAGMENT, TRACK, PART, DEFAULTS, SOUND] = [
  tagOf("moov"),
  tagOf("moof"),
  tagOf("trak"),
  tagOf("traf"),
  tagOf("trex"),
  tagOf("soun"),
];
const MAX_TRACKS = 100;

/**
 * The longest audio track by the packets in the file: those in the index, and those in fragments, which browsers
 * write while they record.
 */
export function mp4Length(view: DataView): Length | undefined {
  const movies: Box[] = [];
  const fragments: Box[] = [];
  for (const box of boxesIn(view, { start: 0, end: view.byteLength })) {
    if (box.type === MOVIE) movies.push(box);
    if (box.type === FRAGMENT) fragments.push(box);
  }
  const movie = movies[0];
  if (movie === undefined) return undefined;
  const tracks = new Map<number, SoundTrack>();
  let trackCount = 0;
  for (const box of boxesIn(view, movie).filter(({ type }) => type === TRACK)) {
    // Nobody knows what is in the others.
    if (++trackCount > MAX_TRACKS) return undefined;
    const track = soundTrack(view, box);
    if (track && !tracks.has(track.id)) tracks.set(track.id, track);
  }
  const defaults = defaultsIn(view, movie);
  for (const fragment of fragments) {
    let base = fragment.at;
    for (const part of boxesIn(view, fragment)) {
      if (part.type !== PART) continue;
      const found = fragmentOf(view, fragment, part);
      const packets = found && tracks.get(found.trackId)?.packets;
      // Packets of other tracks lie in between, but the track says where its own are.
      if (packets) base = found.take(packets, defaults.get(found.trackId), base);
    }
  }
  const lengths = [...tracks.values()].map((track) => lengthOf(view, track, unitsPerSecond(view, movie)));
  return longest(lengths, view.byteLength);
}

interface SoundTrack {
  id: number;
  packets: Packets | undefined;
  edits: Box | undefined;
}

function soundTrack(view: DataView, track: Box): SoundTrack | undefined {
  const header = findBox(view, track, "tkhd");
  const handler = findBox(view, track, "mdia", "hdlr");
  const table = findBox(view, track, "mdia", "minf", "stbl");
  const description = table && findBox(view, table, "stsd");
  if (!header || !handler || !description || view.getUint32(handler.start + 8) !== SOUND) return undefined;
  const codec = codecOf(view, description);
  const packets = codec && new Packets(codec);
  if (packets) takeIndexed(view, table, packets);
  const isLong = view.getUint8(header.start) === 1;
  return {
    id: view.getUint32(header.start + (isLong ? 20 : 12)),
    packets,
    edits: findBox(view, track, "edts", "elst"),
  };
}

function defaultsIn(view: DataView, movie: Box): Map<number, Defaults> {
  const extension = findBox(view, movie, "mvex");
  if (extension === undefined) return new Map();
  return new Map(
    boxesIn(view, extension).filter(({ type }) => type === DEFAULTS)
      .map(({ start }) => [view.getUint32(start + 4), { bytes: view.getUint32(start + 16) }]),
  );
}

function unitsPerSecond(view: DataView, movie: Box): number {
  const header = findBox(view, movie, "mvhd");
  if (header === undefined) return 0;
  return view.getUint32(header.start + (view.getUint8(header.start) === 1 ? 20 : 12));
}

/** An edit list with several entries may play the same packets again. */
function lengthOf(view: DataView, { packets, edits }: SoundTrack, scale: number): Length | undefined {
  const length = packets?.length();
  if (length === undefined || edits === undefined) return length;
  const isLong = view.getUint8(edits.start) === 1;
  const rowBytes = isLong ? 20 : 12;
  const count = Math.min(
    view.getUint32(edits.start + 4),
    Math.floor((edits.end - edits.start - 8) / rowBytes),
  );
  if (count <= 1) return length;
  let units = 0;
  for (let at = edits.start + 8, left = count; left > 0; left--, at += rowBytes) {
    const isEmpty = isLong ? view.getInt32(at + 8) < 0 : view.getInt32(at + 4) < 0;
    if (!isEmpty) units += isLong ? Number(view.getBigUint64(at)) : view.getUint32(at);
  }
  const edited_s = units / scale;
  return longest([length, { seconds: edited_s, most_s: edited_s }], view.byteLength);
}
