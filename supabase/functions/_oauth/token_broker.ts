import { AppError } from "../_shared/errors.ts";
import { leftAlone, storeUnavailable, translate } from "./broker_errors.ts";
import { Circuit } from "./circuit.ts";
import { Coalescer } from "./coalescer.ts";
import { report } from "./events.ts";
import type { Claimed, Leases, NotClaimed, Outcome } from "./leases.ts";
import { ProviderFailure } from "./provider_failure.ts";
import { digest, keyOf, leaseKeyOf, type TokenOwner } from "./token_owner.ts";
import {
  type AccessToken,
  asAccessToken,
  authorizationRequired,
  freshnessOf,
  type TokenRecord,
} from "./token_record.ts";
import { StoreError, type TokenStore } from "./token_store.ts";
import type { Granted, Upstream } from "./upstream.ts";

export interface TokenRequest extends TokenOwner {
  /** A token that the API has refused: another one is given, renewed if need be. */
  rejected?: string;
}

export interface Revocation {
  /** Whether there was a token in the store. */
  was_stored: boolean;
  /** What the provider did: `impossible` where it has no revocation endpoint. */
  upstream: "revoked" | "failed" | "impossible" | "nothing_to_revoke";
}

export interface BrokerParts {
  store: TokenStore;
  leases: Leases;
  upstream: Upstream;
  /** Whose tokens a process may keep in its memory while something cannot be reached. */
  memoryFallback: "none" | "app" | "all";
  providerTimeoutMs: number;
}

/** How much longer than the provider's answer a lease lasts: for what is written after it. */
const LEASE_MARGIN_MS = 5_000;
/** Whoever waits for another one's renewal looks again after about a sixteenth of the time so far. */
const POLL_SHARE = 1 / 16;
const SHORTEST_POLL_MS = 10;
const LONGEST_POLL_MS = 100;
const STORE_ATTEMPTS = 8;
const STORE_PAUSE_MS = 500;

/**
 * Gives out access tokens and renews them: once for all callers of all processes. The store says what there is, the lease
 * who may change it and what is revoked. A refresh token leaves this class for its provider alone.
 */
export class TokenBroker {
  readonly #store: TokenStore;
  readonly #leases: Leases;
  readonly #upstream: Upstream;
  readonly #memoryFallback: BrokerParts["memoryFallback"];
  readonly #providerTimeoutMs: number;
  readonly #coalescer = new Coalescer();
  /** The app's own tokens that were got while the leases could not be reached. */
  readonly #alone = new Map<string, TokenRecord>();
  readonly #aloneCircuits = new Map<string, Circuit>();
  /** Revocations that the leases have not heard of. */
  readonly #unheard = new Set<string>();

  constructor(parts: BrokerParts) {
    this.#store = parts.store;
    this.#leases = parts.leases;
    this.#upstream = parts.upstream;
    this.#memoryFallback = parts.memoryFallback;
    this.#providerTimeoutMs = parts.providerTimeoutMs;
  }

  /**
   * A token that is good now. Throws `authorization_required`, `provider_error`, `provider_timeout`, and
   * `service_unavailable` with Retry-After while the provider is left alone or the store cannot be reached.
   */
  getAccessToken(request: TokenRequest): Promise<AccessToken> {
    const rejected = request.rejected === undefined ? "" : digest(request.rejected);
    const work = (decide: () => void) => this.#get(request, decide).catch(translate);
    return this.#coalescer.run(`${keyOf(request)}\n${rejected}`, work);
  }

  /**
   * Stores what a user has just authorized, in place of what was there: `grant` is called under a lease. Throws what
   * `grant` throws, and `authorization_required` when the access was revoked meanwhile.
   */
  async authorize(owner: TokenOwner, grant: () => Promise<Granted>): Promise<AccessToken> {
    const lease = leaseKeyOf(owner);
    try {
      const claim = await this.#leases.claim(lease, { leaseMs: this.#leaseMs, isForced: true });
      if (!claim.claimed) throw new AppError("service_unavailable", "The token is being renewed just now");
      const granted = await grant().catch(async (error) => {
        await this.#leases.finish(lease, claim, "unneeded");
        throw error;
      });
      const record = await this.#keep(owner, claim, granted, undefined);
      if (record === undefined) throw authorizationRequired(owner.provider.name);
      return asAccessToken(record);
    } catch (error) {
      return translate(error);
    }
  }

