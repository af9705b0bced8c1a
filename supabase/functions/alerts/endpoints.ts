import { misconfigured } from "../_shared/platform/env.ts";
import { encryptionSettings } from "../_shared/security/settings.ts";
import { AppError } from "../_shared/platform/errors.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { callDatabase } from "../_shared/database/rpc.ts";

export interface StoredEndpoint {
  endpoint_id: string;
  sealed: string;
}

/** The receivers of alerts, as the database has them. */
export async function readEndpoints(): Promise<StoredEndpoint[]> {
  return await callDatabase("list_alert_endpoints", {}) as unknown as StoredEndpoint[];
}

/** The keys that seal addresses and signing secrets. */
export function activeKeyring(): Keyring {
  const { TOKEN_ENCRYPTION_KEYS } = encryptionSettings();
  if (TOKEN_ENCRYPTION_KEYS) return TOKEN_ENCRYPTION_KEYS;
  throw misconfigured(
    "Alerts need TOKEN_ENCRYPTION_KEYS: addresses and signing secrets are stored encrypted",
  );
}

export function noEndpoint(): AppError {
  return new AppError("not_found", "There is no endpoint with this endpoint_id");
}
