import { createHmac, randomInt } from "node:crypto";

import type { Keyring } from "../_shared/security/keyring.ts";
import { isDigit, withAsciiDigits } from "./digits.ts";

const DIGITS = 6;

/** What the code is for: the same code for another purpose has another HMAC. */
export interface CodePlace {
  /** E.164. */
  phone: string;
  purpose: string;
}

/** Six digits from the system's secure random numbers, with leading zeros. */
export function newCode(): string {
  return String(randomInt(10 ** DIGITS)).padStart(DIGITS, "0");
}

/** What keyboards and messages put between digits: blanks, hyphens, direction marks. */
const BETWEEN = /[\s\p{Z}\p{Cf}\p{Pd}]/gu;

/** Reads a code as a person typed it, with the digits of any script; undefined if it is no code. */
export function readCode(typed: string): string | undefined {
  const characters = [...typed.replaceAll(BETWEEN, "")];
  if (characters.length !== DIGITS || !characters.every(isDigit)) return undefined;
  return withAsciiDigits(characters.join(""));
}

/** The HMAC-SHA-256 that the database stores instead of the code, in hex, under the key with this id. */
export function macOf(peppers: Keyring, keyId: string, code: string, { phone, purpose }: CodePlace): string {
  const key = peppers.key(keyId);
  if (key === undefined) throw new Error(`The pepper ${keyId} is not configured`);
  return createHmac("sha256", key).update(`tessera otp 1\n${purpose}\n${phone}\n${code}`).digest("hex");
}

/** The HMAC under each pepper, by its id: only the database knows which one the code was issued with. */
export function macsOf(peppers: Keyring, code: string, place: CodePlace): Record<string, string> {
  return Object.fromEntries(peppers.ids.map((id) => [id, macOf(peppers, id, code, place)]));
}