  /**
   * Ends a token here in any case, and at the provider where that is possible. From then on no process serves it. Throws
   * `service_unavailable` when that cannot be recorded: this process serves it no more all the same, and records it later.
   */
  async revoke(owner: TokenOwner): Promise<Revocation> {
    const key = keyOf(owner);
    const record = await this.#read(key).catch(() => undefined);
    this.#alone.delete(key);
    let fence: number;
    try {
      fence = await this.#leases.revoke(key);
    } catch (error) {
      this.#unheard.add(key);
      throw error;
    }
    await this.#bury(key, fence);
    if (record === undefined) return { was_stored: false, upstream: "nothing_to_revoke" };
    return { was_stored: true, upstream: await this.#revokeUpstream(owner, record) };
  }

  async #get(request: TokenRequest, decide: () => void): Promise<AccessToken> {
    const { provider } = request;
    const lease = leaseKeyOf(request);
    const startMs = performance.now();
    for (;;) {
      decide();
      const [state, record] = await Promise.all([
        this.#leases.read(lease).catch((error) => error as Error),
        this.#read(lease.key),
      ]);
      if (state instanceof Error) return await this.#getAlone(request, state);
      if (this.#alone.size > 0) this.#alone.clear();
      if (this.#unheard.size > 0) {
        if (await this.#tellUnheard()) continue;
        if (this.#unheard.has(lease.key)) throw storeUnavailable();
      }
      const freshness = freshnessOf(record, { ...state, rejected: request.rejected });
      if (freshness === "fresh") return asAccessToken(record!);
      const good = freshness === "ending" ? asAccessToken(record!) : undefined;
      if (!canRenew(request, record, state.revoked_fence)) {
        if (good) return good;
        throw this.#missing(request);
      }
      if (state.retry_after_ms > 0) {
        if (good) return good;
        throw leftAlone(provider.name, state.retry_after_ms);
      }
      decide();
      const claim = await this.#leases.claim(lease, { leaseMs: this.#leaseMs });
      if (claim.claimed) {
        const renewed = await this.#renew(request, claim, record, decide);
        if (renewed) return asAccessToken(renewed);
      } else {
        if (good) return good;
        await this.#wait(provider.name, claim, performance.now() - startMs);
      }
    }
  }

  /** Until another one has renewed the token, or may be replaced. */
  async #wait(provider: string, claim: NotClaimed, waitedMs: number): Promise<void> {
    if (claim.reason === "left_alone") throw leftAlone(provider, claim.wait_ms);
    if (waitedMs > this.#providerTimeoutMs + this.#leaseMs) throw new ProviderFailure(provider, "timeout");
    const pollMs = Math.min(LONGEST_POLL_MS, Math.max(SHORTEST_POLL_MS, waitedMs * POLL_SHARE));
    await delay(Math.min(claim.wait_ms + 1, pollMs * (0.5 + Math.random())));
  }

  /** Renews under a lease. Undefined when another version is to be looked at. */
  async #renew(
    request: TokenRequest,
    claim: Claimed,
    seen: TokenRecord | undefined,
    decide: () => void,
  ): Promise<TokenRecord | undefined> {
    const lease = leaseKeyOf(request);
    const finish = (outcome: Outcome, failure?: ProviderFailure) =>
      this.#leases.finish(lease, claim, outcome, failure);
    let record: TokenRecord | undefined;
    try {
      // Another one may have renewed it before this lease was given, unless the lease before is the one that wrote it.
      record = (seen?.fence ?? 0) === claim.fence - 1 ? seen : await this.#read(lease.key);
      const freshness = freshnessOf(record, { ...claim, rejected: request.rejected });
      if (freshness === "fresh") {
        await finish("unneeded");
        return record;
      }
      if (!canRenew(request, record, claim.revoked_fence)) throw this.#missing(request);
      // What could not be kept must not be fetched: a refresh token is good once.
      if (!this.#mayUseMemory(request) && this.#store.health().state === "degraded") throw storeUnavailable();
    } catch (error) {
      await finish("unneeded").catch(() => {});
      throw error;
    }
    let granted: Granted;
    try {
      granted = request.subject === undefined
        ? await this.#upstream.clientCredentials(request.provider)
        : await this.#upstream.refresh(request.provider, record!.refresh_token!);
    } catch (error) {
      if (!(error instanceof ProviderFailure)) throw error;
      if (error.kind === "invalid_grant" && request.subject !== undefined) {
        return await this.#ended(request, claim, record!);
      }
      report({
        event: "provider_failed",
        of: request.provider.name,
        count: claim.failure_count + 1,
        cause: error,
      });
      await finish("failed", error);
      const isGood = freshnessOf(record, { ...claim, rejected: request.rejected }) !== "gone";
      if (isGood) return record;
      throw error;
    }
    return await this.#keep(request, claim, granted, record, decide);
  }

  /** Stores a new version, and returns it when it may be served. */
  async #keep(
    owner: TokenOwner,
    claim: Claimed,
    granted: Granted,
    before: TokenRecord | undefined,
    decide: () => void = () => {},
  ): Promise<TokenRecord | undefined> {
    const lease = leaseKeyOf(owner);
    const lifetimeMs = granted.expires_in === undefined ? null : granted.expires_in * 1_000;
    const record: TokenRecord = {
      access_token: granted.access_token,
      token_type: granted.token_type,
      scope: granted.scope ?? before?.scope,
      // From before it was asked for, so that it never counts as good for longer than it is.
      expires_at_ms: lifetimeMs === null ? null : claim.now_ms + lifetimeMs,
      lifetime_ms: lifetimeMs,
      refresh_token: owner.subject === undefined ? undefined : granted.refresh_token ?? before?.refresh_token,
      fence: claim.fence,
    };
    const isStored = await this.#write(lease.key, record, ttlOf(owner, record));
    decide();
    const isAccepted = await this.#leases.finish(lease, claim, "succeeded") && isStored;
    if (isAccepted) return record;
    report({ event: "late_token_refused", of: owner.provider.name });
    const { revoked_fence } = await this.#leases.read(lease);
    // A token that another version has overtaken may share its grant; one that was revoked must end there too.
    if (claim.fence <= revoked_fence) {
      await this.#bury(lease.key, revoked_fence);
      await this.#revokeUpstream(owner, record);
    }
    return undefined;
  }

  /** The provider knows the refresh token no more: another one has used it, or the grant has ended. */
  async #ended(owner: TokenOwner, claim: Claimed, used: TokenRecord): Promise<undefined> {
    const lease = leaseKeyOf(owner);
    const now = await this.#read(lease.key);
    if (now !== undefined && now.refresh_token !== used.refresh_token) {
      await this.#leases.finish(lease, claim, "unneeded");
      return undefined;
    }
    const isNewest = await this.#leases.finish(lease, claim, "ended");
    if (!isNewest) return undefined; // The user has authorized anew meanwhile.
    await this.#bury(lease.key, claim.fence);
    report({ event: "authorization_ended", of: owner.provider.name });
    throw authorizationRequired(owner.provider.name);
  }

  /** The app's own tokens need no lease: the worst is a request too many. Users' refresh tokens do. */
  async #getAlone({ provider, subject, rejected }: TokenRequest, failure: Error): Promise<AccessToken> {
    if (subject !== undefined || this.#memoryFallback === "none") throw failure;
    const key = keyOf({ provider });
    const known = this.#alone.get(key);
    const freshness = freshnessOf(known, { now_ms: Date.now(), revoked_fence: 0, rejected });
    if (freshness === "fresh") return asAccessToken(known!);
    const circuit = this.#aloneCircuits.get(key) ?? new Circuit();
    this.#aloneCircuits.set(key, circuit);
    if (circuit.isOpen) throw leftAlone(provider.name, 1_000);
    const startMs = Date.now();
    const granted = await this.#upstream.clientCredentials(provider).catch((error) => {
      circuit.failed();
      throw error;
    });
    circuit.succeeded();
    const lifetimeMs = granted.expires_in === undefined ? null : granted.expires_in * 1_000;
    const record: TokenRecord = {
      access_token: granted.access_token,
      token_type: granted.token_type,
      scope: granted.scope,
      expires_at_ms: lifetimeMs === null ? null : startMs + lifetimeMs,
      lifetime_ms: lifetimeMs,
      fence: 1,
    };
    this.#alone.set(key, record);
    return asAccessToken(record);
  }

  /** Records revocations that could not be recorded when they were asked for; tells whether all are. */
  async #tellUnheard(): Promise<boolean> {
    for (const key of this.#unheard) {
      const fence = await this.#leases.revoke(key).catch(() => undefined);
      if (fence === undefined) return false;
      await this.#bury(key, fence);
      this.#unheard.delete(key);
    }
    return true;
  }

  async #read(key: string): Promise<TokenRecord | undefined> {
    const text: string | undefined = await this.#store.get(key) as string | undefined;
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** A new version that is lost may be the only one: tried again while the lease lasts. */
  async #write(key: string, record: TokenRecord, ttlMs: number | undefined): Promise<boolean> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#store.setIfNewer(key, JSON.stringify(record), { ttlMs, fence: record.fence });
      } catch (error) {
        if (attempt === STORE_ATTEMPTS || !(error instanceof StoreError)) throw error;
        await delay(STORE_PAUSE_MS);
      }
    }
  }

  /** What cannot be buried now is in the store's journal, and its fence is revoked in any case. */
  async #bury(key: string, fence: number): Promise<void> {
    await this.#store.bury(key, fence).catch((error) => {
      if (!(error instanceof StoreError)) throw error;
    });
  }

  async #revokeUpstream(
    { provider }: TokenOwner,
    { access_token, refresh_token }: TokenRecord,
  ): Promise<Revocation["upstream"]> {
    const tokens = [
      ...refresh_token === undefined ? [] : [{ token: refresh_token, hint: "refresh_token" }],
      { token: access_token, hint: "access_token" },
    ];
    try {
      return await this.#upstream.revoke(provider, tokens) ? "revoked" : "impossible";
    } catch (error) {
      report({ event: "provider_failed", of: provider.name, cause: error });
      return "failed";
    }
  }

  /** A store that cannot be reached does not say that nothing is there. */
  #missing({ provider }: TokenOwner): Error {
    return this.#store.health().state === "degraded"
      ? storeUnavailable()
      : authorizationRequired(provider.name);
  }

  #mayUseMemory({ subject }: TokenOwner): boolean {
    return this.#memoryFallback === "all" || (this.#memoryFallback === "app" && subject === undefined);
  }

  get #leaseMs(): number {
    return this.#providerTimeoutMs + LEASE_MARGIN_MS;
  }
}

function canRenew(
  { subject }: TokenOwner,
  record: TokenRecord | undefined,
  revokedFence: number,
): boolean {
  if (subject === undefined) return true;
  return record?.refresh_token !== undefined && record.fence > revokedFence;
}

/** An access token alone is of no use after its end; a refresh token is for as long as the provider says. */
function ttlOf({ provider }: TokenOwner, record: TokenRecord): number | undefined {
  if (record.refresh_token === undefined) return record.lifetime_ms ?? undefined;
  const days = provider.settings.refresh_token_days;
  return days === undefined ? undefined : days * 24 * 3_600_000;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
