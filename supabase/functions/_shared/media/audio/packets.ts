import type { Length } from "./length.ts";

/** Measures the packets of a codec. */
export interface Codec {
  /** The longest that one packet can be; 0 for a packet without sound. */
  packetSeconds(view: DataView, at: number, bytes: number): number;
  /** The least share of that length that every packet has; undefined if the length is exact. */
  leastShare?: number;
  /** For PCM: the bytes of one sample in all channels. A packet has as many as fit. */
  frameBytes?: number;
  /** Whether frames are found by searching the data, also from one packet into the next. */
  isSearched?: boolean;
  /** Whether all of a packet is read, and not only its beginning. */
  isReadWhole?: boolean;
  /** Whether all packets have the same length. */
  isEven?: boolean;
}

/** No recording has more: 25 MB would mean 5 bytes per packet. An index may name the same bytes many times. */
const MAX_PACKETS = 5_000_000;
/** Packets may overlap: at most four times the size of a recording is read, which takes less than a second. */
const MAX_READ_BYTES = 100_000_000;

/** Sums up the packets of one track. */
export class Packets {
  #count = 0;
  #seconds = 0;
  #readBytes = 0;

  constructor(readonly codec: Codec) {}

  add(view: DataView, at: number, bytes: number): void {
    if (++this.#count > MAX_PACKETS) {
      throw new TypeError(`Expected a recording of at most ${MAX_PACKETS} packets`);
    }
    if (this.codec.isReadWhole && (this.#readBytes += bytes) > MAX_READ_BYTES) {
      throw new TypeError("Expected a recording whose packets do not overlap");
    }
    this.#seconds += this.codec.packetSeconds(view, at, bytes);
  }

  /** Adds the part of a packet that is in the file: decoders also use a part. */
  addHeld(view: DataView, at: number, bytes: number): void {
    const held = Math.min(bytes, view.byteLength - at);
    if (at >= 0 && held > 0) this.add(view, at, held);
  }

  /** Adds consecutive packets of one size. */
  addRun(view: DataView, at: number, bytes: number, count: number): void {
    const { frameBytes, isEven } = this.codec;
    const size = Math.max(bytes, frameBytes ?? 0); // QuickTime states 1 for PCM.
    const left = view.byteLength - at;
    if (size === 0 || at < 0 || left <= 0) return;
    if (frameBytes !== undefined) return this.add(view, at, Math.min(size * count, left));
    const held = Math.min(count, Math.ceil(left / size));
    if (isEven) this.#seconds += held * this.codec.packetSeconds(view, at, size);
    else for (let index = 0; index < held; index++) this.addHeld(view, at + index * size, size);
  }

  /** A stated length counts only within the bounds of the packets. */
  length(stated_s = Infinity): Length | undefined {
    const most_s = this.#seconds;
    if (most_s === 0) return undefined;
    return { seconds: Math.min(most_s, Math.max(stated_s, most_s * (this.codec.leastShare ?? 1))), most_s };
  }
}
