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

let inUseBytes = 0;

/**
 * Admits a request while there is memory for its body, before any of it is read. Call the returned function when the
 * request is over. A request that is alone is admitted whatever its size.
 */
export function admit(request: Request, limits: BodyLimits): () => void {
  if (request.method === "GET") return () => {};
  const { boundary, maxBytes } = readHead(request, limits);
  const bodyBytes = Number(request.headers.get("Content-Length") ?? maxBytes);
  if (bodyBytes <= SMALL_BYTES) return () => {};
  return reserve(bodyBytes * COPIES[boundary === undefined ? "json" : "multipart"]);
}

/** Reserves memory for something large. Call the returned function to release the memory. */
export function reserve(bytes: number): () => void {
  if (inUseBytes > 0 && inUseBytes + bytes > BUDGET_BYTES) {
    throw new AppError("service_unavailable", "Too many large requests at once; nothing was charged", {
      headers: { "Retry-After": String(RETRY_AFTER_S) },
    });
  }
  inUseBytes += bytes;
  return () => inUseBytes -= bytes;
}
