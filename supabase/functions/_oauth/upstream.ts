import type { Configuration } from "openid-client";

import { isSafeProviderUrl } from "./setting_texts.ts";
import { type Client, Configurations } from "./configurations.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import type { Granted, Provider } from "./provider.ts";
import { asProviderFailure, ProviderFailure } from "./provider_failure.ts";

/** The server's secrets of an authorization in progress. */
export interface Secrets {
  state: string;
  verifier: string;
  nonce: string;
}

/** Calls providers with OAuth 2.1. Every failure is a ProviderFailure; every operation ends after the timeout. */
export class Upstream {
  readonly #timeoutMs: number;
  readonly #configurations = new Configurations();

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

  /** The URL where a user authorizes, with PKCE (RFC 7636), and the secrets to keep until the response. */
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

  /** Exchanges the response at the redirect URI for tokens. */
  exchange(provider: Provider, answer: URL, { state, verifier, nonce }: Secrets): Promise<Granted> {
    const { user_scope, scope, token_parameters } = provider.settings;
    const isIdTokenWanted = isOpenId(user_scope ?? scope);
    const checks = {
      expectedState: state,
      pkceCodeVerifier: verifier,
      ...isIdTokenWanted ? { expectedNonce: nonce, idTokenExpected: true } : {},
    };
    return this.#with(
      provider,
      (client, configuration) =>
        client.authorizationCodeGrant(configuration, answer, checks, token_parameters),
      { isIdTokenWanted },
    );
  }

  /** Revokes tokens (RFC 7009). Returns whether the provider supports it. */
  revoke(provider: Provider, tokens: { token: string; hint: string }[]): Promise<boolean> {
    return this.#with(provider, async (client, configuration) => {
      if (!configuration.serverMetadata().revocation_endpoint) return false;
      for (const { token, hint } of tokens) {
        await client.tokenRevocation(configuration, token, { token_type_hint: hint });
      }
      return true;
    });
  }

  /** Opens a separate configuration for one operation; its requests end with the operation. */
  async #with<Result>(
    provider: Provider,
    operation: (client: Client, configuration: Configuration) => Promise<Result>,
    { isIdTokenWanted = false } = {},
  ): Promise<Result> {
    try {
      const client = await import("openid-client");
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const configuration = await this.#configurations.open(client, provider, signal);
      configuration[client.customFetch] = guardedFetch(provider, signal, { isIdTokenWanted });
      return await operation(client, configuration);
    } catch (error) {
      throw asProviderFailure(provider.name, error);
    }
  }
}

function isOpenId(scope: string | undefined): boolean {
  return scope?.split(" ").includes("openid") ?? false;
}
