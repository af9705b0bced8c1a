import { EXIF_HEAD, exifOf, orientationIn } from "./exif.ts";
import { DamagedPicture, Kept, startsWith, viewOf } from "./parts.ts";

const SOS = 0xda;
const EOI = 0xd9;
const JFIF_BYTES = 14;
const ADOBE_BYTES = 12;

/**
 * A JPEG with only what is needed to draw it, its colour profile and its orientation. All other application segments
 * (Exif, XMP, IPTC, maker notes, thumbnails), comments, and data after the picture (videos, more pictures, depth) are
 * removed.
 * https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B
 */
export function bareJpeg(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const kept = new Kept(bytes);
  const view = viewOf(bytes);
  kept.range(0, 2);
  let hasExif = false;

  function keep(marker: number, from: number, to: number): void {
    const content = bytes.subarray(from, to);
    if (isDrawing(marker) || (marker === 0xe2 && startsWith(content, "ICC_PROFILE\0"))) {
      add(marker, content);
    } else if (marker === 0xe0 && startsWith(content, "JFIF\0") && content.length >= JFIF_BYTES) {
      const withoutThumbnail = Uint8Array.from(content.subarray(0, JFIF_BYTES));
      withoutThumbnail.fill(0, 12);
      add(marker, withoutThumbnail);
    } else if (marker === 0xee && startsWith(content, "Adobe") && content.length >= ADOBE_BYTES) {
      add(marker, content.subarray(0, ADOBE_BYTES));
    } else if (marker === 0xe1 && startsWith(content, EXIF_HEAD) && !hasExif) {
      hasExif = true;
      const orientation = orientationIn(content.subarray(EXIF_HEAD.length));
      if (orientation === undefined) return;
      const exif = exifOf(orientation);
      addHead(marker, EXIF_HEAD.length + exif.length);
      kept.add(new TextEncoder().encode(EXIF_HEAD));
      kept.add(exif);
    }
  }

  function add(marker: number, content: Uint8Array): void {
    addHead(marker, content.length);
    kept.add(content);
  }

  function addHead(marker: number, contentBytes: number): void {
    kept.add([0xff, marker, (contentBytes + 2) >> 8, (contentBytes + 2) & 0xff]);
  }

  let at = 2;
  while (at < bytes.length) {
    at = bytes.indexOf(0xff, at);
    if (at === -1) break;
    while (bytes[at] === 0xff) at++;
    const marker = bytes[at++];
    if (marker === undefined) break;
    if (marker === EOI) {
      kept.add([0xff, EOI]);
      break;
    }
    if (isAlone(marker)) continue;
    const length = at + 2 <= bytes.length ? view.getUint16(at) : 0;
    if (length < 2 || at + length > bytes.length) {
      throw new DamagedPicture("a segment is longer than the file");
    }
    keep(marker, at + 2, at + length);
    at += length;
    if (marker === SOS) {
      const end = endOfScan(bytes, at);
      kept.range(at, end);
      at = end;
    }
  }
  return kept.bytes;
}

/** Tables, frames and scans: what a decoder reads. */
function isDrawing(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xdf && marker !== 0xc8;
}

/** These markers have no length field. */
function isAlone(marker: number): boolean {
  return marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

/** Where the compressed data ends: at the next marker that is no restart. */
function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    if (next === undefined) break;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return bytes.length;
}
