import { type EnvelopeRotation, rotateEnvelopes } from "../_shared/security/envelope_rotation.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import type { VaultDatabase } from "./database.ts";
import { openToken, proveActiveKey } from "./keys.ts";

const BATCH_TOKENS = 500;

export interface RotationOptions {
  database: VaultDatabase;
  keyring: Keyring;
  /** The caller, for the audit. */
  keyName: string;
  requestId: string;
  /** Called after each batch with the number of tokens that were moved to the active key. */
  onProgress?(rotated: number): void;
}

/**
 * Re-encrypts every broker token that is not under the active key, whose proof is checked first. Failures have the
 * names of accounts.
 */
export async function rotateVault(options: RotationOptions): Promise<EnvelopeRotation> {
  const { database, keyring, keyName, requestId, onProgress } = options;
  await proveActiveKey(database, keyring);
  return await rotateEnvelopes({
    keyring,
    onProgress,
    placeOf: (accountName) => accountName,
    open: (envelope, accountName) => openToken(keyring, envelope, accountName),
    async next(after) {
      const batch = await database.provider_tokens_to_rotate({
        p_key_id: keyring.active.id,
        p_after: after,
        p_limit: BATCH_TOKENS,
        p_key_name: keyName,
        p_request_id: requestId,
      });
      return batch.map(({ account_name, envelope }) => ({ name: account_name, envelope }));
    },
    replace: (replacements) =>
      database.rotate_provider_tokens({
        p_replacements: replacements.map(({ name, ...envelopes }) => ({ account_name: name, ...envelopes })),
      }),
  });
}
