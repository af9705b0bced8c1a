import { EXIF_HEAD, exifOf, orientationIn } from "./exif.ts";
import { DamagedPicture, Kept, nameAt, startsWith, viewOf } from "./parts.ts";

const HEAD_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;
const EXTENDED_BYTES = 10;
const FLAG_XMP = 0x04;
const FLAG_EXIF = 0x08;

const DRAWING: ReadonlySet<string> = new Set(["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP"]);

/**
 * A WebP picture with only what is needed to draw it, its colour profile and its orientation; no Exif, XMP or unknown
 * chunks, and no data after its end. https://developers.google.com/speed/webp/docs/riff_container
 */
export function bareWebp(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const kept = new Kept(bytes);
  const view = viewOf(bytes);
  const end = bytes.length >= HEAD_BYTES ? 8 + view.getUint32(4, true) : Infinity;
  if (end > bytes.length) throw new DamagedPicture("its stated length exceeds the file");
  kept.range(0, HEAD_BYTES);
  const isExtended = nameAt(bytes, HEAD_BYTES) === "VP8X";
  let orientation: number | undefined;
  let hasExif = false;
  for (let at = HEAD_BYTES; at < end;) {
    const length = at + CHUNK_HEAD_BYTES <= end ? view.getUint32(at + 4, true) : Infinity;
    const contentEnd = at + CHUNK_HEAD_BYTES + length;
    if (contentEnd > end) throw new DamagedPicture("a chunk is longer than the file");
    const next = contentEnd + length % 2;
    const name = nameAt(bytes, at);
    if (DRAWING.has(name)) {
      kept.range(at, contentEnd);
      if (length % 2 === 1) kept.add([0]);
    } else if (name === "EXIF" && !hasExif) {
      hasExif = true;
      const content = bytes.subarray(at + CHUNK_HEAD_BYTES, contentEnd);
      orientation = orientationIn(
        startsWith(content, EXIF_HEAD) ? content.subarray(EXIF_HEAD.length) : content,
      );
    }
    at = next;
  }
  // Only an extended file may have an orientation, after the picture.
  if (isExtended && orientation !== undefined) kept.add(exifChunk(orientation));
  const bare = kept.bytes;
  if (isExtended) {
    if (bare.length < HEAD_BYTES + CHUNK_HEAD_BYTES + EXTENDED_BYTES) {
      throw new DamagedPicture("its header is cut off");
    }
    const flags = HEAD_BYTES + CHUNK_HEAD_BYTES;
    bare[flags] = bare[flags]! & ~(FLAG_XMP | FLAG_EXIF) | (orientation === undefined ? 0 : FLAG_EXIF);
  }
  viewOf(bare).setUint32(4, bare.length - 8, true);
  return bare;
}

function exifChunk(orientation: number): Uint8Array {
  const exif = exifOf(orientation);
  const chunk = new Uint8Array(CHUNK_HEAD_BYTES + exif.length);
  chunk.set(new TextEncoder().encode("EXIF"));
  viewOf(chunk).setUint32(4, exif.length, true);
  chunk.set(exif, CHUNK_HEAD_BYTES);
  return chunk;
}
