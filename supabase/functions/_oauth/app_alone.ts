import { providerInBackoff } from "./broker_errors.ts";
import { Circuit } from "./circuit.ts";
import type { Provider } from "./provider.ts";
import { type AccessToken, asAccessToken, freshnessOf, recordOf, type TokenRecord } from "./token_record.ts";
import type { Upstream } from "./upstream.ts";

/**
 * The app's own tokens in this process, while the leases cannot be reached. They need no lease: the worst result is
 * an unneeded request. Users' refresh tokens need one.
 */
export class AppAlone {
  readonly #upstream: Upstream;
  readonly #records = new Map<string, TokenRecord>();
  readonly #circuits = new Map<string, Circuit>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /**
   * A provider's token under this key. Throws ProviderFailure, and `service_unavailable` while the provider is in backoff
   * after failures.
   */
  async get(key: string, provider: Provider, rejected?: string): Promise<AccessToken> {
    const known = this.#records.get(key);
    const freshness = freshnessOf(known, { now_ms: Date.now(), revoked_fence: 0, rejected });
    if (freshness === "fresh") return asAccessToken(known!);
    const circuit = this.#circuits.get(key) ?? new Circuit();
    this.#circuits.set(key, circuit);
    if (circuit.isOpen) throw providerInBackoff(provider.name, 1_000);
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

  /** The leases are back and decide from now on. */
  forgetAll(): void {
    if (this.#records.size > 0) this.#records.clear();
  }
}
