import { misconfigured } from "../_shared/platform/env.ts";
import { encryptionSettings } from "../_shared/security/settings.ts";
import { AppError } from "../_shared/platform/errors.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { Authorizations } from "./authorizations.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { Leases } from "./leases.ts";
import { openStore } from "./open_store.ts";
import { TokenBroker } from "./token_broker.ts";
import type { AccessToken } from "./token_record.ts";
import type { TokenStore } from "./token_store.ts";
import type { Provider } from "./provider.ts";
import { Upstream } from "./upstream.ts";
import { oauthSettings } from "./settings.ts";
import { vaultSettings } from "../_vault/settings.ts";

/** The token broker of this process, created from the settings at the first use. */
export interface TokenService {
  store: TokenStore;
  leases: Leases;
  broker: TokenBroker;
  upstream: Upstream;
  authorizations: Authorizations;
}

let service: TokenService | undefined;

export function tokenService(): TokenService {
  service ??= openService();
  return service;
}

/**
 * For other functions: a valid token from a provider in OAUTH_PROVIDERS, for the user `subject`, or without it for
 * the app itself. Throws AppError: `authorization_required` when the user has to authorize first, `provider_error`,
 * `provider_timeout`, `service_unavailable`, `not_found` for a provider that is not configured.
 */
export function getAccessToken(
  { provider, subject, rejected }: { provider: string; subject?: string; rejected?: string },
): Promise<AccessToken> {
  const grant = subject === undefined ? "client_credentials" : "authorization_code";
  return tokenService().broker.getAccessToken({
    provider: providerNamed(provider, grant),
    subject,
    rejected,
  });
}

/** Revokes a user's authorizations at every provider with tokens of users. */
export async function revokeAllOf(subject: string): Promise<void> {
  for (const name of providersOfUsers()) {
    await tokenService().broker.revoke({ provider: providerNamed(name), subject });
  }
}

/** The names of the providers with tokens of users. */
export function providersOfUsers(): string[] {
  return [...oauthSettings().OAUTH_PROVIDERS].flatMap(([name, { grants }]) =>
    grants.includes("authorization_code") ? [name] : []
  );
}

/** A configured provider that supports this use. Throws `not_found`. */
export function providerNamed(
  name: string,
  grant?: "client_credentials" | "authorization_code",
): Provider {
  const settings = oauthSettings().OAUTH_PROVIDERS.get(name);
  if (settings === undefined) {
    throw new AppError("not_found", `There is no provider ${JSON.stringify(name)}`);
  }
  if (grant === undefined || settings.grants.includes(grant)) return { name, settings };
  throw new AppError(
    "not_found",
    grant === "client_credentials"
      ? `The provider ${name} has no tokens for the app itself: a subject is required`
      : `The provider ${name} has no tokens for users`,
  );
}

function openService(): TokenService {
  const settings = { ...oauthSettings(), ...vaultSettings() };
  const keyring = requireKeys(encryptionSettings().TOKEN_ENCRYPTION_KEYS);
  const store = openStore(settings, keyring);
  const leases = new Leases(callDatabase);
  const upstream = new Upstream(settings.OAUTH_PROVIDER_TIMEOUT_MS);
  const broker = new TokenBroker({
    store,
    leases,
    upstream,
    memoryFallback: settings.OAUTH_MEMORY_FALLBACK,
    providerTimeoutMs: settings.OAUTH_PROVIDER_TIMEOUT_MS,
  });
  return { store, leases, broker, upstream, authorizations: new Authorizations(callDatabase, keyring) };
}

function requireKeys(keyring: Keyring | undefined): Keyring {
  if (keyring) return keyring;
  throw misconfigured("TOKEN_ENCRYPTION_KEYS is not set: tokens are never stored without encryption");
}
