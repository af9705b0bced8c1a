import {
  type EnvelopeRotation,
  rotateEnvelopes,
  type StoredEnvelope,
} from "../_shared/security/envelope_rotation.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import type { CallDatabase } from "../_shared/database/rpc.ts";
import { placeOf } from "./encrypted_store.ts";

const BATCH_TOKENS = 500;

/**
 * Re-encrypts every OAuth token in the database that is not under the active key: a renewal that happens meanwhile
 * wins, and no fence changes. The caller has verified the active key. Failures have the keys of rows.
 */
export async function rotateOAuthTokens(
  { call, keyring, onProgress }: {
    call: CallDatabase;
    keyring: Keyring;
    /** Called after each batch with the number of tokens that were moved to the active key. */
    onProgress?(rotated: number): void;
  },
): Promise<EnvelopeRotation> {
  return await rotateEnvelopes({
    keyring,
    onProgress,
    placeOf,
    async next(after) {
      const args = { p_key_id: keyring.active.id, p_after: after, p_limit: BATCH_TOKENS };
      const batch = await call("oauth_tokens_to_rotate", args) as { key: string; envelope: string }[];
      return batch.map(({ key, envelope }): StoredEnvelope => ({ name: key, envelope }));
    },
    async replace(replacements) {
      const p_replacements = replacements.map(({ name, ...envelopes }) => ({ key: name, ...envelopes }));
      return await call("rotate_oauth_tokens", { p_replacements }) as number;
    },
  });
}
