import { AppError } from "../_shared/platform/errors.ts";
import type { CallDatabase, RpcArguments, RpcName } from "../_shared/database/rpc.ts";
import { Circuit } from "./circuit.ts";
import { report } from "./events.ts";

/** The state that decides whether a stored token may be served. */
export interface LeaseState {
  /** The database's time, in milliseconds since 1970. */
  now_ms: number;
  /** Everything written under this fence or a lower one is revoked. */
  revoked_fence: number;
  /** How long the provider is still not called, by any caller; 0 if it may be called. */
  retry_after_ms: number;
  /** How long only this token is in backoff, because the provider refused it; 0 if it may be renewed. */
  rest_ms: number;
  /** Why it is in backoff. */
  last_error: string | null;
}

export interface Claimed {
  claimed: true;
  fence: number;
  revoked_fence: number;
  now_ms: number;
  /** The provider's failures in a row. */
  failure_count: number;
}

export interface NotClaimed {
  claimed: false;
  /** Another caller renews the token, or the provider or this token is in backoff. */
  reason: "held" | "left_alone" | "resting";
  wait_ms: number;
  /** Why it is in backoff. */
  last_error?: string | null;
}

/** `failed` concerns the provider, `refused` only this token. */
export type Outcome = "succeeded" | "ended" | "unneeded" | "failed" | "refused";

/** What is recorded about a user's access, for an export; no part of a token. */
export interface GrantNote {
  subject: string;
  scope: string | null;
  /** The user has just granted it; otherwise it was renewed. */
  is_new: boolean;
  /** The lifetime of the access token; null if the provider does not report it. */
  lifetime_ms: number | null;
  /** How long the store keeps the token; null: until it is revoked. */
  kept_ms: number | null;
}

/** The lease's key and provider. */
export interface LeaseKey {
  key: string;
  provider: string;
}

/**
 * Decides which process may renew a token: leases with fences in Postgres. Throws `service_unavailable` when Postgres
 * cannot be reached, and then for a while without trying.
 */
export class Leases {
  readonly #call: CallDatabase;
  readonly #circuit = new Circuit();

  constructor(call: CallDatabase) {
    this.#call = call;
  }

  get isFailing(): boolean {
    return this.#circuit.isFailing;
  }

  read({ key, provider }: LeaseKey): Promise<LeaseState> {
    return this.#ask("read_oauth_lease", { p_key: key, p_provider: provider }) as Promise<LeaseState>;
  }

  /** A forced claim takes the lease from its holder. */
  claim(
    { key, provider }: LeaseKey,
    { leaseMs, isForced = false }: { leaseMs: number; isForced?: boolean },
  ): Promise<Claimed | NotClaimed> {
    return this.#ask("claim_oauth_lease", {
      p_key: key,
      p_provider: provider,
      p_holder: crypto.randomUUID(),
      p_lease_ms: leaseMs,
      p_is_forced: isForced,
    }) as Promise<Claimed | NotClaimed>;
  }

  /** Returns whether the token obtained under the lease may be served. */
  async finish(
    { key, provider }: LeaseKey,
    { fence, failure_count }: Claimed,
    outcome: Outcome,
    { kind, retryAfterMs, grant }: { kind?: string; retryAfterMs?: number; grant?: GrantNote } = {},
  ): Promise<boolean> {
    const answer = await this.#ask("finish_oauth_lease", {
      p_key: key,
      p_provider: provider,
      p_fence: fence,
      p_outcome: outcome,
      p_failure_count: failure_count,
      p_error: kind ?? null,
      p_retry_after_ms: retryAfterMs ?? 0,
      p_grant: grant ?? null,
    }) as { accepted: boolean };
    return answer.accepted;
  }

  /** Revokes all versions. Returns the fence for burying the stored version. */
  async revoke(key: string): Promise<number> {
    return (await this.#ask("revoke_oauth_lease", { p_key: key }) as { fence: number }).fence;
  }

  async #ask<Name extends RpcName>(name: Name, args: RpcArguments<Name>): Promise<unknown> {
    if (this.#circuit.isOpen) {
      throw new AppError("service_unavailable", "The database cannot be reached at the moment");
    }
    try {
      const answer = await this.#call(name, args);
      if (this.#circuit.succeeded()) report({ event: "leases_recovered", of: "supabase" });
      return answer;
    } catch (error) {
      if (this.#circuit.failed()) report({ event: "leases_degraded", of: "supabase", cause: error });
      throw error;
    }
  }
}
