import { Buffer } from "node:buffer";

import { AppError } from "../platform/errors.ts";

/** The largest bodies in bytes, by content type. Without a limit for multipart, multipart is not accepted. */
export interface BodyLimits {
  json: number;
  multipart?: number;
  /** How long a body may take to arrive. Default: one minute. */
  arrivalMs?: number;
}

/** What the request's head says: the form of the body, and the limit for its size. */
export interface BodyHead {
  boundary?: string;
  maxBytes: number;
}

/** Refuses other content types and bodies that are too large, before reading any of the body. */
export function readHead({ headers }: Request, limits: BodyLimits): BodyHead {
  const head = headOf(headers.get("Content-Type") ?? "", limits);
  if (Number(headers.get("Content-Length")) > head.maxBytes) throw tooLarge(head.maxBytes);
  return head;
}

function headOf(contentType: string, { json, multipart }: BodyLimits): BodyHead {
  const mediaType = contentType.split(";")[0]?.trim().toLowerCase();
  if (mediaType === "application/json") return { maxBytes: json };
  if (multipart === undefined) {
    throw new AppError("unsupported_media_type", "Content-Type must be application/json");
  }
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?=\s|;|$))/i.exec(contentType) ??
    [];
  const boundary = quoted ?? plain;
  if (mediaType === "multipart/form-data" && boundary !== undefined) return { boundary, maxBytes: multipart };
  throw new AppError(
    "unsupported_media_type",
    "Content-Type must be application/json, or multipart/form-data with a boundary",
  );
}

/** The request's JSON, or the parts of its multipart body by their names. */
export async function readBody(request: Request, limits: BodyLimits): Promise<unknown> {
  const { boundary, maxBytes } = readHead(request, limits);
  const bytes = await readBytes(request, { maxBytes, arrivalMs: limits.arrivalMs });
  if (boundary !== undefined) return readParts(bytes, boundary);
  const text = decode(bytes);
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("invalid_request", "The body is not valid JSON");
  }
}

/** The body as text, whatever its content type. */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  if (Number(request.headers.get("Content-Length")) > maxBytes) throw tooLarge(maxBytes);
  return decode(await readBytes(request, { maxBytes }));
}

const FIRST_BYTES = 16 * 1024;

/** A slow body would block its memory for others. Slow clients upload to Storage, which can resume. */
const ARRIVAL_MS = 60_000;

/** The body in one buffer of the announced size, so that no part of it is in memory twice. */
async function readBytes(
  request: Request,
  { maxBytes, arrivalMs = ARRIVAL_MS }: { maxBytes: number; arrivalMs?: number },
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(Number(request.headers.get("Content-Length")) || FIRST_BYTES);
  let length = 0;
  let isLate = false;
  const reader = request.body?.getReader();
  const timer = setTimeout(() => {
    isLate = true;
    reader?.cancel().catch(() => {});
  }, arrivalMs);
  try {
    for (;;) {
      const { value: chunk } = await reader?.read() ?? {};
      if (isLate) throw new AppError("invalid_request", "The body took too long to arrive");
      if (chunk === undefined) return bytes.subarray(0, length);
      if (length + chunk.length > maxBytes) throw tooLarge(maxBytes);
      if (length + chunk.length > bytes.length) {
        const size = Math.min(maxBytes, Math.max(2 * bytes.length, length + chunk.length));
        bytes = new Uint8Array(bytes.buffer.transfer(size));
      }
      bytes.set(chunk, length);
      length += chunk.length;
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("invalid_request", "The body is incomplete", { cause: error });
  } finally {
    clearTimeout(timer);
    reader?.releaseLock();
  }
}

const DISCARD_BYTES = 64 * 1024 * 1024;
const DISCARD_MS = 30_000;
/**
 * A client that sends nothing for this long is waiting for the response; one that has started may share a slow line.
 */
const SILENCE_MS = { before: 2_000, between: 3_000 };

/**
 * Reads the rest of a refused body and drops it. If a server closes the connection while a body is arriving, as the
 * hosted runtime does, the client sees a broken connection and never the response.
 */
export async function discardRest({ body, headers }: Request): Promise<void> {
  // Reading would tell a client that asked first (100-continue) to send its body.
  if (body === null || body.locked || headers.has("Expect")) return;
  const reader = body.getReader();
  const endsAtMs = performance.now() + DISCARD_MS;
  let silenceMs = SILENCE_MS.before;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (let left = DISCARD_BYTES; left > 0;) {
      const waitMs = Math.min(silenceMs, endsAtMs - performance.now());
      const silence = new Promise<void>((resolve) => timer = setTimeout(resolve, waitMs));
      const chunk = await Promise.race([reader.read().then(({ value }) => value), silence]);
      clearTimeout(timer);
      if (!chunk) break;
      left -= chunk.length;
      silenceMs = SILENCE_MS.between;
    }
  } catch {
    // The connection broke, so nobody waits for the response.
  }
  reader.cancel().catch(() => {});
}

const MAX_PARTS = 20;
const MAX_HEAD_BYTES = 2_000;
const HEAD_END = Buffer.from("\r\n\r\n");

/** A multipart body's files as views of it, and its fields as texts. https://www.rfc-editor.org/info/rfc7578 */
function readParts(body: Uint8Array<ArrayBuffer>, boundary: string): Record<string, string | Uint8Array> {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const parts = new Map<string, string | Uint8Array>();
  let at = firstPart(buffer, delimiter);
  while (buffer.toString("latin1", at, at + 2) !== "--") {
    const headEnd = buffer.subarray(at, at + MAX_HEAD_BYTES).indexOf(HEAD_END);
    const start = at + headEnd + HEAD_END.length;
    const end = headEnd < 0 ? -1 : buffer.indexOf(delimiter, start);
    if (end < 0) throw malformed("breaks off");
    const { name, isFile } = readPartHead(buffer.toString("utf8", at, at + headEnd));
    if (parts.has(name) || parts.size >= MAX_PARTS) throw malformed("has a part twice, or too many");
    const content = body.subarray(start, end);
    parts.set(name, isFile ? content : decode(content));
    at = end + delimiter.length;
  }
  return Object.fromEntries(parts);
}

/** Where the first part begins. A line end or a preamble may come before it. RFC 2046, 5.1.1 */
function firstPart(buffer: Buffer, delimiter: Buffer): number {
  const opening = delimiter.subarray(2);
  if (buffer.subarray(0, opening.length).equals(opening)) return opening.length;
  const start = buffer.indexOf(delimiter);
  if (start < 0) throw malformed("does not have its boundary");
  return start + delimiter.length;
}

function readPartHead(head: string): { name: string; isFile: boolean } {
  const disposition = /^content-disposition:[ \t]*form-data[ \t]*(;.*)$/im.exec(head)?.[1] ?? "";
  const [, quoted, plain] = /;[ \t]*name=(?:"([^"]*)"|([^\s;"]+))/i.exec(disposition) ?? [];
  const name = quoted ?? plain;
  if (name === undefined) throw malformed("has a part without a name");
  return { name, isFile: /;[ \t]*filename\*?=/i.test(disposition) };
}

function malformed(what: string): AppError {
  return new AppError("invalid_request", `The body is not valid multipart/form-data: it ${what}`);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new AppError("invalid_request", "The body must be UTF-8", { cause: error });
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("payload_too_large", `The body must have at most ${maxBytes} bytes`, {
    details: { max_bytes: maxBytes },
  });
}
