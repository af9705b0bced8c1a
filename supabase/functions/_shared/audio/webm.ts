import { type Length, longest } from "./length.ts";
import type { Packets } from "./packets.ts";
import { ELEMENT, elementAt, floatOf, integerBytes, integerOf, variableInteger } from "./webm_elements.ts";
import { type Track, trackOf } from "./webm_track.ts";

/** Their children are read as what follows: a length that nobody knew while recording is never needed. */
const PARENTS = [ELEMENT.segment, ELEMENT.info, ELEMENT.tracks, ELEMENT.cluster, ELEMENT.blockGroup];
const CLUSTER_BYTES = [0x1f, 0x43, 0xb6, 0x75];
const MOST_TRACKS = 100;

/** The longest track's packets; browsers record without stating any length. */
export function webmLength(view: DataView): Length | undefined {
  const tracks = new Map<number, Track>();
  let [scale_ns, stated, clusterTime, last] = [1_000_000, 0, 0, 0];
  for (let at = 0; at < view.byteLength;) {
    const element = elementAt(view, at);
    if (element === undefined) {
      at = nextCluster(view, at + 1); // Decoders go on behind what is broken.
      continue;
    }
    const { id, start, end } = element;
    if (PARENTS.includes(id)) {
      at = start;
      continue;
    }
    if (id === ELEMENT.block || id === ELEMENT.simpleBlock) {
      const trackBytes = integerBytes(view, start);
      const [timeAt, flagsAt] = [start + trackBytes, start + trackBytes + 2];
      if (trackBytes > 0 && flagsAt < view.byteLength) {
        last = Math.max(last, clusterTime + view.getInt16(timeAt));
        const packets = tracks.get(variableInteger(view, start, trackBytes))?.packets;
        if (packets) takeBlock(view, flagsAt, Math.min(end, view.byteLength), packets);
      }
    } else if (end > view.byteLength) {
      at = nextCluster(view, start);
      continue;
    } else if (id === ELEMENT.timestamp) clusterTime = integerOf(view, element);
    else if (id === ELEMENT.timestampScale) scale_ns = integerOf(view, element);
    else if (id === ELEMENT.duration) stated = floatOf(view, element);
    else if (id === ELEMENT.track && tracks.size < MOST_TRACKS) {
      const track = trackOf(view, element);
      if (track && !tracks.has(track.number)) tracks.set(track.number, track);
    }
    at = end > view.byteLength ? nextCluster(view, start) : end;
  }
  const sounds = [...tracks.values()];
  const stated_s = Math.max(last, stated) * scale_ns / 1e9;
  return longest(sounds.map(({ packets }) => packets?.length(stated_s)), view.byteLength);
}

function nextCluster(view: DataView, from: number): number {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  for (let at = from;; at++) {
    at = bytes.indexOf(CLUSTER_BYTES[0]!, at);
    if (at < 0) return view.byteLength;
    if (CLUSTER_BYTES.every((byte, index) => bytes[at + index] === byte)) return at;
  }
}

const LACING = { none: 0, xiph: 1, fixed: 2, ebml: 3 };

/** A block has one packet, or several with their sizes in front. RFC 9559, 10.3 */
function takeBlock(view: DataView, flagsAt: number, end: number, packets: Packets): void {
  const lacing = view.getUint8(flagsAt) >> 1 & 3;
  let at = flagsAt + 1;
  if (lacing === LACING.none) {
    if (end > at) packets.add(view, at, end - at);
    return;
  }
  const count = view.getUint8(at++) + 1;
  const sizes: number[] = [];
  for (let index = 0; index < count - 1 && lacing !== LACING.fixed; index++) {
    if (lacing === LACING.xiph) {
      let size = 0;
      while (view.getUint8(at) === 255) [size, at] = [size + 255, at + 1];
      sizes.push(size + view.getUint8(at++));
    } else {
      const bytes = integerBytes(view, at);
      if (bytes === 0) return;
      const value = variableInteger(view, at, bytes);
      at += bytes;
      // All but the first are what is added to the one before, from the middle of what fits.
      sizes.push(index === 0 ? value : sizes[index - 1]! + value - (2 ** (7 * bytes - 1) - 1));
    }
  }
  const shared = Math.floor((end - at) / count);
  for (let index = 0; index < count && at < end; index++) {
    const size = lacing === LACING.fixed ? shared : sizes[index] ?? end - at;
    if (size < 0) return;
    if (size > 0) packets.add(view, at, Math.min(size, end - at));
    at += size;
  }
}
