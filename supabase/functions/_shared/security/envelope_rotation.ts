import { EnvelopeError, open, seal, someAtOnce } from "./envelope.ts";
import { AppError } from "../platform/errors.ts";
import type { Keyring } from "./keyring.ts";

/**
 * Rows that others are writing wait for the next round; a row that changes all the time gets the new key that way.
 */
const MAX_ROUNDS = 5;

/** An envelope with its row. */
export interface StoredEnvelope {
  /** Identifies the row; rows are processed in the order of their names. */
  name: string;
  envelope: string;
}

export interface EnvelopeRotationOptions {
  keyring: Keyring;
  /** The place an envelope is bound to, from its row's name. */
  placeOf(name: string): string;
  /** The next envelopes after a name that are not under the active key; none at the end. */
  next(after: string): Promise<StoredEnvelope[]>;
  /** Replaces old envelopes that are still there with new ones. Returns how many were replaced. */
  replace(replacements: { name: string; old: string; new: string }[]): Promise<number>;
  /** Opens an envelope, with its own error messages. Default: `open`. */
  open?(envelope: string, name: string): string | Promise<string>;
  /** Called after each batch with the number of envelopes that were moved to the active key. */
  onProgress?(rotated: number): void;
}

export interface EnvelopeRotation {
  rotated: number;
  /** Envelopes that cannot be opened, with the reason; they stay unchanged. */
  failures: { name: string; reason: string }[];
  isComplete: boolean;
}

/**
 * Re-encrypts everything that is not under the active key. It may be stopped and started again at any time, and run
 * beside readers and writers: a row is replaced only while it still holds the envelope that was opened.
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

/** Goes once through all rows, in the order of their names. `left` counts the rows that somebody else was writing. */
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
