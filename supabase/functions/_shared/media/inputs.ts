import { z } from "zod";

import { pictureType } from "../pictures/picture_type.ts";
import { publicHttpsUrl } from "../http/public_url.ts";

const EXPECTED_TAG = "Expected a language tag like en or fr-CA";

/**
 * The language of the answer as a BCP 47 tag, or with `_` as many systems write it. Extensions of devices (calendar,
 * first day of the week, units) are dropped: a feature gets language, script and region.
 * https://www.rfc-editor.org/info/bcp47
 */
export const Locale = z.string().max(100, { abort: true })
  // What compares fields would read a tag that is none.
  .regex(/^[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{1,8})*$/, { error: EXPECTED_TAG, abort: true })
  .transform((tag, { issues }) => {
    try {
      return new Intl.Locale(tag.replaceAll("_", "-")).baseName;
    } catch {
      issues.push({ code: "custom", message: EXPECTED_TAG, input: tag });
      return z.NEVER;
    }
  })
  .default("en");

/** A picture in an input, as a type of its own: text is priced by its length, pictures are not. */
export class Picture {
  /** The caller's source; inside a feature always a data URL, whose type matches its bytes. */
  constructor(readonly url: string) {}

  toJSON(): string {
    return this.url;
  }
}

/** The private bucket for users' uploads; each user writes and reads the folder named after the user's id. */
export const UPLOADS = "uploads";

/** No part of a path begins with a dot, and no character has a special meaning in URLs. */
const UPLOADED = /^uploads(\/[A-Za-z0-9_][A-Za-z0-9_.-]*){2,8}$/;

const ONE_PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/**
 * A photo of up to 5 MB, JPEG, PNG or WebP by its bytes, in one of three forms: a data URL; an `https` URL, which is
 * fetched safely (`download.ts`); or the path of a file in the bucket `uploads`, read with the caller's rights.
 */
export const Photo = z.string()
  .max(7_000_000, "Expected a photo of at most 5 MB")
  .refine(
    (source) => isPictureDataUrl(source) || isUploadedPath(source) || publicHttpsUrl(source) !== undefined,
    "Expected a JPEG, PNG or WebP picture: a data URL, a public https URL, or a path like uploads/<your id>/photo.jpg",
  )
  .meta({ examples: [ONE_PIXEL] })
  .transform((source) => new Picture(withTrueType(source)));

export function isUploadedPath(source: string): boolean {
  return source.length <= 500 && UPLOADED.test(source);
}

/** Also in capitals, and as `image/jpg`, which is common although it is no media type. */
const DATA_URL = /^data:(image\/\w+);base64,([A-Za-z0-9+/]+={0,2})$/i;

function isPictureDataUrl(source: string): boolean {
  const [, declared = "", base64 = ""] = DATA_URL.exec(source) ?? [];
  return base64 !== "" && declared.toLowerCase().replace(/jpg$/, "jpeg") === pictureType(firstBytes(base64));
}

/** A data URL with the type of its bytes; other sources unchanged. */
function withTrueType(source: string): string {
  const base64 = DATA_URL.exec(source)?.[2];
  return base64 === undefined ? source : `data:${pictureType(firstBytes(base64))};base64,${base64}`;
}

function firstBytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64.slice(0, 16)), (character) => character.charCodeAt(0));
}

/** Room for one photo in a body. */
export const PHOTO_BODY_BYTES = 7_500_000;

/** The most bytes of all photos in one request together. */
export const PHOTOS_BYTES = 15_000_000;
/** Room for them in a body. */
export const PHOTOS_BODY_BYTES = 3 * PHOTO_BODY_BYTES;
