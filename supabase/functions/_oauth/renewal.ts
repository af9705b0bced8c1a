import { storeUnavailable } from "./broker_errors.ts";
import { report } from "./events.ts";
import type { Claimed, Leases, Outcome } from "./leases.ts";
import type { Granted } from "./provider.ts";
import { ProviderFailure } from "./provider_failure.ts";
import type { Records } from "./records.ts";
import { leaseKeyOf, type TokenOwner } from "./token_owner.ts";
import { authorizationRequired, freshnessOf, recordOf, type TokenRecord } from "./token_record.ts";
import type { Upstream } from "./upstream.ts";

export interface RenewalParts {
  records: Records;
  leases: Leases;
  upstream: Upstream;
  /** Whether an owner's tokens may be kept in memory while the store cannot be reached. */
  mayUseMemory(owner: TokenOwner): boolean;
}

/** The token to renew. */
export interface RenewalRequest extends TokenOwner {
  /** A token that the API has refused. */
  rejected?: string;
}

/** The outcome of a revocation at the provider. */
export type UpstreamRevocation = "revoked" | "failed" | "impossible";

/** Gets new versions of tokens from their providers, each under a lease. */
export class Renewal {
  readonly #records: Records;
  readonly #leases: Leases;
  readonly #upstream: Upstream;
  readonly #mayUseMemory: RenewalParts["mayUseMemory"];

  constructor(parts: RenewalParts) {
    this.#records = parts.records;
    this.#leases = parts.leases;
    this.#upstream = parts.upstream;
    this.#mayUseMemory = parts.mayUseMemory;
  }

  /**
   * Renews under a lease. `seen` is the outdated version; `decide` is called right before the state is read.
   * Undefined if the caller must read the stored version again.
   */
  async renew(
    request: RenewalRequest,
    claim: Claimed,
    seen: TokenRecord | undefined,
    decide: () => void,
  ): Promise<TokenRecord | undefined> {
    const lease = leaseKeyOf(request);
    let record: TokenRecord | undefined;
    try {
      // Another process may have renewed it before this lease was claimed, unless the version was written under the
      // lease right before.
      record = (seen?.fence ?? 0) === claim.fence - 1 ? seen : await this.#records.read(lease.key);
      const freshness = freshnessOf(record, { ...claim, rejected: request.rejected });
      if (freshness === "fresh") {
        await this.#leases.finish(lease, claim, "unneeded");
        return record;
      }
      if (!canRenew(request, record, claim.revoked_fence)) throw this.missing(request);
      // Do not refresh if the result cannot be stored: refresh tokens are single-use.
      if (!this.#mayUseMemory(request) && this.#records.health().state === "degraded") {
        throw storeUnavailable();
      }
    } catch (error) {
      await this.#leases.finish(lease, claim, "unneeded").catch(() => {});
      throw error;
    }
    let granted: Granted;
    try {
      granted = request.subject === undefined
        ? await this.#upstream.clientCredentials(request.provider)
        : await this.#upstream.refresh(request.provider, record!.refresh_token!);
    } catch (error) {
      if (!(error instanceof ProviderFailure)) throw error;
      return await this.#failed(request, claim, record, error);
    }
    return await this.keep(request, claim, granted, { before: record, decide });
  }

  /** Stores a new version, and returns it when it may be served. */
  async keep(
    owner: TokenOwner,
    claim: Claimed,
    granted: Granted,
    { before, callback, decide = () => {} }: {
      before?: TokenRecord;
      /** The provider's parameters from the browser that brought the code. */
      callback?: Record<string, string>;
      decide?: () => void;
    },
  ): Promise<TokenRecord | undefined> {
    const lease = leaseKeyOf(owner);
    // The time before the request, so that the token never counts as valid for too long.
    const { now_ms, fence } = claim;
    const record = recordOf(granted, {
      now_ms,
      fence,
      isUsers: owner.subject !== undefined,
      before,
      callback,
    });
    const ttlMs = ttlOf(owner, record);
    const isStored = await this.#records.write(lease.key, record, ttlMs);
    decide();
    const grant = owner.subject === undefined ? undefined : {
      subject: owner.subject,
      scope: record.scope ?? null,
      is_new: before === undefined,
      lifetime_ms: record.lifetime_ms,
      kept_ms: ttlMs ?? null,
    };
    const isAccepted = await this.#leases.finish(lease, claim, "succeeded", { grant }) && isStored;
    if (isAccepted) return record;
    report({ event: "late_token_refused", of: owner.provider.name });
    const { revoked_fence } = await this.#leases.read(lease);
    // A token that was replaced by a newer version may share its grant; a revoked one must be revoked at the provider
    // too.
    if (claim.fence <= revoked_fence) {
      await this.#records.bury(lease.key, revoked_fence);
      await this.revokeUpstream(owner, record);
    }
    return undefined;
  }

  /** Ends a token at its provider. Never throws. */
  async revokeUpstream(
    { provider }: TokenOwner,
    { access_token, refresh_token }: TokenRecord,
  ): Promise<UpstreamRevocation> {
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

  /** An unreachable store does not mean that there is no token. */
  missing({ provider }: TokenOwner): Error {
    return this.#records.health().state === "degraded"
      ? storeUnavailable()
      : authorizationRequired(provider.name);
  }

  /** What the failure concerns decides who must wait. The version before may still be valid. */
  async #failed(
    request: RenewalRequest,
    claim: Claimed,
    record: TokenRecord | undefined,
    failure: ProviderFailure,
  ): Promise<TokenRecord | undefined> {
    const blame = failure.blame({ isAppsOwn: request.subject === undefined });
    if (blame === "grant") return await this.#ended(request, claim, record!);
    const outcome: Outcome = blame === "provider" ? "failed" : "refused";
    report({
      event: blame === "provider" ? "provider_failed" : "token_refused",
      of: request.provider.name,
      count: blame === "provider" ? claim.failure_count + 1 : undefined,
      cause: failure,
    });
    await this.#leases.finish(leaseKeyOf(request), claim, outcome, failure);
    const isGood = freshnessOf(record, { ...claim, rejected: request.rejected }) !== "gone";
    if (isGood) return record;
    throw failure;
  }

  /** The provider no longer accepts the refresh token: another process has used it, or the grant has ended. */
  async #ended(owner: TokenOwner, claim: Claimed, used: TokenRecord): Promise<undefined> {
    const lease = leaseKeyOf(owner);
    const now = await this.#records.read(lease.key);
    if (now !== undefined && now.refresh_token !== used.refresh_token) {
      await this.#leases.finish(lease, claim, "unneeded");
      return undefined;
    }
    const isNewest = await this.#leases.finish(lease, claim, "ended");
    if (!isNewest) return undefined; // The user has authorized again meanwhile.
    await this.#records.bury(lease.key, claim.fence);
    report({ event: "authorization_ended", of: owner.provider.name });
    throw authorizationRequired(owner.provider.name);
  }
}

/** Whether a renewal is possible: a user needs a refresh token that is not revoked, the app itself needs nothing. */
export function canRenew(
  { subject }: TokenOwner,
  record: TokenRecord | undefined,
  revokedFence: number,
): boolean {
  if (subject === undefined) return true;
  return record?.refresh_token !== undefined && record.fence > revokedFence;
}

/** An access token alone is useless after it expires; a refresh token is kept as long as the settings say. */
function ttlOf({ provider }: TokenOwner, record: TokenRecord): number | undefined {
  if (record.refresh_token === undefined) return record.lifetime_ms ?? undefined;
  const days = provider.settings.refresh_token_days;
  return days === undefined ? undefined : days * 24 * 3_600_000;
}
