import { EnvelopeError, open, seal, someAtOnce } from "./envelope.ts";
import { AppError } from "../platform/errors.ts";
import type { Keyring } from "./keyring.ts";

/** Rows that others are writing are left for another round; what changes all the time gets its new key by that. */
const MAX_ROUNDS = 5;

/** An envelope in its row. */
export interface StoredEnvelope {
  /** Names the row; rows come in the order of their names. */
  name: string;
  envelope: string;
}

export interface EnvelopeRotationOptions {
  keyring: Keyring;
  /** What an envelope is bound to, by its row's name. */
  placeOf(name: string): string;
  /** The next envelopes after a name, of those that are not under the active key; none at the end. */
  next(after: string): Promise<StoredEnvelope[]>;
  /** Puts new envelopes in the place of old ones where these are still there. Returns how many were. */
  replace(replacements: { name: string; old: string; new: string }[]): Promise<number>;
  /** Opens an envelope, with a failure in words of its own; as envelopes are opened unless given. */
  open?(envelope: string, name: string): string | Promise<string>;
  /** Told after each batch how many envelopes are under the active key that were not before. */
  onProgress?(rotated: number): void;
}

export interface EnvelopeRotation {
  rotated: number;
  /** What cannot be opened, by why; it stays as it is. */
  failures: { name: string; reason: string }[];
  isComplete: boolean;
}

/**
 * Encrypts everything anew that is not under the active key. May be stopped and begun again at any time, and run beside
 * readers and writers: a row is replaced only while it still holds the envelope that was opened.
 */
export async function rotateEnvelopes(options: EnvelopeRotationOptions): Promise<EnvelopeRotation> {
  const failures = new Map<string, string>();
  const end = (rotated: number, isComplete: boolean) => ({
    rotated,
    failures: [...failures].map(([name, reason]) => ({ name, reason })),
    isComplete,
  });
  let rotated = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { replaced, left } = await rotateRound(
      options,
      failures,
      (count) => options.onProgress?.(rotated + count),
    );
    rotated += replaced;
    if (left === 0) return end(rotated, failures.size === 0);
  }
  return end(rotated, false);
}

/** Goes once through all rows, in the order of their names. Left are those that somebody else was writing. */
async function rotateRound(
  options: EnvelopeRotationOptions,
  failures: Map<string, string>,
  onProgress: (replaced: number) => void,
): Promise<{ replaced: number; left: number }> {
  const { keyring, placeOf, next, replace } = options;
  const opened = options.open ?? ((envelope, name) => open(keyring, envelope, placeOf(name)));
  let replaced = 0;
  let left = 0;
  let after = "";
  for (;;) {
    const batch = await next(after);
    if (batch.length === 0) return { replaced, left };
    const replacements: Parameters<typeof replace>[0] = [];
    await someAtOnce(batch, async ({ name, envelope }) => {
      try {
        const text = await opened(envelope, name);
        replacements.push({ name, old: envelope, new: await seal(keyring, text, placeOf(name)) });
        failures.delete(name);
      } catch (error) {
        if (!(error instanceof AppError || error instanceof EnvelopeError)) throw error;
        failures.set(name, error.message);
      }
    });
    const count = replacements.length === 0 ? 0 : await replace(replacements);
    replaced += count;
    left += replacements.length - count;
    onProgress(replaced);
    after = batch.at(-1)!.name;
  }
}
