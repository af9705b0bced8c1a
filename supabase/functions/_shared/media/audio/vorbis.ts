import { textAt } from "./reading.ts";
import type { Codec } from "./packets.ts";

const HEADER_BYTES = 30;

/**
 * Vorbis has short and long blocks, and only a decoder knows which one a packet is: a stated length is accepted
 * between the two bounds. https://xiph.org/vorbis/doc/Vorbis_I_spec.html
 */
export function vorbis(view: DataView, header: number): (Codec & { rate: number }) | undefined {
  if (header + HEADER_BYTES > view.byteLength || textAt(view, header, 7) !== "\x01vorbis") return undefined;
  const rate = view.getUint32(header + 12, true);
  const sizes = view.getUint8(header + 28);
  const [short, long] = [2 ** (sizes & 15), 2 ** (sizes >> 4)];
  if (rate === 0 || short > long) return undefined;
  const seconds = long / 2 / rate;
  return {
    rate,
    leastShare: short / long,
    // The lowest bit marks a header.
    packetSeconds: (view, at, bytes) => bytes > 0 && (view.getUint8(at) & 1) === 0 ? seconds : 0,
  };
}
