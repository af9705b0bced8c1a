import { AppError } from "../_shared/platform/errors.ts";
import { AppAlone } from "./app_alone.ts";
import { providerInBackoff, storeUnavailable, tokenInBackoff, translate } from "./broker_errors.ts";
import { Coalescer } from "./coalescer.ts";
import type { Leases, NotClaimed } from "./leases.ts";
import type { Granted } from "./provider.ts";
import { ProviderFailure } from "./provider_failure.ts";
import { Records } from "./records.ts";
import { canRenew, Renewal, type RenewalRequest, type UpstreamRevocation } from "./renewal.ts";
import { digest, keyOf, leaseKeyOf, type TokenOwner } from "./token_owner.ts";
import { type AccessToken, asAccessToken, authorizationRequired, freshnessOf } from "./token_record.ts";
import type { TokenStore } from "./token_store.ts";
import type { Upstream } from "./upstream.ts";

/** With `rejected`, a token that the API has refused, a different one is returned, renewed if necessary. */
export type TokenRequest = RenewalRequest;

export interface Revocation {
  /** Whether there was a token in the store. */
  was_stored: boolean;
  /** What the provider did: `impossible` if it has no revocation endpoint. */
  upstream: UpstreamRevocation | "nothing_to_revoke";
}

export interface BrokerParts {
  store: TokenStore;
  leases: Leases;
  upstream: Upstream;
  /** Whose tokens a process may keep in memory while store or leases cannot be reached. */
  memoryFallback: "none" | "app" | "all";
  providerTimeoutMs: number;
}

/** How much longer than the provider's timeout a lease lasts, for the writes afterwards. */
const LEASE_MARGIN_MS = 5_000;
/** A caller that waits for another's renewal checks again after about a sixteenth of the time waited so far. */
const POLL_SHARE = 1 / 16;
const SHORTEST_POLL_MS = 10;
const MAX_POLL_MS = 100;
/** How often a renewal is tried again whose result may not be served, as there may be another version. */
const MAX_RENEWALS = 4;

/**
 * Returns access tokens and renews them, once for all callers in all processes. The store has the versions; the lease
 * decides who may write and what is revoked. A refresh token is sent only to its provider.
 */
export class TokenBroker {
  readonly #records: Records;
  readonly #leases: Leases;
  readonly #renewal: Renewal;
  readonly #appAlone: AppAlone;
  readonly #memoryFallback: BrokerParts["memoryFallback"];
  readonly #providerTimeoutMs: number;
  readonly #coalescer = new Coalescer();
  /** Revocations that the leases do not have yet. */
  readonly #unrecorded = new Set<string>();

  constructor({ store, leases, upstream, memoryFallback, providerTimeoutMs }: BrokerParts) {
    this.#records = new Records(store);
    this.#leases = leases;
    const mayUseMemory = ({ subject }: TokenOwner) =>
      memoryFallback === "all" || (memoryFallback === "app" && subject === undefined);
    this.#renewal = new Renewal({ records: this.#records, leases, upstream, mayUseMemory });
    this.#appAlone = new AppAlone(upstream);
    this.#memoryFallback = memoryFallback;
    this.#providerTimeoutMs = providerTimeoutMs;
  }

  /**
   * A token that is valid now. Throws `authorization_required`, `provider_error`, `provider_timeout`, and
   * `service_unavailable` with Retry-After while the provider is in backoff or the store cannot be reached.
   */
  getAccessToken(request: TokenRequest): Promise<AccessToken> {
    const rejected = request.rejected === undefined ? "" : digest(request.rejected);
    const work = (decide: () => void) => this.#get(request, decide).catch(translate);
    return this.#coalescer.run(`${keyOf(request)}\n${rejected}`, work);
  }

  /**
   * Stores a user's new authorization and replaces the old one: `grant` is called under a lease, `callback` has the
   * provider's parameters from the user's browser. Throws what `grant` throws, and `authorization_required` when the
   * access was revoked meanwhile.
   */
  async authorize(
    owner: TokenOwner,
    grant: () => Promise<Granted>,
    callback?: Record<string, string>,
  ): Promise<AccessToken> {
    const lease = leaseKeyOf(owner);
    try {
      const claim = await this.#leases.claim(lease, { leaseMs: this.#leaseMs, isForced: true });
      if (!claim.claimed) throw new AppError("service_unavailable", "The token is being renewed just now");
      const granted = await grant().catch(async (error) => {
        await this.#leases.finish(lease, claim, "unneeded");
        throw error;
      });
      const record = await this.#renewal.keep(owner, claim, granted, { callback });
      if (record === undefined) throw authorizationRequired(owner.provider.name);
      return asAccessToken(record);
    } catch (error) {
      return translate(error);
    }
  }

