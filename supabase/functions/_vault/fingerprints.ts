import type { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";

import type { Keyring } from "../_shared/security/keyring.ts";

/** Change this when values must be read differently: then every value counts as new. */
const RULES_VERSION = "2";
/** 96 bits of SHA-1, which Redis can compute itself. A collision of two values helps nobody. */
export const FINGERPRINT_CHARACTERS = 24;

/**
 * The salt of the digests, in hexadecimal. It is derived from the active key, so that nobody can test values against
 * a dump of the database. After a rotation every value counts as changed, and the next sync stores it again.
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
