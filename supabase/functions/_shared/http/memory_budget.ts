import { AppError } from "../platform/errors.ts";
import { type BodyLimits, readHead } from "./body.ts";

/** The memory for all large bodies together; hosted functions end at 256 MB, of which the code takes a part. */
const BUDGET_BYTES = 112 * 1024 * 1024;
/** A body up to this size is always admitted. */
const SMALL_BYTES = 256 * 1024;
/**
 * How many copies of a body are in memory at most: JSON as bytes, text, value and the provider's request; a file is
 * counted twice: once in use, once awaiting garbage collection.
 */
const COPIES = { json: 4, multipart: 2 };
const RETRY_AFTER_S = 5;
/** A recording and its surroundings: a user with other large requests may not take this part, however slow they are. */
const OTHERS_BYTES = 52 * 1024 * 1024;

let inUseBytes = 0;
const inUseOf = new Map<string, number>();

/**
 * Admits a request while there is memory for its body, before any of it is read. Call the returned function when the
 * request is over. A request that is alone is admitted whatever its size; a user with other large requests leaves room for
 * somebody else's.
 */
export function reserveForBody(request: Request, limits: BodyLimits, userId = ""): () => void {
  if (request.method === "GET") return () => {};
  const { boundary, maxBytes } = readHead(request, limits);
  const bodyBytes = Number(request.headers.get("Content-Length") ?? maxBytes);
  if (bodyBytes <= SMALL_BYTES) return () => {};
  return reserve(bodyBytes * COPIES[boundary === undefined ? "json" : "multipart"], userId);
}

/** Reserves memory for something large. Call the returned function to release the memory. */
export function reserve(bytes: number, userId = ""): () => void {
  const ofUser = userId === "" ? 0 : inUseOf.get(userId) ?? 0;
  const room = BUDGET_BYTES - (ofUser > 0 ? OTHERS_BYTES : 0);
  if (inUseBytes > 0 && inUseBytes + bytes > room) {
    throw new AppError("service_unavailable", "Too many large requests at once; nothing was charged", {
      headers: { "Retry-After": String(RETRY_AFTER_S) },
    });
  }
  add(bytes, userId);
  return () => add(-bytes, userId);
}

function add(bytes: number, userId: string): void {
  inUseBytes += bytes;
  if (userId === "") return;
  const left = (inUseOf.get(userId) ?? 0) + bytes;
  if (left > 0) inUseOf.set(userId, left);
  else inUseOf.delete(userId);
}
