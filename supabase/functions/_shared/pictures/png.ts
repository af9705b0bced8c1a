import { exifOf, orientationIn } from "./exif.ts";
import { DamagedPicture, Kept, nameAt, viewOf } from "./parts.ts";

const SIGNATURE_BYTES = 8;
/** Length, name and checksum. */
const AROUND_BYTES = 12;

/** The chunks that are needed to draw a picture, including animation. https://www.w3.org/TR/png-3/ */
const DRAWING: ReadonlySet<string> = new Set([
  ..."IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST sPLT pHYs".split(" "),
  ..."acTL fcTL fdAT".split(" "),
]);

/**
 * A PNG with only what is needed to draw it, its colour profile and its orientation; no texts, times, Exif or unknown
 * chunks.
 */
export function barePng(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const kept = new Kept(bytes);
  const view = viewOf(bytes);
  kept.range(0, SIGNATURE_BYTES);
  let hasExif = false;
  for (let at = SIGNATURE_BYTES; at < bytes.length;) {
    const length = at + AROUND_BYTES <= bytes.length ? view.getUint32(at) : Infinity;
    const end = at + AROUND_BYTES + length;
    if (end > bytes.length) throw new DamagedPicture("a chunk is longer than the file");
    const name = nameAt(bytes, at + 4);
    if (DRAWING.has(name)) {
      kept.range(at, end);
    } else if (name === "eXIf" && !hasExif) {
      hasExif = true;
      const orientation = orientationIn(bytes.subarray(at + 8, at + 8 + length));
      if (orientation !== undefined) kept.add(chunkOf(name, exifOf(orientation)));
    }
    if (name === "IEND") break;
    at = end;
  }
  return kept.bytes;
}

function chunkOf(name: string, content: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(AROUND_BYTES + content.length);
  const view = viewOf(chunk);
  view.setUint32(0, content.length);
  chunk.set(new TextEncoder().encode(name), 4);
  chunk.set(content, 8);
  view.setUint32(8 + content.length, checksum(chunk.subarray(4, 8 + content.length)));
  return chunk;
}

/** CRC-32, bit by bit: it covers only a few bytes, and not every runtime has `crc32` of node:zlib. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
