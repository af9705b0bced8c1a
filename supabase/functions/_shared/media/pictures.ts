import { Buffer } from "node:buffer";

import { reserve } from "../http/memory_budget.ts";
import { AppError } from "../platform/errors.ts";
import { isUploadedPath, PHOTOS_BYTES, Picture } from "./inputs.ts";
import { barePicture } from "../pictures/bare_picture.ts";
import { DamagedPicture } from "../pictures/parts.ts";
import { fileRefusal, type Reading, readUpload, UnusableFile } from "./uploads.ts";

const PHOTO_BYTES = 5_000_000;
const TIMEOUT_MS = 5_000;
/**
 * How often a picture is in memory: its bytes, and as base64 in the data URL, the provider's request and its bytes.
 */
const COPIES = 5;

/** Loaded late: TLS and DNS take half as long to load as a whole function, and most requests need neither. */
const loadDownload = () => import("../http/download.ts");

/**
 * Runs the work with an input in which every picture is a data URL with the type of its bytes, without the camera's
 * metadata: place, time, device, texts, thumbnails. Pictures on the web or in Storage are read first, all at once and
 * with the caller's rights; a picture that cannot be read is an `invalid_request` that names its field. Memory for
 * these is reserved until the work is done; a picture in the body uses the body's reservation.
 */
export async function withPictures<Input, Result>(
  input: Input,
  token: string,
  work: (complete: Input) => Promise<Result>,
): Promise<Result> {
  const found = new Map<Picture, Picture>();
  const elsewhere = placesOf(input).filter(({ path, picture }) => {
    if (!picture.url.startsWith("data:")) return true;
    try {
      found.set(picture, bare(picture));
    } catch (error) {
      throw refused(path, error);
    }
    return false;
  });
  if (elsewhere.length === 0) return await work(replaced(input, found));
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const reserved: (() => void)[] = [];
  let roomForAll = PHOTOS_BYTES;
  const find = async ({ path, picture }: Place) => {
    let room = PHOTO_BYTES;
    const take = (byteCount: number) => {
      signal.throwIfAborted();
      if ((room -= byteCount) < 0) throw new UnusableFile("The picture must have at most 5 MB");
      if ((roomForAll -= byteCount) < 0) {
        throw new UnusableFile("All pictures together must have at most 15 MB");
      }
      reserved.push(reserve(byteCount * COPIES));
    };
    try {
      found.set(picture, asDataUrl(await read(picture.url, { token, take, signal })));
    } catch (error) {
      throw refused(path, error);
    }
  };
  try {
    await Promise.all(elsewhere.map(find));
    return await work(replaced(input, found));
  } finally {
    end.abort();
    for (const leave of reserved) leave();
  }
}

function refused(path: string, error: unknown): unknown {
  return error instanceof UnusableFile ? fileRefusal(path, error.message, error) : error;
}

interface Place {
  path: string;
  picture: Picture;
}

function placesOf(value: unknown, path: string[] = []): Place[] {
  if (value instanceof Picture) return [{ path: path.join("."), picture: value }];
  if (!isPlain(value)) return [];
  return Object.entries(value).flatMap(([key, part]) => placesOf(part, [...path, key]));
}

function replaced<Value>(value: Value, found: Map<Picture, Picture>): Value {
  if (value instanceof Picture) return (found.get(value) ?? value) as Value;
  if (!isPlain(value)) return value;
  if (Array.isArray(value)) return value.map((part) => replaced(part, found)) as Value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, replaced(part, found)]),
  ) as Value;
}

/** Only plain objects and lists, as zod makes them from JSON, are searched for pictures. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return Array.isArray(value) ||
    (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype);
}

async function read(source: string, reading: Reading): Promise<Uint8Array<ArrayBuffer>> {
  if (isUploadedPath(source)) return await readUpload(source, "picture", reading);
  const { download } = await loadDownload();
  try {
    return await download(source, reading);
  } catch (error) {
    if (error instanceof UnusableFile || error instanceof AppError) throw error;
    // One message for all failures, so that nobody learns what is inside our network.
    throw new UnusableFile(
      "The picture could not be fetched: the address must be public and answer within 5 s",
      {
        cause: error,
      },
    );
  }
}

function bare(picture: Picture): Picture {
  const bytes = Buffer.from(picture.url.slice(picture.url.indexOf(",") + 1), "base64");
  const without = asDataUrl(bytes);
  return without.url === picture.url ? picture : without;
}

function asDataUrl(bytes: Uint8Array): Picture {
  try {
    // A provider gets the image and its orientation, but not where, when and by whom it was taken.
    const picture = barePicture(bytes);
    if (picture === undefined) throw new UnusableFile("The file is not a JPEG, PNG or WebP picture");
    const { buffer, byteOffset, byteLength } = picture.bytes;
    const base64 = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
    return new Picture(`data:${picture.type};base64,${base64}`);
  } catch (cause) {
    if (!(cause instanceof DamagedPicture)) throw cause;
    throw new UnusableFile(`The picture is damaged: ${cause.message}`, { cause });
  }
}
