import { z } from "zod";

import { adminClient } from "../_shared/database/database.ts";
import { supabase } from "../_shared/platform/env.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { describeCause, type RequestLog } from "../_shared/platform/log.ts";
import type { PictureBucket } from "./picture_buckets.ts";
import { barePicture } from "../_shared/pictures/bare_picture.ts";
import { DamagedPicture } from "../_shared/pictures/parts.ts";

/** More would fill the memory of whoever looks at it, however small the file is: 100 MB once it is unpacked. */
const MAX_MEGAPIXELS = 25;

/** What surrounds the file in a form. */
export const FORM_BYTES = 16 * 1024;

const ENDINGS: Record<string, string> = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" };

/** The field of a form with a picture. */
export const PictureFile = z.instanceof(Uint8Array<ArrayBuffer>, {
  error: "Expected a file in a multipart body",
}).meta({ type: "string", format: "binary" });

/** A picture to be shown. */
export interface Picture {
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Checks a picture by its bytes, whatever its name says, and takes off what is not needed to draw it: place and time, and
 * what is hidden behind its end. Throws `payload_too_large`, `unsupported_media_type` or `invalid_request`.
 */
export async function checkedPicture(bytes: Uint8Array, maxBytes: number): Promise<Picture> {
  if (bytes.length > maxBytes) {
    throw new AppError("payload_too_large", `A picture may have at most ${maxBytes / 1024 / 1024} MB`);
  }
  const picture = bareOf(bytes);
  if (picture === undefined) {
    throw new AppError("unsupported_media_type", "The file is not a JPEG, PNG or WebP picture");
  }
  const { width, height } = await sizeOf(picture.bytes);
  if (width < 1 || height < 1 || width * height > MAX_MEGAPIXELS * 1_000_000) {
    throw new AppError("invalid_request", `A picture may have at most ${MAX_MEGAPIXELS} megapixels`);
  }
  return picture;
}

function bareOf(bytes: Uint8Array): Picture | undefined {
  try {
    return barePicture(bytes);
  } catch (error) {
    if (error instanceof DamagedPicture) throw damaged(error);
    throw error;
  }
}

async function sizeOf(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  // Loaded late: other endpoints of the same function do without it.
  const { imageSize } = await import("image-size");
  try {
    return imageSize(bytes);
  } catch (cause) {
    throw damaged(cause);
  }
}

function damaged(cause: unknown): AppError {
  return new AppError("invalid_request", "The picture is damaged", { cause });
}

/** Shows the file at an address, or none, and tells which address was shown before. */
type Show = (url: string | null) => Promise<{ replaced: string | null }>;

type Log = Partial<RequestLog>;

/**
 * Stores a picture under a name that no other file has or gets, shows it and removes the one before. Returns its address.
 * What cannot be removed now, the nightly job removes.
 */
export async function showNew(
  bucket: PictureBucket,
  folder: string,
  picture: Picture,
  show: Show,
  log: Log,
): Promise<string> {
  const path = `${folder}/${crypto.randomUUID()}.${ENDINGS[picture.type]}`;
  const { error } = await adminClient().storage.from(bucket).upload(path, picture.bytes, {
    contentType: picture.type,
    // The file at a path never changes.
    cacheControl: "31536000",
    upsert: false,
  });
  if (error) throw unavailable(error);
  const url = `${supabase().publicUrl}/storage/v1/object/public/${bucket}/${path}`;
  try {
    await removeShown(bucket, folder, await show(url), log);
  } catch (error) {
    // Where the database's answer was lost, the file may be shown; where it refused, it is not.
    const isRefused = error instanceof AppError && error.code !== "service_unavailable";
    if (isRefused) await removeFiles(bucket, [path]).catch(noteIn(log));
    throw error;
  }
  return url;
}

/** Shows no picture any more, and removes the one that was shown. */
export async function showNone(bucket: PictureBucket, folder: string, show: Show, log: Log): Promise<void> {
  await removeShown(bucket, folder, await show(null), log);
}

async function removeShown(
  bucket: PictureBucket,
  folder: string,
  { replaced }: { replaced: string | null },
  log: Log,
): Promise<void> {
  const path = replaced?.split(`/${bucket}/`).at(-1);
  if (path?.startsWith(`${folder}/`)) await removeFiles(bucket, [path]).catch(noteIn(log));
}

function noteIn(log: Log): (error: unknown) => void {
  return (error) => log.cause = describeCause(error);
}

export async function removeFiles(bucket: string, paths: string[]): Promise<void> {
  const { error } = await adminClient().storage.from(bucket).remove(paths);
  if (error) throw unavailable(error);
}

function unavailable(cause: unknown): AppError {
  return new AppError("service_unavailable", "Storage cannot be reached at the moment", { cause });
}
