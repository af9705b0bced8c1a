import { encryptionSettings } from "../_shared/security/settings.ts";
import { EnvelopeError, open, seal } from "../_shared/security/envelope.ts";
import { AppError } from "../_shared/platform/errors.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import type { VaultDatabase } from "./database.ts";

const PROOF = "This key encrypts tokens";

/** The keys in the settings. Throws `service_unavailable` without keys: nothing is stored unencrypted. */
export function vaultKeyring(): Keyring {
  const keyring = encryptionSettings().TOKEN_ENCRYPTION_KEYS;
  if (keyring) return keyring;
  throw new AppError(
    "service_unavailable",
    "TOKEN_ENCRYPTION_KEYS is not set: tokens can be neither stored nor read without it (id:key, …)",
  );
}

/**
 * Checks that the active key is the same as before under its id; the first use is recorded. Throws
 * `service_unavailable`.
 */
export async function proveActiveKey(database: VaultDatabase, keyring: Keyring): Promise<void> {
  const { id } = keyring.active;
  const proof = await database.prove_token_key({
    p_key_id: id,
    p_proof: await seal(keyring, PROOF, placeOfProof(id)),
  });
  if (await isProvenBy(keyring, id, proof)) return;
  throw wrongKey(id);
}

/** Whether the given key with this id made the proof. */
export async function isProvenBy(keyring: Keyring, id: string, proof: string): Promise<boolean> {
  try {
    return await open(keyring, proof, placeOfProof(id)) === PROOF;
  } catch (error) {
    if (error instanceof EnvelopeError) return false;
    throw error;
  }
}

/**
 * Opens the envelope of an account's token. Throws `service_unavailable` without the key, `internal` if it was
 * altered.
 */
export async function openToken(keyring: Keyring, envelope: string, accountName: string): Promise<string> {
  try {
    return await open(keyring, envelope, accountName);
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    if (error.reason === "unknown_key") {
      const id = envelope.split(".", 2)[1];
      throw new AppError(
        "service_unavailable",
        `The token is encrypted with the key ${id}, which is not given`,
        {
          details: { key_id: id },
          cause: error,
        },
      );
    }
    throw new AppError(
      "internal",
      "The token cannot be decrypted: it was altered, belongs to another account, or its key is another",
      { cause: error },
    );
  }
}

function wrongKey(id: string): AppError {
  return new AppError(
    "service_unavailable",
    `The key ${id} in TOKEN_ENCRYPTION_KEYS is not the one that tokens were encrypted with under this id`,
    { details: { key_id: id } },
  );
}

function placeOfProof(id: string): string {
  return `proof of ${id}`;
}
