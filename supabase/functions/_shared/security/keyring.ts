import { Buffer } from "node:buffer";

import { z } from "zod";

const KEY_BYTES = 32;

/** Keys with their ids. The first encrypts; each decrypts the envelopes that name its id. */
export interface Keyring {
  active: { id: string; key: Buffer };
  /** The key with an id; undefined if it is not in the list. */
  key(id: string): Buffer | undefined;
  /** The ids, the active one first. */
  ids: string[];
}

/**
 * A list of keys as a setting: `id:key`, separated by commas or white space, the active one first. An id has 1 to 32
 * letters, digits, `_` or `-`, a key 32 bytes in base64 (`openssl rand -base64 32`).
 */
export const KeyringText = z.string().transform((text, context): Keyring => {
  const keys = new Map<string, Buffer>();
  for (const entry of text.split(/[\s,]+/).filter(Boolean)) {
    const [, id, base64 = ""] = /^([\w-]{1,32}):([A-Za-z0-9+/_-]+={0,2})$/.exec(entry) ?? [];
    const key = Buffer.from(base64, "base64");
    // The message must not repeat the value.
    if (id === undefined || key.length !== KEY_BYTES || keys.has(id)) {
      context.addIssue({
        code: "custom",
        message: `Expected id:key with ${KEY_BYTES} bytes in base64, each id once; entry ${
          keys.size + 1
        } is not`,
      });
      return z.NEVER;
    }
    keys.set(id, key);
  }
  const [first] = keys;
  if (first === undefined) {
    context.addIssue({ code: "custom", message: "Expected at least one id:key" });
    return z.NEVER;
  }
  return { active: { id: first[0], key: first[1] }, key: (id) => keys.get(id), ids: [...keys.keys()] };
});
