import { EnvelopeError, seal } from "../_shared/envelope.ts";
import { AppError } from "../_shared/errors.ts";
import type { Keyring } from "../_shared/keyring.ts";
import type { TokenDatabase } from "./database.ts";
import { openToken, proveActiveKey } from "./keys.ts";

const BATCH_TOKENS = 500;
/** Rows that others are writing are left for another round; a token that changes all the time gets its new key by that. */
const MOST_ROUNDS = 5;

export interface RotationOptions {
  database: TokenDatabase;
  keyring: Keyring;
  /** Who rotates, for the audit. */
  keyName: string;
  requestId: string;
  /** Told after each batch how many tokens are under the active key that were not before. */
  onProgress?(rotated: number): void;
}

export interface RotationResult {
  rotated: number;
  /** Tokens that cannot be opened, by why; they stay as they are. */
  failures: { accountName: string; reason: string }[];
  isComplete: boolean;
}

/**
 * Encrypts every token anew that is not under the active key. May be stopped and begun again at any time, and run beside
 * syncs and reads: a row is replaced only while it still holds the envelope that was opened.
 */
export async function rotateTokens(options: RotationOptions): Promise<RotationResult> {
  const { database, keyring, onProgress } = options;
  await proveActiveKey(database, keyring);
  const failures = new Map<string, string>();
  let rotated = 0;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { replaced, left } = await rotateRound(options, failures, (count) => onProgress?.(rotated + count));
    rotated += replaced;
    if (left === 0) break;
    if (round === MOST_ROUNDS - 1) return { rotated, failures: asList(failures), isComplete: false };
  }
  return { rotated, failures: asList(failures), isComplete: failures.size === 0 };
}

/** Goes once through all rows, in the order of their names. Left are those that somebody else was writing. */
async function rotateRound(
  { database, keyring, keyName, requestId }: RotationOptions,
  failures: Map<string, string>,
  onProgress: (replaced: number) => void,
): Promise<{ replaced: number; left: number }> {
  let replaced = 0;
  let left = 0;
  let after = "";
  for (;;) {
    const batch = await database.provider_tokens_to_rotate({
      p_key_id: keyring.active.id,
      p_after: after,
      p_limit: BATCH_TOKENS,
      p_key_name: keyName,
      p_request_id: requestId,
    });
    if (batch.length === 0) return { replaced, left };
    const replacements: { account_name: string; old: string; new: string }[] = [];
    for (const { account_name, envelope } of batch) {
      try {
        const token = openToken(keyring, envelope, account_name);
        replacements.push({ account_name, old: envelope, new: seal(keyring, token, account_name) });
        failures.delete(account_name);
      } catch (error) {
        if (!(error instanceof AppError || error instanceof EnvelopeError)) throw error;
        failures.set(account_name, error.message);
      }
    }
    const count = replacements.length === 0
      ? 0
      : await database.rotate_provider_tokens({ p_replacements: replacements });
    replaced += count;
    left += replacements.length - count;
    onProgress(replaced);
    after = batch.at(-1)!.account_name;
  }
}

function asList(failures: Map<string, string>): RotationResult["failures"] {
  return [...failures].map(([accountName, reason]) => ({ accountName, reason }));
}
