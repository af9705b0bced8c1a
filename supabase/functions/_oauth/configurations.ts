import type { Configuration, CustomFetch } from "openid-client";

import type { ProviderSettings } from "./setting_texts.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { asProviderFailure, ProviderFailure } from "./provider_failure.ts";
import type { Provider } from "./provider.ts";

/** The OAuth library. */
export type Client = typeof import("openid-client");

/** A provider's metadata, as JSON. */
type Document = Record<string, unknown>;

/** A provider's metadata is fetched again after this time. */
const DOCUMENT_MS = 3_600_000;

/** The library's configurations of the providers. */
export class Configurations {
  readonly #documents = new Map<string, { document: Document; untilMs: number }>();

  /**
   * A separate configuration for one operation. A failure here happens before any token is involved, so it is the
   * provider's and concerns all callers.
   */
  async open(client: Client, provider: Provider, signal: AbortSignal): Promise<Configuration> {
    try {
      return await (provider.settings.discovery === "none"
        ? named(client, provider)
        : this.#discovered(client, provider, signal));
    } catch (error) {
      const { kind, details } = asProviderFailure(provider.name, error);
      throw new ProviderFailure(provider.name, kind, { ...details, isBeforeToken: true });
    }
  }

  /**
   * The library parses the document for each operation, fetched or from this cache: it applies rules for some issuers
   * (Entra ID and B2C) while parsing.
   */
  async #discovered(client: Client, provider: Provider, signal: AbortSignal): Promise<Configuration> {
    const { issuer, client_id, discovery } = provider.settings;
    const known = this.#documents.get(provider.name);
    let document = known && known.untilMs > performance.now() ? known.document : undefined;
    const isNew = document === undefined;
    const ask = guardedFetch(provider, signal);
    const serve: CustomFetch = async (address, options) => {
      if (document === undefined) {
        const response = await ask(address, options);
        if (response.status !== 200) return response;
        document = await response.json() as Document;
      }
      return Response.json({ ...document, ...endpointsOf(provider.settings) });
    };
    const configuration = await client.discovery(
      new URL(issuer),
      client_id,
      undefined,
      authentication(client, provider),
      {
        algorithm: discovery === "oauth" ? "oauth2" : "oidc",
        [client.customFetch]: serve,
        execute: isPlain(provider) ? [client.allowInsecureRequests] : [],
      },
    );
    if (isNew && document !== undefined) {
      this.#documents.set(provider.name, { document, untilMs: performance.now() + DOCUMENT_MS });
    }
    return configuration;
  }
}

function named(client: Client, provider: Provider): Configuration {
  const { settings } = provider;
  const configuration = new client.Configuration(
    { issuer: settings.issuer, ...endpointsOf(settings) },
    settings.client_id,
    undefined,
    authentication(client, provider),
  );
  if (isPlain(provider)) client.allowInsecureRequests(configuration);
  return configuration;
}

/** The endpoints in the settings. */
function endpointsOf(settings: ProviderSettings): Record<string, string> {
  return Object.fromEntries(
    (["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"] as const)
      .flatMap((name) => settings[name] === undefined ? [] : [[name, settings[name]]]),
  );
}

function authentication(client: Client, { settings }: Provider) {
  const { client_secret, client_authentication = client_secret ? "basic" : "none" } = settings;
  if (client_authentication === "none") return client.None();
  return client_authentication === "post"
    ? client.ClientSecretPost(client_secret)
    : client.ClientSecretBasic(client_secret);
}

/** Plain HTTP, which the settings allow only on a loopback address. */
function isPlain({ settings }: Provider): boolean {
  return new URL(settings.token_endpoint ?? settings.issuer).protocol === "http:";
}
