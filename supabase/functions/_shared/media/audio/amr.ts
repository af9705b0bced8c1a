import type { Codec } from "./packets.ts";

/** Bytes of a frame after its header, by type; frames of other types have none. RFC 4867 */
const NARROW = [12, 13, 15, 17, 19, 20, 26, 31, 5];
const WIDE = [17, 23, 32, 36, 40, 46, 50, 58, 60, 5];
const FRAME_S = 0.02;

/** AMR, which phones record into 3GP: frames of 20 ms, any number of them in a packet. */
export function amr({ isWide }: { isWide: boolean }): Codec {
  const sizes = isWide ? WIDE : NARROW;
  return {
    isReadWhole: true,
    packetSeconds(view, at, bytes) {
      let frames = 0;
      for (let place = 0; place < bytes; frames++) {
        place += 1 + (sizes[view.getUint8(at + place) >> 3 & 15] ?? 0);
      }
      return frames * FRAME_S;
    },
  };
}
