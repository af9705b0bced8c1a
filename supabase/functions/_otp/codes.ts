import { createHmac, randomInt } from "node:crypto";

import type { Keyring } from "../_shared/security/keyring.ts";
import { isDigit, withAsciiDigits } from "./digits.ts";

const DIGITS = 6;

/** What a code is for: one for something else has another HMAC. */
export interface CodePlace {
  /** E.164. */
  phone: string;
  purpose: string;
}

/** Six digits of the system's own random numbers, leading zeros kept. */
export function newCode(): string {
  return String(randomInt(10 ** DIGITS)).padStart(DIGITS, "0");
}

/** What keyboards and messages put between digits: blanks, hyphens, marks of direction. */
const BETWEEN = /[\s\p{Z}\p{Cf}\p{Pd}]/gu;

/** A code as a person typed it, in whatever script's digits; undefined for what is none. */
export function readCode(typed: string): string | undefined {
  const characters = [...typed.replaceAll(BETWEEN, "")];
  if (characters.length !== DIGITS || !characters.every(isDigit)) return undefined;
  return withAsciiDigits(characters.join(""));
}

/** What the database gets in place of the code: an HMAC-SHA-256 in hex under the key with this id. */
export function macOf(peppers: Keyring, keyId: string, code: string, { phone, purpose }: CodePlace): string {
  const key = peppers.key(keyId);
  if (key === undefined) throw new Error(`The pepper ${keyId} is not among the given ones`);
  return createHmac("sha256", key).update(`tessera otp 1\n${purpose}\n${phone}\n${code}`).digest("hex");
}

/** The HMAC under each pepper, by its id: only the database knows which one the code was issued with. */
export function macsOf(peppers: Keyring, code: string, place: CodePlace): Record<string, string> {
  return Object.fromEntries(peppers.ids.map((id) => [id, macOf(peppers, id, code, place)]));
}
