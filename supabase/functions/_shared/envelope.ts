import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";

import type { Keyring } from "./keyring.ts";

const VERSION = "t1";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Random bytes are cheaper by the page than by the dozen. */
const POOL_BYTES = 3_072;

const pool = Buffer.alloc(POOL_BYTES);
let poolAt = POOL_BYTES;

/** Where texts become bytes: an allocation for each costs a third of the encryption. Nothing awaits while it is in use. */
let desk = Buffer.alloc(4_096);
const encoder = new TextEncoder();

/** Why an envelope cannot be opened. Says nothing of what is in it. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";

  constructor(readonly reason: "malformed" | "unknown_key" | "altered", message: string) {
    super(message);
  }
}

/**
 * A secret, encrypted with the active key: `t1.<key id>.<base64url of nonce, ciphertext and tag>`, AES-256-GCM with a
 * random nonce of 96 bits, good for 2^32 secrets per key (NIST SP 800-38D, 8.3). `place` names the row that it belongs
 * to, and is bound in: the envelope cannot be opened as another row's.
 */
export function seal(keyring: Keyring, secret: string, place: string): string {
  const { id, key } = keyring.active;
  const nonce = newNonce();
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(onDesk(associatedData(id, place)));
  const encrypted = cipher.update(onDesk(secret));
  cipher.final(); // a stream cipher has nothing left to give
  const sealed = Buffer.allocUnsafe(NONCE_BYTES + encrypted.length + TAG_BYTES);
  sealed.set(nonce);
  sealed.set(encrypted, NONCE_BYTES);
  sealed.set(cipher.getAuthTag(), NONCE_BYTES + encrypted.length);
  return `${VERSION}.${id}.${sealed.toString("base64url")}`;
}

/** What was sealed for this place. Throws EnvelopeError. */
export function open(keyring: Keyring, envelope: string, place: string): string {
  const id = keyIdOf(envelope);
  const sealed = Buffer.from(envelope.slice(VERSION.length + id.length + 2), "base64url");
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw malformed();
  const key = keyring.key(id);
  if (key === undefined) throw new EnvelopeError("unknown_key", `The key ${id} is not among the given ones`);
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE_BYTES))
    .setAAD(onDesk(associatedData(id, place)))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8") +
      decipher.final("utf8");
  } catch {
    throw new EnvelopeError(
      "altered",
      "The envelope was altered, belongs to another row, or the key is another",
    );
  }
}

/** The id of the key that an envelope was sealed with. Throws EnvelopeError when it is none. */
export function keyIdOf(envelope: string): string {
  const [version, id, sealed] = envelope.split(".", 4);
  if (version !== VERSION || !id || !sealed) throw malformed();
  return id;
}

/** Whether the envelope is not under the active key, and so to be sealed anew. */
export function isUnderOldKey(keyring: Keyring, envelope: string): boolean {
  return keyIdOf(envelope) !== keyring.active.id;
}

function associatedData(id: string, place: string): string {
  return `${VERSION}\n${id}\n${place}`;
}

/** The bytes of a text, good until the next call. */
function onDesk(text: string): Buffer {
  const mostBytes = text.length * 3;
  if (mostBytes > desk.length) desk = Buffer.alloc(mostBytes);
  return desk.subarray(0, encoder.encodeInto(text, desk).written);
}

function newNonce(): Buffer {
  if (poolAt === POOL_BYTES) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += NONCE_BYTES;
  return pool.subarray(poolAt - NONCE_BYTES, poolAt);
}

function malformed(): EnvelopeError {
  return new EnvelopeError("malformed", "Expected is an envelope: t1.<key id>.<base64url>");
}
