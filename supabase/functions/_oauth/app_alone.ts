import { leftAlone } from "./broker_errors.ts";
import { Circuit } from "./circuit.ts";
import type { Provider } from "./provider.ts";
import { type AccessToken, asAccessToken, freshnessOf, recordOf, type TokenRecord } from "./token_record.ts";
import type { Upstream } from "./upstream.ts";

/**
 * The app's own tokens while the leases cannot be reached, in this process alone. They need no lease: the worst is a request
 * too many. Users' refresh tokens do.
 */
export class AppAlone {
  readonly #upstream: Upstream;
  readonly #records = new Map<string, TokenRecord>();
  readonly #circuits = new Map<string, Circuit>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** A token under this key, of a provider. Throws ProviderFailure, and `service_unavailable` while it is left alone. */
  async get(key: string, provider: Provider, rejected?: string): Promise<AccessToken> {
    const known = this.#records.get(key);
    const freshness = freshnessOf(known, { now_ms: Date.now(), revoked_fence: 0, rejected });
    if (freshness === "fresh") return asAccessToken(known!);
    const circuit = this.#circuits.get(key) ?? new Circuit();
    this.#circuits.set(key, circuit);
    if (circuit.isOpen) throw leftAlone(provider.name, 1_000);
    const now_ms = Date.now();
    const granted = await this.#upstream.clientCredentials(provider).catch((error) => {
      circuit.failed();
      throw error;
    });
    circuit.succeeded();
    const record = recordOf(granted, { now_ms, fence: 1, isUsers: false });
    this.#records.set(key, record);
    return asAccessToken(record);
  }

  forget(key: string): void {
    this.#records.delete(key);
  }

  /** The leases are back: they decide from now on. */
  forgetAll(): void {
    if (this.#records.size > 0) this.#records.clear();
  }
}
