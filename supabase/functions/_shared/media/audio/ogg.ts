import { flac } from "./flac.ts";
import type { Length } from "./length.ts";
import { opus } from "./opus.ts";
import { type Codec, Packets } from "./packets.ts";
import { tagOf, textAt } from "./reading.ts";
import { vorbis } from "./vorbis.ts";

const PAGE = tagOf("OggS");
const HEAD_BYTES = 27;
/** Where STREAMINFO is in FLAC's first packet, after the marks and its own header. */
const FLAC_STREAMINFO_AT = 17;
const [IS_CONTINUED, IS_FIRST] = [1, 2];
/** Pages without content could name a million of them. */
const MAX_STREAMS = 1_000;
/** The first bytes of streams without sound: an index, and pictures. */
const SILENT = ["fishead", "\x80theora"];
const silence: Codec = { packetSeconds: () => 0 };

interface Stream {
  packets: Packets | undefined;
  packetCount: number;
  /** Samples per second in a page's position; undefined if positions are not needed. */
  rate: number | undefined;
  lastPosition: number;
}

/** The sum of all streams, as they may follow each other. https://www.rfc-editor.org/info/rfc3533 */
export function oggLength(view: DataView): Length | undefined {
  const all: Stream[] = [];
  const bySerial = new Map<number, Stream>();
  for (let at = 0; at + HEAD_BYTES <= view.byteLength;) {
    if (view.getUint32(at) !== PAGE) {
      at += 1; // Decoders continue after damaged data.
      continue;
    }
    const serial = view.getUint32(at + 14, true);
    let stream = bySerial.get(serial);
    if (stream === undefined || (view.getUint8(at + 5) & IS_FIRST) !== 0) {
      if (all.length >= MAX_STREAMS) return undefined;
      stream = { packets: undefined, packetCount: 0, rate: undefined, lastPosition: 0 };
      bySerial.set(serial, stream);
      all.push(stream);
    }
    at = readPage(view, at, stream);
  }
  const lengths = all.map(({ packets, rate, lastPosition }) => packets?.length(rate && lastPosition / rate));
  // With chained streams, one that cannot be measured may be most of the file.
  if (all.some(({ packets }) => packets === undefined)) return undefined;
  const sum = (part: keyof Length) => lengths.reduce((total, length) => total + (length?.[part] ?? 0), 0);
  return sum("most_s") > 0 ? { seconds: sum("seconds"), most_s: sum("most_s") } : undefined;
}

/** Where the next page begins. */
function readPage(view: DataView, page: number, stream: Stream): number {
  const position = Number(view.getBigInt64(page + 6, true));
  if (position > 0) stream.lastPosition = position;
  const segments = view.getUint8(page + 26);
  const start = page + HEAD_BYTES + segments;
  let at = start;
  let isStart = (view.getUint8(page + 5) & IS_CONTINUED) === 0;
  for (let index = 0; index < segments && at < view.byteLength; index++) {
    const length = view.getUint8(page + HEAD_BYTES + index);
    // The first segment of a packet has everything that is read here.
    if (isStart && length > 0) takePacket(view, at, Math.min(length, view.byteLength - at), stream);
    isStart = length < 255;
    at += length;
  }
  const { packets } = stream;
  if (packets?.codec.isSearched) packets.addHeld(view, start, at - start);
  return at;
}

function takePacket(view: DataView, at: number, bytes: number, stream: Stream): void {
  const index = stream.packetCount++;
  const { packets } = stream;
  if (index === 0) openStream(view, at, bytes, stream);
  // The second packet of Opus has comments.
  else if (packets && !packets.codec.isSearched && (index > 1 || packets.codec !== opus)) {
    packets.add(view, at, bytes);
  }
}

function openStream(view: DataView, at: number, bytes: number, stream: Stream): void {
  const head = textAt(view, at, Math.min(bytes, 8));
  let codec: Codec | undefined;
  if (head === "OpusHead") codec = opus;
  else if (head.startsWith("\x7fFLAC")) codec = flac(view, at + FLAC_STREAMINFO_AT);
  else if (head.startsWith("\x01vorbis")) {
    const found = vorbis(view, at);
    stream.rate = found?.rate;
    codec = found;
  } else if (SILENT.some((start) => head.startsWith(start))) codec = silence;
  stream.packets = codec && new Packets(codec);
}
