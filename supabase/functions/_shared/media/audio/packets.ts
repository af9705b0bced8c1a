import type { Length } from "./length.ts";

/** How long what a codec wrote sounds. */
export interface Codec {
  /** Of one packet, at the most; 0 for one that does not sound. */
  packetSeconds(view: DataView, at: number, bytes: number): number;
  /** What every packet has at the least of that; nothing where it is exact. */
  leastShare?: number;
  /** Of plain samples: the bytes of one in all channels. A packet is as many as fit. */
  frameBytes?: number;
  /** Whether frames are looked for where none may begin, also from one packet into the next. */
  isSearched?: boolean;
  /** Whether all of a packet is read, and not its beginning alone. */
  isReadWhole?: boolean;
  /** Whether each packet sounds as long as any other. */
  isEven?: boolean;
}

/** No recording has more: 25 MB of it would be 5 bytes each. An index may name the same bytes over and over. */
const MAX_PACKETS = 5_000_000;
/** Packets may lie in each other: four times of what a recording has is read, which takes part of a second. */
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
      throw new TypeError("Expected a recording whose packets do not lie in each other");
    }
    this.#seconds += this.codec.packetSeconds(view, at, bytes);
  }

  /** Adds what of a packet is in the file: decoders take a part of one, too. */
  addHeld(view: DataView, at: number, bytes: number): void {
    const held = Math.min(bytes, view.byteLength - at);
    if (at >= 0 && held > 0) this.add(view, at, held);
  }

  /** Adds packets of one size that follow each other. */
  addRun(view: DataView, at: number, bytes: number, count: number): void {
    const { frameBytes, isEven } = this.codec;
    const size = Math.max(bytes, frameBytes ?? 0); // QuickTime says 1 for plain samples.
    const left = view.byteLength - at;
    if (size === 0 || at < 0 || left <= 0) return;
    if (frameBytes !== undefined) return this.add(view, at, Math.min(size * count, left));
    const held = Math.min(count, Math.ceil(left / size));
    if (isEven) this.#seconds += held * this.codec.packetSeconds(view, at, size);
    else for (let index = 0; index < held; index++) this.addHeld(view, at + index * size, size);
  }

  /** A stated length counts only within what the packets allow. */
  length(stated_s = Infinity): Length | undefined {
    const most_s = this.#seconds;
    if (most_s === 0) return undefined;
    return { seconds: Math.min(most_s, Math.max(stated_s, most_s * (this.codec.leastShare ?? 1))), most_s };
  }
}
