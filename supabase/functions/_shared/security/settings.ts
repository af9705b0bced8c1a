import { defineSettings } from "../platform/env.ts";
import { KeyringText } from "./keyring.ts";

/** The keys that stored secrets are encrypted with. */
export const encryptionSettings = defineSettings("Encryption", {
  TOKEN_ENCRYPTION_KEYS: KeyringText.optional().describe(
    "Encrypts stored secrets: `id:key`, …; the first encrypts, all decrypt; each key is 32 bytes in base64",
  ),
});
