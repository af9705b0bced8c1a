import { z } from "zod";

import { pictureType } from "./media.ts";
import { publicHttpsUrl } from "./public_url.ts";

/** The language of the answer as a BCP 47 tag. https://www.rfc-editor.org/info/bcp47 */
export const Locale = z.string().max(35)
  .regex(/^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$/, "Expected a language tag like en or fr-CA")
  .default("en");

/** A picture in an input: told apart from text, which is priced by its length. */
export class Picture {
  /** As the caller named it; in a feature's hands always a data URL, whose type is what its bytes are. */
  constructor(readonly url: string) {}

  toJSON(): string {
    return this.url;
  }
}

/** The private bucket for what users give to features; each user fills and reads the folder that has its id for a name. */
export const UPLOADS = "uploads";

/** No part of a path begins with a dot, and no character of it means anything in a URL. */
const UPLOADED = /^uploads(\/[A-Za-z0-9_][A-Za-z0-9_.-]*){2,8}$/;

const ONE_PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/**
 * A photo, JPEG, PNG or WebP by its bytes and up to 5 MB, in one of three ways: as data URL; as `https` URL, which is
 * fetched with care (`download.ts`); or as the path of a file in the bucket `uploads`, read with the caller's own rights.
 */
export const Photo = z.string()
  .max(7_000_000, "Expected a photo of at most 5 MB")
  .refine(
    (source) => isPictureDataUrl(source) || isUploadedPath(source) || publicHttpsUrl(source) !== undefined,
    "Expected a JPEG, PNG or WebP picture: a data URL, a public https URL, or a path like uploads/<your id>/photo.jpg",
  )
  .meta({ examples: [ONE_PIXEL] })
  .transform((source) => new Picture(source));

export function isUploadedPath(source: string): boolean {
  return source.length <= 500 && UPLOADED.test(source);
}

function isPictureDataUrl(source: string): boolean {
  const [, declared, base64 = ""] = /^data:([\w/]+);base64,([A-Za-z0-9+/]+={0,2})$/.exec(source) ?? [];
  return declared !== undefined && declared === pictureType(firstBytes(base64));
}

function firstBytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64.slice(0, 16)), (character) => character.charCodeAt(0));
}

/** Room for one photo in a body. */
export const PHOTO_BODY_BYTES = 7_500_000;

/** What several photos of one request may have together. */
export const PHOTOS_BYTES = 15_000_000;
/** Room for them in a body. */
export const PHOTOS_BODY_BYTES = 3 * PHOTO_BODY_BYTES;
