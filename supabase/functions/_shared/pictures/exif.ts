import { viewOf } from "./parts.ts";

/** The first bytes of Exif in JPEG, and in some WebP files. */
export const EXIF_HEAD = "Exif\0\0";

const ORIENTATION = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/**
 * A picture's orientation, 2 to 8; undefined if it is upright or the orientation cannot be read. Only the first
 * directory is read, where the orientation must be.
 * https://www.cipa.jp/std/documents/download_e.html?DC-008-Translation-2023-E
 */
export function orientationIn(tiff: Uint8Array): number | undefined {
  const view = viewOf(tiff);
  try {
    const order = view.getUint16(0);
    if (order !== 0x4949 && order !== 0x4d4d) return undefined;
    const isLittle = order === 0x4949;
    const directory = view.getUint32(4, isLittle);
    const entries = view.getUint16(directory, isLittle);
    for (let entry = 0; entry < entries; entry++) {
      const at = directory + 2 + entry * ENTRY_BYTES;
      if (view.getUint16(at, isLittle) !== ORIENTATION) continue;
      const value = view.getUint16(at + 8, isLittle);
      return view.getUint16(at + 2, isLittle) === SHORT && value >= 2 && value <= 8 ? value : undefined;
    }
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Exif with only the orientation. */
export function exifOf(orientation: number): Uint8Array {
  const tiff = new Uint8Array(26);
  const view = viewOf(tiff);
  view.setUint32(0, 0x4d4d002a);
  view.setUint32(4, 8);
  view.setUint16(8, 1);
  view.setUint16(10, ORIENTATION);
  view.setUint16(12, SHORT);
  view.setUint32(14, 1);
  view.setUint16(18, orientation);
  return tiff;
}
