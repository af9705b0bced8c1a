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
/** A recording and what is around it: nobody with large bodies under way may take this as well, however slowly they come. */
const OTHERS_BYTES = 52 * 1024 * 1024;

let inUseBytes = 0;
const inUseOf = new Map<string, number>();

/**
 * Lets a request in while there is memory for its body, told before any of it is read; the answer is to be called when
 * the request is over. One that is alone is let in whatever its size; a user who has others under way leaves room for
 * somebody else's.
 */
export function admit(request: Request, limits: BodyLimits, userId = ""): () => void {
  if (request.method === "GET") return () => {};
  const { boundary, maxBytes } = readHead(request, limits);
  const bodyBytes = Number(request.headers.get("Content-Length") ?? maxBytes);
  if (bodyBytes <= SMALL_BYTES) return () => {};
  return reserve(bodyBytes * COPIES[boundary === undefined ? "json" : "multipart"], userId);
}

/** Memory for something large, given back by the answer. */
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
