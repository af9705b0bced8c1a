import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { createClient } from "@redis/client";

const BATCH = 1_000;
/** About the length of a broker's JWT. */
const CLAIMS = { iss: "https://broker.example", aud: "api", roles: "x".repeat(430) };

/** Writes the tokens in a range of numbers, of about 800 characters each, with new values. */
export async function setTokens(url: string, from: number, to: number): Promise<void> {
  const client = createClient({ url });
  await client.connect();
  for (let at = from; at < to; at += BATCH) {
    const pairs: string[] = [];
    for (let number = at; number < Math.min(to, at + BATCH); number++) {
      pairs.push(keyOf(number), newToken(number));
    }
    await client.sendCommand(["MSET", ...pairs]);
  }
  client.destroy();
}

/** Twenty sub-accounts per main account. */
export function accountOf(number: number): string {
  return `PAAPEX${100_000 + Math.floor(number / 20)}${String(number).padStart(7, "0")}`;
}

function keyOf(number: number): string {
  return `token:${accountOf(number)}`;
}

/** A unique JWT, valid for a day. */
export function newToken(number: number): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = { ...CLAIMS, sub: number, exp: Math.floor(Date.now() / 1_000) + 86_400 };
  return `${encode({ alg: "RS256" })}.${encode(claims)}.${randomBytes(64).toString("base64url")}`;
}
