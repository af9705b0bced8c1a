import { Buffer } from "node:buffer";
import { type CryptoKey, importJWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";

import type { Secrets } from "../../scripts/local/secrets.ts";
import { stack } from "../support/stack.ts";

/** The claims of a user's token as Auth writes them, with changes. */
export function claimsOf(userId: string, changes: Record<string, unknown> = {}): JWTPayload {
  const nowS = Math.floor(Date.now() / 1000);
  return {
    sub: userId,
    aud: "authenticated",
    iss: `${stack.url}/auth/v1`,
    role: "authenticated",
    session_id: crypto.randomUUID(),
    iat: nowS - 60,
    exp: nowS + 3600,
    ...changes,
  };
}

/** A token that the project's own key signed, header changes included: what no outsider could make. */
export async function signAsProject(
  secrets: Secrets,
  claims: JWTPayload,
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  const key = await importJWK(secrets.signingKey, "ES256") as CryptoKey;
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", kid: secrets.signingKey.kid, typ: "JWT", ...header })
    .sign(key);
}

/** A token signed with HS256 and any text as the secret. */
export function signWithText(text: string, claims: JWTPayload, kid?: string): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid, typ: "JWT" })
    .sign(new TextEncoder().encode(text));
}

/** A token with header and claims as given and any signature. */
export function unsigned(header: unknown, claims: unknown, signature = ""): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.${signature}`;
}
