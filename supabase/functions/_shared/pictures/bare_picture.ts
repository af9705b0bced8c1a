import { bareJpeg } from "./jpeg.ts";
import { pictureType } from "./picture_type.ts";
import { barePng } from "./png.ts";
import { bareWebp } from "./webp.ts";

const BARE: Record<string, (bytes: Uint8Array) => Uint8Array<ArrayBuffer>> = {
  "image/jpeg": bareJpeg,
  "image/png": barePng,
  "image/webp": bareWebp,
};

export interface BarePicture {
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * A picture with the type of its bytes and only the parts that are needed to draw it: no metadata, and nothing after its
 * end. Undefined for a file of another type. Throws `DamagedPicture` if it cannot be parsed.
 */
export function barePicture(bytes: Uint8Array): BarePicture | undefined {
  const type = pictureType(bytes);
  return type === undefined ? undefined : { type, bytes: BARE[type]!(bytes) };
}
