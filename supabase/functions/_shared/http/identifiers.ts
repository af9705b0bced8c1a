import { createHash, randomBytes } from "node:crypto";

import { AppError } from "../platform/errors.ts";

/** 128 bits are unique enough, and in every index half as long as a whole digest: 22 characters. */
const ID_BYTES = 16;
/** Milliseconds since 1970 until the year 10889, as in a UUID of version 7. */
const TIME_BYTES = 6;

function digest(text: string): string {
  return createHash("sha256").update(text).digest().subarray(0, ID_BYTES).toString("base64url");
}

/** An id for a request that has none. It begins with the time, so that new ids are on the same pages of an index. */
export function newRequestId(): string {
  const id = randomBytes(ID_BYTES);
  id.writeUIntBE(Date.now(), 0, TIME_BYTES);
  return id.toString("base64url");
}

/** The id of a repeatable request, derived from user, function and key, and from the team's wallet that pays for it. */
export function repeatableRequestId(
  userId: string,
  functionName: string,
  idempotencyKey: string,
  walletId: string | null = null,
): string {
  return digest([userId, functionName, idempotencyKey, ...walletId === null ? [] : [walletId]].join("\n"));
}

/** A digest of the parsed input, which shows whether a repeated request is the same. */
export function fingerprint(input: unknown): string {
  return digest(JSON.stringify(input) ?? "");
}

/**
 * The caller's `Idempotency-Key`, null when there is none. The draft standard writes it as a quoted string, most
 * clients do not; both are accepted. A key that a proxy duplicated arrives as `key, key` and counts as `key`: as
 * another key, the request would run and be charged again. An unquoted key may have commas.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function idempotencyKey(headers: Headers): string | null {
  const header = headers.get("Idempotency-Key");
  if (header === null) return null;
  const quoted = /^"[^"]*"(?:, *"[^"]*")+$/.test(header) ? header.match(/"[^"]*"/g)! : null;
  const keys = new Set((quoted ?? header.split(", ")).map(unquoted));
  if (quoted && keys.size > 1) {
    throw new AppError("invalid_request", "Idempotency-Key was sent with different values");
  }
  const key = keys.size === 1 ? [...keys][0]! : unquoted(header);
  if (/^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw new AppError("invalid_request", "Idempotency-Key must have 1 to 255 printable ASCII characters");
}

function unquoted(key: string): string {
  return /^"(.*)"$/.exec(key)?.[1] ?? key;
}
