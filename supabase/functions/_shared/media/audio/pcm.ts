import type { Codec } from "./packets.ts";

/** PCM: uncompressed samples. */
export function pcm(
  { rate, channels, sampleBytes }: { rate: number; channels: number; sampleBytes: number },
): Codec | undefined {
  const frameBytes = channels * sampleBytes;
  if (!(rate > 0 && frameBytes > 0)) return undefined;
  return { frameBytes, packetSeconds: (_view, _at, bytes) => bytes / frameBytes / rate };
}
