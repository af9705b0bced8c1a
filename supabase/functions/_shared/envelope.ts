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
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(associatedData(id, place));
  const sealed = Buffer.concat([nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
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
    .setAAD(associatedData(id, place))
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

function associatedData(id: string, place: string): Buffer {
  return Buffer.from(`${VERSION}\n${id}\n${place}`);
}

function newNonce(): Buffer {
  if (poolAt === POOL_BYTES) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += NONCE_BYTES;
  return Buffer.from(pool.subarray(poolAt - NONCE_BYTES, poolAt));
}

function malformed(): EnvelopeError {
  return new EnvelopeError("malformed", "Expected is an envelope: t1.<key id>.<base64url>");
}