  /**
   * Revokes a token here, and at the provider if possible. From then on no process serves it. Throws
   * `service_unavailable` when this cannot be recorded: this process stops serving the token anyway, and records the
   * revocation later.
   */
  async revoke(owner: TokenOwner): Promise<Revocation> {
    const key = keyOf(owner);
    const record = await this.#records.read(key).catch(() => undefined);
    this.#appAlone.forget(key);
    let fence: number;
    try {
      fence = await this.#leases.revoke(key);
    } catch (error) {
      this.#unrecorded.add(key);
      throw error;
    }
    await this.#records.bury(key, fence);
    if (record === undefined) return { was_stored: false, upstream: "nothing_to_revoke" };
    return { was_stored: true, upstream: await this.#renewal.revokeUpstream(owner, record) };
  }

  async #get(request: TokenRequest, decide: () => void): Promise<AccessToken> {
    const { provider } = request;
    const lease = leaseKeyOf(request);
    const startMs = performance.now();
    let renewalCount = 0;
    for (;;) {
      decide();
      const [state, record] = await Promise.all([
        this.#leases.read(lease).catch((error) => error as Error),
        this.#records.read(lease.key),
      ]);
      if (state instanceof Error) return await this.#getAlone(request, state);
      this.#appAlone.forgetAll();
      if (this.#unrecorded.size > 0) {
        if (await this.#recordRevocations()) continue;
        if (this.#unrecorded.has(lease.key)) throw storeUnavailable();
      }
      const freshness = freshnessOf(record, { ...state, rejected: request.rejected });
      if (freshness === "fresh") return asAccessToken(record!);
      const good = freshness === "ending" ? asAccessToken(record!) : undefined;
      if (!canRenew(request, record, state.revoked_fence)) {
        if (good) return good;
        throw this.#renewal.missing(request);
      }
      if (state.retry_after_ms > 0 || state.rest_ms > 0) {
        if (good) return good;
        if (state.retry_after_ms > 0) throw providerInBackoff(provider.name, state.retry_after_ms);
        throw tokenInBackoff(provider.name, state.rest_ms, state.last_error);
      }
      decide();
      const claim = await this.#leases.claim(lease, { leaseMs: this.#leaseMs });
      if (claim.claimed) {
        const renewed = await this.#renewal.renew(request, claim, record, decide);
        if (renewed) return asAccessToken(renewed);
        if (++renewalCount === MAX_RENEWALS) throw storeUnavailable();
      } else {
        if (good) return good;
        await this.#wait(provider.name, claim, performance.now() - startMs);
      }
    }
  }

  /** Waits until another process has renewed the token, or its lease has ended. */
  async #wait(provider: string, claim: NotClaimed, waitedMs: number): Promise<void> {
    if (claim.reason === "left_alone") throw providerInBackoff(provider, claim.wait_ms);
    if (claim.reason === "resting") throw tokenInBackoff(provider, claim.wait_ms, claim.last_error ?? null);
    if (waitedMs > this.#providerTimeoutMs + this.#leaseMs) throw new ProviderFailure(provider, "timeout");
    const pollMs = Math.min(MAX_POLL_MS, Math.max(SHORTEST_POLL_MS, waitedMs * POLL_SHARE));
    await delay(Math.min(claim.wait_ms + 1, pollMs * (0.5 + Math.random())));
  }

  async #getAlone({ provider, subject, rejected }: TokenRequest, failure: Error): Promise<AccessToken> {
    if (subject !== undefined || this.#memoryFallback === "none") throw failure;
    return await this.#appAlone.get(keyOf({ provider }), provider, rejected);
  }

  /** Records revocations that could not be recorded before. Returns whether all are recorded. */
  async #recordRevocations(): Promise<boolean> {
    for (const key of this.#unrecorded) {
      const fence = await this.#leases.revoke(key).catch(() => undefined);
      if (fence === undefined) return false;
      await this.#records.bury(key, fence);
      this.#unrecorded.delete(key);
    }
    return true;
  }

  get #leaseMs(): number {
    return this.#providerTimeoutMs + LEASE_MARGIN_MS;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
