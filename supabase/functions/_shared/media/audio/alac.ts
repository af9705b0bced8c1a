import type { Codec } from "./packets.ts";

/** Apple's lossless codec, by its configuration. https://github.com/macosforge/alac */
export function alac(view: DataView, at: number): Codec | undefined {
  const [samples, rate] = [view.getUint32(at), view.getUint32(at + 20)];
  if (samples === 0 || rate === 0) return undefined;
  return { isEven: true, packetSeconds: () => samples / rate };
}
