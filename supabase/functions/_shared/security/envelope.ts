import { Buffer } from "node:buffer";

import type { Keyring } from "./keyring.ts";

const VERSION = "t1";
const CIPHER = "AES-GCM";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** One page of random bytes is cheaper than many small requests for them. */
const PAGE_BYTES = 3_072;
const MAX_AT_ONCE = 64;

let page = new Uint8Array(0);
let pageAt = 0;

const encoder = new TextEncoder();
/** Imported keys, by the bytes of the keyring's key. */
const imported = new WeakMap<Buffer, Promise<CryptoKey>>();

/** Why an envelope cannot be opened. Never reveals its content. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";

  constructor(readonly reason: "malformed" | "unknown_key" | "altered", message: string) {
    super(message);
  }
}

/**
 * A secret, encrypted with the active key: `t1.<key id>.<base64url of nonce, ciphertext and tag>`, AES-256-GCM with a
 * random nonce of 96 bits, safe for 2^32 secrets per key (NIST SP 800-38D, 8.3). `place` names its row and is
 * authenticated: the envelope cannot be opened as another row's.
 *
 * Uses WebCrypto: `node:crypto` of the hosted runtime decrypts without checking the tag.
 */
export async function seal(keyring: Keyring, secret: string, place: string): Promise<string> {
  const { id, key } = keyring.active;
  const iv = newNonce();
  const additionalData = associatedData(id, place);
  const encrypted = await crypto.subtle.encrypt(
    { name: CIPHER, iv, additionalData, tagLength: TAG_BYTES * 8 },
    await cryptoKeyOf(key),
    encoder.encode(secret),
  );
  const sealed = Buffer.allocUnsafe(NONCE_BYTES + encrypted.byteLength);
  sealed.set(iv);
  sealed.set(new Uint8Array(encrypted), NONCE_BYTES);
  return `${VERSION}.${id}.${sealed.toString("base64url")}`;
}

/** Seals many, a few dozen at once. */
export function sealAll(
  keyring: Keyring,
  secrets: readonly { secret: string; place: string }[],
): Promise<string[]> {
  return someAtOnce(secrets, ({ secret, place }) => seal(keyring, secret, place));
}

/**
 * Runs one operation on many envelopes or secrets, a few dozen at once: a thousand at once would only wait for each
 * other.
 */
export async function someAtOnce<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += MAX_AT_ONCE) {
    results.push(...await Promise.all(items.slice(at, at + MAX_AT_ONCE).map(work)));
  }
  return results;
}

/** Opens an envelope that was sealed for this place. Throws EnvelopeError. */
export async function open(keyring: Keyring, envelope: string, place: string): Promise<string> {
  const id = keyIdOf(envelope);
  const sealed = Uint8Array.from(Buffer.from(envelope.slice(VERSION.length + id.length + 2), "base64url"));
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw malformed();
  const key = keyring.key(id);
  if (key === undefined) throw new EnvelopeError("unknown_key", `The key ${id} is not configured`);
  const iv = sealed.subarray(0, NONCE_BYTES);
  const additionalData = associatedData(id, place);
  try {
    const secret = await crypto.subtle.decrypt(
      { name: CIPHER, iv, additionalData, tagLength: TAG_BYTES * 8 },
      await cryptoKeyOf(key),
      sealed.subarray(NONCE_BYTES),
    );
    return Buffer.from(secret).toString();
  } catch (cause) {
    if ((cause as Error).name !== "OperationError") throw cause;
    throw new EnvelopeError(
      "altered",
      "The envelope was altered, belongs to another row, or was sealed with another key",
    );
  }
}

/** The id of the key that an envelope was sealed with. Throws EnvelopeError when the text is no envelope. */
export function keyIdOf(envelope: string): string {
  const [version, id, sealed] = envelope.split(".", 4);
  if (version !== VERSION || !id || !sealed) throw malformed();
  return id;
}

/** Whether the envelope is not under the active key and must be sealed again. */
export function isUnderOldKey(keyring: Keyring, envelope: string): boolean {
  return keyIdOf(envelope) !== keyring.active.id;
}

function associatedData(id: string, place: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${VERSION}\n${id}\n${place}`);
}

function cryptoKeyOf(key: Buffer): Promise<CryptoKey> {
  let found = imported.get(key);
  if (found === undefined) {
    found = crypto.subtle.importKey("raw", Uint8Array.from(key), CIPHER, false, ["encrypt", "decrypt"]);
    imported.set(key, found);
  }
  return found;
}

/**
 * Unused random bytes. A new page is allocated instead of refilling the old one, which an encryption may still be
 * reading.
 */
function newNonce(): Uint8Array<ArrayBuffer> {
  if (pageAt >= page.length) {
    page = crypto.getRandomValues(new Uint8Array(PAGE_BYTES));
    pageAt = 0;
  }
  pageAt += NONCE_BYTES;
  return page.subarray(pageAt - NONCE_BYTES, pageAt);
}

function malformed(): EnvelopeError {
  return new EnvelopeError("malformed", "Expected an envelope: t1.<key id>.<base64url>");
}
