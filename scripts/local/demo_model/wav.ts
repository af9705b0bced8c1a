import { Buffer } from "node:buffer";
import { createRandom } from "./random.ts";

const SAMPLES_PER_SECOND = 8_000;
const BYTES_PER_SAMPLE = 2;
const HEADER_BYTES = 44;
/** About as fast as people speak. */
const CHARACTERS_PER_SECOND = 15;
const LOUDNESS = 8_000;
/** The share of each tone in which it fades in and out, so that nothing clicks. */
const FADE = 0.1;
/** A pentatonic scale, in which all tones harmonize. */
const SCALE_HZ = [220, 247.5, 277.2, 330, 371.3, 440];

/** Hums a text: a tone per word, as long as the word. A real WAV that depends on nothing else. */
export function demoTones(text: string, voice: string, speed: number): Uint8Array {
  const random = createRandom(`${voice} ${text}`);
  const tones = text.split(/(?<=\s)/).map((word) => ({
    hertz: word.trim() === "" ? 0 : random.pick(SCALE_HZ),
    samples: Math.round(word.length / CHARACTERS_PER_SECOND / speed * SAMPLES_PER_SECOND),
  }));
  const bytes = Buffer.alloc(
    HEADER_BYTES + tones.reduce((sum, { samples }) => sum + samples, 0) * BYTES_PER_SAMPLE,
  );
  writeHeader(bytes);
  let at = HEADER_BYTES;
  for (const { hertz, samples } of tones) {
    for (let index = 0; index < samples; index++) {
      const wave = Math.sin(2 * Math.PI * hertz * index / SAMPLES_PER_SECOND);
      const fade = Math.min(1, index / samples / FADE, (1 - index / samples) / FADE);
      at = bytes.writeInt16LE(Math.round(wave * fade * LOUDNESS), at);
    }
  }
  return bytes;
}

/** The RIFF header for one channel of 16 bits. */
function writeHeader(bytes: Buffer): void {
  bytes.write("RIFF", 0, "latin1");
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8, "latin1");
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(SAMPLES_PER_SECOND, 24);
  bytes.writeUInt32LE(SAMPLES_PER_SECOND * BYTES_PER_SAMPLE, 28);
  bytes.writeUInt16LE(BYTES_PER_SAMPLE, 32);
  bytes.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34);
  bytes.write("data", 36, "latin1");
  bytes.writeUInt32LE(bytes.length - HEADER_BYTES, 40);
}
