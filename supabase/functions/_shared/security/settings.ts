import { defineSettings } from "../platform/env.ts";
import { KeyringText } from "./keyring.ts";

/** The keys that stored secrets are encrypted with. */
export const encryptionSettings = defineSettings("Encryption", {
  TOKEN_ENCRYPTION_KEYS: KeyringText.optional().describe(
    "Encrypts third-party tokens: `id:key`, …; the first is used for what is new; keys of 32 bytes in base64",
  ),
});
