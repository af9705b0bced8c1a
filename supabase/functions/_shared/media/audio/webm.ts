import { type Length, longest } from "./length.ts";
import type { Packets } from "./packets.ts";
import {
  ELEMENT,
  type Element,
  elementAt,
  floatOf,
  integerBytes,
  integerOf,
  variableInteger,
} from "./webm_elements.ts";
import { type Track, trackOf } from "./webm_track.ts";

/**
 * The children of these elements are read as if they followed: so the unknown length of a live recording is never
 * needed.
 */
const PARENTS = [ELEMENT.segment, ELEMENT.info, ELEMENT.tracks, ELEMENT.cluster, ELEMENT.blockGroup];
const CLUSTER_START = 0x1f;
const CLUSTER_HEAD_BYTES = 4;
const MAX_TRACKS = 100;

/**
 * The length of the longest track by its packets; browsers record without a length. After damaged data it continues
 * with the next cluster, as decoders do.
 */
export function webmLength(view: DataView): Length | undefined {
  const tracks = new Map<number, Track>();
  let trackCount = 0;
  let [scale_ns, stated, clusterTime, clusterEnd, last] = [1_000_000, 0, 0, Infinity, 0];
  for (let at = 0; at < view.byteLength;) {
    const element = elementAt(view, at);
    if (element === undefined) {
      at = nextCluster(view, at + 1, view.byteLength);
      continue;
    }
    const { id, start, end } = element;
    if (PARENTS.includes(id)) {
      // An element of unknown size has the largest number as its size.
      if (id === ELEMENT.cluster) clusterEnd = end;
      at = start;
      continue;
    }
    if (at >= clusterEnd) clusterEnd = Infinity;
    if (id === ELEMENT.block || id === ELEMENT.simpleBlock) {
      const time = takeBlock(view, element, tracks);
      if (time !== undefined) last = Math.max(last, clusterTime + time);
      at = end > clusterEnd ? nextCluster(view, start, view.byteLength) : end;
      continue;
    }
    if (end <= view.byteLength) {
      if (id === ELEMENT.timestamp) clusterTime = integerOf(view, element);
      else if (id === ELEMENT.timestampScale) scale_ns = integerOf(view, element);
      else if (id === ELEMENT.duration) stated = floatOf(view, element);
      else if (id === ELEMENT.track) {
        // They may lie in each other, so all count, also those that are no sound; of more nobody knows what they have.
        if (++trackCount > MAX_TRACKS) return undefined;
        const track = trackOf(view, element);
        if (track && !tracks.has(track.number)) tracks.set(track.number, track);
      }
    }
    // An index names clusters without being one.
    const isSkipped = end <= view.byteLength && (id === ELEMENT.seekHead || end - start < CLUSTER_HEAD_BYTES);
    at = isSkipped ? end : nextCluster(view, start, Math.min(end, view.byteLength));
  }
  const stated_s = Math.max(last, stated) * scale_ns / 1e9;
  return longest([...tracks.values()].map(({ packets }) => packets?.length(stated_s)), view.byteLength);
}

/** Where the next cluster begins, or the end of the searched part. */
function nextCluster(view: DataView, from: number, to: number): number {
  for (let at = from; at + 4 <= to; at++) {
    if (view.getUint8(at) === CLUSTER_START && view.getUint32(at) === ELEMENT.cluster) return at;
  }
  return to;
}

/** Adds a block's packets, and returns its time relative to its cluster. */
function takeBlock(view: DataView, { start, end }: Element, tracks: Map<number, Track>): number | undefined {
  const trackBytes = integerBytes(view, start);
  const [timeAt, flagsAt] = [start + trackBytes, start + trackBytes + 2];
  if (trackBytes === 0 || flagsAt >= view.byteLength) return undefined;
  const packets = tracks.get(variableInteger(view, start, trackBytes))?.packets;
  if (packets) takePackets(view, flagsAt, Math.min(end, view.byteLength), packets);
  return view.getInt16(timeAt);
}

const LACING = { none: 0, xiph: 1, fixed: 2, ebml: 3 };

/** A block has one packet, or several after a list of their sizes. RFC 9559, 10.3 */
function takePackets(view: DataView, flagsAt: number, end: number, packets: Packets): void {
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
      // All sizes but the first are signed differences to the size before.
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
