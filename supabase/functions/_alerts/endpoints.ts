import { randomBytes } from "node:crypto";
import { z } from "zod";

import { isUnderOldKey, open, seal } from "../_shared/security/envelope.ts";
import type { Keyring } from "../_shared/security/keyring.ts";

/** The secrets of an endpoint, which the database must not see: a URL may be a password, as with chat services. */
const Secrets = z.object({
  url: z.string(),
  /** As Standard Webhooks writes them: `whsec_` and base64. */
  secret: z.string(),
  previous_secret: z.string().optional(),
});

export type EndpointSecrets = z.infer<typeof Secrets>;

const SECRET_BYTES = 32;

/** A new random signing secret. */
export function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
}

/** Encrypts the secrets, bound to their row. */
export function sealEndpoint(
  keyring: Keyring,
  endpointId: string,
  secrets: EndpointSecrets,
): Promise<string> {
  return seal(keyring, JSON.stringify(secrets), placeOf(endpointId));
}

/** Throws EnvelopeError if it was altered, belongs to another row, or the key is missing. */
export async function openEndpoint(
  keyring: Keyring,
  endpointId: string,
  sealed: string,
): Promise<EndpointSecrets> {
  return Secrets.parse(JSON.parse(await open(keyring, sealed, placeOf(endpointId))));
}

/** Re-encrypts under the active key; undefined if it is under that key already. */
export async function resealed(
  keyring: Keyring,
  endpointId: string,
  sealed: string,
): Promise<string | undefined> {
  if (!isUnderOldKey(keyring, sealed)) return undefined;
  return await sealEndpoint(keyring, endpointId, await openEndpoint(keyring, endpointId, sealed));
}

function placeOf(endpointId: string): string {
  return `alert_endpoints/${endpointId}`;
}
