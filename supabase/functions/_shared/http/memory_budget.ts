import { AppError } from "../platform/errors.ts";
import { type BodyLimits, readHead } from "./body.ts";

/** What large bodies may take together; hosted functions end at 256 MB, of which a part is taken by the code. */
const BUDGET_BYTES = 112 * 1024 * 1024;
/** A body up to this size is always let in. */
const SMALL_BYTES = 256 * 1024;
/**
 * How much of a body is in memory at the most: JSON as bytes, text, value and the provider's request; a file as it is, and
 * as what the runtime has not yet let go of on the way in and out.
 */
const COPIES = { json: 4, multipart: 2 };
const RETRY_AFTER_S = 5;

let inUseBytes = 0;

/**
 * Lets a request in while there is memory for its body, told before any of it is read; the answer is to be called when
 * the request is over. One that is alone is let in whatever its size.
 */
export function reserveForBody(request: Request, limits: BodyLimits): () => void {
  if (request.method === "GET") return () => {};
  const { boundary, maxBytes } = readHead(request, limits);
  const bodyBytes = Number(request.headers.get("Content-Length") ?? maxBytes);
  if (bodyBytes <= SMALL_BYTES) return () => {};
  return reserve(bodyBytes * COPIES[boundary === undefined ? "json" : "multipart"]);
}

/** Memory for something large, given back by the answer. */
export function reserve(bytes: number): () => void {
  if (inUseBytes > 0 && inUseBytes + bytes > BUDGET_BYTES) {
    throw new AppError("service_unavailable", "Too many large requests at once; nothing was charged", {
      headers: { "Retry-After": String(RETRY_AFTER_S) },
    });
  }
  inUseBytes += bytes;
  return () => inUseBytes -= bytes;
}
