import { createHash } from "node:crypto";

import type { LeaseKey } from "./leases.ts";
import type { Provider } from "./provider.ts";

/** The owner of a token: a user, or without a subject the app itself (client credentials). */
export interface TokenOwner {
  provider: Provider;
  subject?: string;
}

const APP = "oauth-app";
const USER = "oauth-user";

/** The key of a token in the store; the namespace shows whether it is a user's. */
export function keyOf({ provider, subject }: TokenOwner): string {
  const digested = digest(JSON.stringify([provider.name, subject ?? null]));
  return `${subject === undefined ? APP : USER}:${digested}`;
}

/** Whether a key of the store is that of a user's token. */
export function isUserKey(key: string): boolean {
  return !key.startsWith(`${APP}:`);
}

/** The lease of a token. */
export function leaseKeyOf(owner: TokenOwner): LeaseKey {
  return { key: keyOf(owner), provider: owner.provider.name };
}

/** A digest of what must not be stored itself. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
