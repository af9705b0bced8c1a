import type { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";

import type { Keyring } from "../_shared/security/keyring.ts";

/** Changes when a value is to be read differently, so that every value counts as new. */
const RULES_VERSION = "2";
/** 96 bits of SHA-1: what Redis can compute by itself. Nobody gains by two values with the same digest. */
export const FINGERPRINT_CHARACTERS = 24;

/**
 * What digests begin with, in hexadecimal. It is made of the active key, so that a dump of the database does not let one
 * try values; after a rotation every value counts as changed, and the next sync stores it anew.
 */
export function fingerprintSalt(keyring: Keyring): string {
  return createHmac("sha256", keyring.active.key).update(`tessera fingerprints ${RULES_VERSION}`).digest(
    "hex",
  )
    .slice(0, 32);
}

/** The fingerprint of a value, as Redis computes it in scripts.ts. */
export function fingerprintOf(salt: string, value: Buffer): string {
  return createHash("sha1").update(salt).update(value).digest("hex").slice(0, FINGERPRINT_CHARACTERS);
}
