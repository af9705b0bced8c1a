import { z } from "zod";

import { pictureType } from "./media.ts";

/** The language of the answer as a BCP 47 tag. https://www.rfc-editor.org/info/bcp47 */
export const Locale = z.string().max(35)
  .regex(/^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$/, "Expected a language tag like en or fr-CA")
  .default("en");

/** A picture in an input: told apart from text, which is priced by its length. */
export class Picture {
  constructor(readonly url: string) {}

  toJSON(): string {
    return this.url;
  }
}

/** A photo as data URL: JPEG, PNG or WebP, as its bytes say, up to 5 MB. */
export const Photo = z.string()
  .max(7_000_000, "Expected a photo of at most 5 MB")
  .refine((url) => {
    const [, declared, base64 = ""] = /^data:([\w/]+);base64,([A-Za-z0-9+/]+={0,2})$/.exec(url) ?? [];
    return declared !== undefined && declared === pictureType(firstBytes(base64));
  }, "Expected a JPEG, PNG or WebP picture as data URL")
  .transform((url) => new Picture(url));

function firstBytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64.slice(0, 16)), (character) => character.charCodeAt(0));
}

/** Room for one photo in a body. */
export const PHOTO_BODY_BYTES = 7_500_000;
