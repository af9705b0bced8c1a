import type { Configuration, CustomFetch, ServerMetadata } from "openid-client";

import { endingWith } from "../_shared/aborting.ts";
import { isSafeProviderUrl, type ProviderSettings } from "../_shared/oauth_settings.ts";
import { asProviderFailure, ProviderFailure } from "./provider_failure.ts";

type Client = typeof import("openid-client");

/** A provider by its name in OAUTH_PROVIDERS. */
export interface Provider {
  name: string;
  settings: ProviderSettings;
}

/** What a provider gave. */
export interface Granted {
  access_token: string;
  token_type: string;
  expires_in?: number;
  scope?: string;
  refresh_token?: string;
}

/** What only the server knows of an authorization under way. */
export interface Secrets {
  state: string;
  verifier: string;
  nonce: string;
}

/** Endpoints of a provider are looked up again after this time. */
const METADATA_MS = 3_600_000;

/** Speaks OAuth 2.1 with providers. Every failure is a ProviderFailure; every operation ends after the timeout. */
export class Upstream {
  readonly #timeoutMs: number;
  readonly #metadata = new Map<string, { metadata: ServerMetadata; untilMs: number }>();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** A token of the app itself (RFC 6749, 4.4). */
  clientCredentials(provider: Provider): Promise<Granted> {
    const { scope, token_parameters } = provider.settings;
    return this.#with(provider, (client, configuration) =>
      client.clientCredentialsGrant(configuration, {
        ...token_parameters,
        ...scope === undefined ? {} : { scope },
      }));
  }

  /** A new token of a user (RFC 6749, 6). */
  refresh(provider: Provider, refreshToken: string): Promise<Granted> {
    return this.#with(
      provider,
      (client, configuration) =>
        client.refreshTokenGrant(configuration, refreshToken, provider.settings.token_parameters),
    );
  }

  /** Where a user authorizes, with PKCE (RFC 7636), and what must be kept until the answer comes. */
  authorize(provider: Provider, redirectUri: string): Promise<{ url: string; secrets: Secrets }> {
    const { user_scope, scope, authorize_parameters } = provider.settings;
    const asked = user_scope ?? scope;
    return this.#with(provider, async (client, configuration) => {
      const secrets = {
        state: client.randomState(),
        verifier: client.randomPKCECodeVerifier(),
        nonce: client.randomNonce(),
      };
      const url = client.buildAuthorizationUrl(configuration, {
        ...authorize_parameters,
        ...asked === undefined ? {} : { scope: asked },
        ...isOpenId(asked) ? { nonce: secrets.nonce } : {},
        redirect_uri: redirectUri,
        state: secrets.state,
        code_challenge: await client.calculatePKCECodeChallenge(secrets.verifier),
        code_challenge_method: "S256",
      });
      if (!isSafeProviderUrl(url)) throw new ProviderFailure(provider.name, "unsafe_endpoint");
      return { url: url.href, secrets };
    });
  }

  /** Exchanges the answer, as it came to the redirect URI, for tokens. */
  exchange(provider: Provider, answer: URL, { state, verifier, nonce }: Secrets): Promise<Granted> {
    const { user_scope, scope, token_parameters } = provider.settings;
    const checks = {
      expectedState: state,
      pkceCodeVerifier: verifier,
      ...isOpenId(user_scope ?? scope) ? { expectedNonce: nonce, idTokenExpected: true } : {},
    };
    return this.#with(
      provider,
      (client, configuration) =>
        client.authorizationCodeGrant(configuration, answer, checks, token_parameters),
    );
  }

  /** Revokes tokens (RFC 7009), and tells whether the provider can. */
  revoke(provider: Provider, tokens: { token: string; hint: string }[]): Promise<boolean> {
    return this.#with(provider, async (client, configuration) => {
      if (!configuration.serverMetadata().revocation_endpoint) return false;
      for (const { token, hint } of tokens) {
        await client.tokenRevocation(configuration, token, { token_type_hint: hint });
      }
      return true;
    });
  }

  /** Opens a configuration of its own for one operation, whose requests all end with it. */
  async #with<Result>(
    provider: Provider,
    operation: (client: Client, configuration: Configuration) => Promise<Result>,
  ): Promise<Result> {
    try {
      const client = await import("openid-client");
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const metadata = await this.#metadataOf(client, provider, signal);
      const { client_id } = provider.settings;
      const configuration = new client.Configuration(
        metadata,
        client_id,
        undefined,
        authentication(client, provider),
      );
      configuration[client.customFetch] = guardedFetch(provider, signal);
      if (isPlain(provider)) client.allowInsecureRequests(configuration);
      return await operation(client, configuration);
    } catch (error) {
      throw asProviderFailure(provider.name, error);
    }
  }

  async #metadataOf(client: Client, provider: Provider, signal: AbortSignal): Promise<ServerMetadata> {
    const known = this.#metadata.get(provider.name);
    if (known && known.untilMs > performance.now()) return known.metadata;
    const { settings } = provider;
    const named = Object.fromEntries(
      (["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"] as const)
        .flatMap((name) => settings[name] === undefined ? [] : [[name, settings[name]]]),
    );
    const discovered = settings.discovery === "none"
      ? { issuer: settings.issuer }
      : await discover(client, provider, signal);
    const metadata = { ...discovered, ...named };
    this.#metadata.set(provider.name, { metadata, untilMs: performance.now() + METADATA_MS });
    return metadata;
  }
}

async function discover(client: Client, provider: Provider, signal: AbortSignal): Promise<ServerMetadata> {
  const { issuer, client_id, discovery } = provider.settings;
  const configuration = await client.discovery(new URL(issuer), client_id, undefined, client.None(), {
    algorithm: discovery === "oauth" ? "oauth2" : "oidc",
    [client.customFetch]: guardedFetch(provider, signal),
    execute: isPlain(provider) ? [client.allowInsecureRequests] : [],
  });
  const { supportsPKCE: _method, ...metadata } = configuration.serverMetadata();
  return metadata;
}

function authentication(client: Client, { settings }: Provider) {
  const { client_secret, client_authentication = client_secret ? "basic" : "none" } = settings;
  if (client_authentication === "none") return client.None();
  return client_authentication === "post"
    ? client.ClientSecretPost(client_secret)
    : client.ClientSecretBasic(client_secret);
}

/** Endpoints that a provider names of itself must be as safe as those of the configuration. */
function guardedFetch({ name, settings }: Provider, signal: AbortSignal): CustomFetch {
  return async (address, { body, ...options }) => {
    const url = new URL(address);
    const isPlainAllowed = new URL(settings.issuer).protocol === "http:";
    if (!isSafeProviderUrl(url) || (url.protocol === "http:" && !isPlainAllowed)) {
      throw new ProviderFailure(name, "unsafe_endpoint");
    }
    const init = { ...options, body: body as BodyInit | undefined, redirect: "manual", signal } as const;
    return endingWith(await fetch(url, init), signal);
  };
}

/** Plain HTTP, which the settings allow on a loopback address alone. */
function isPlain({ settings }: Provider): boolean {
  return new URL(settings.token_endpoint ?? settings.issuer).protocol === "http:";
}

function isOpenId(scope: string | undefined): boolean {
  return scope?.split(" ").includes("openid") ?? false;
}
