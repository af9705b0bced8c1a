import { readWhole, type Take } from "../platform/bytes.ts";
import { userClient } from "../database/database.ts";
import { AppError } from "../platform/errors.ts";
import { UPLOADS } from "./inputs.ts";

/** A file that an input names cannot be used; the message is for the caller. */
export class UnusableFile extends Error {
  override readonly name = "UnusableFile";
}

/** How to read a file: with whose rights, how much of it, and how long. */
export interface Reading {
  token: string;
  take: Take;
  signal: AbortSignal;
}

/**
 * Reads a file of the bucket `uploads` with the user's rights, so that Storage's policies decide who may read it.
 * Throws `UnusableFile` if there is no such file for this user, or as `take` says; else `service_unavailable`.
 */
export async function readUpload(
  path: string,
  what: "picture" | "recording",
  { token, take, signal }: Reading,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { data, error } = await userClient(token).storage.from(UPLOADS)
      .download(path.slice(UPLOADS.length + 1), undefined, { signal }).asStream();
    if (data !== null) return await readWhole(data, take);
    if (error.status === undefined || error.status >= 500) throw error;
    throw new UnusableFile(`There is no such ${what} in your folder of the bucket uploads`, { cause: error });
  } catch (error) {
    if (error instanceof UnusableFile) throw error;
    throw new AppError(
      "service_unavailable",
      `The ${what} could not be read from Storage; nothing was charged`,
      { cause: error },
    );
  }
}

/** The error for a refused file; `path` is the field's path, empty if the input itself is the file. */
export function fileRefusal(path: string, message: string, cause?: unknown): AppError {
  return new AppError("invalid_request", path ? `${path}: ${message}` : message, {
    details: [{ path, code: "custom", message }],
    cause,
  });
}
