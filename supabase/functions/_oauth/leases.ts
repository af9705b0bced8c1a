import { AppError } from "../_shared/platform/errors.ts";
import type { CallDatabase, RpcArguments, RpcName } from "../_shared/database/rpc.ts";
import { Circuit } from "./circuit.ts";
import { report } from "./events.ts";

/** What must be known to judge a stored token. */
export interface LeaseState {
  /** The database's time, in milliseconds since 1970. */
  now_ms: number;
  /** What was written under this fence or a lower one is revoked. */
  revoked_fence: number;
  /** How long the provider is still left alone, by everybody; 0 where it may be asked. */
  retry_after_ms: number;
  /** How long this token alone is not renewed, as the provider refused it; 0 where it may be. */
  rest_ms: number;
  /** Why it rests. */
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
  /** Another one renews the token, the provider is left alone, or this token rests. */
  reason: "held" | "left_alone" | "resting";
  wait_ms: number;
  /** Why it rests. */
  last_error?: string | null;
}

/** `failed` is about the provider, `refused` about this token alone. */
export type Outcome = "succeeded" | "ended" | "unneeded" | "failed" | "refused";

/** Whose lease, and at which provider. */
export interface LeaseKey {
  key: string;
  provider: string;
}

/**
 * Who may renew a token, over all processes: leases with fences in Postgres. Throws `service_unavailable` when they cannot
 * be reached, and says so at once for a while after that.
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

  /** Tells whether what was got under the lease may be served. */
  async finish(
    { key, provider }: LeaseKey,
    { fence, failure_count }: Claimed,
    outcome: Outcome,
    failure: { kind?: string; retryAfterMs?: number } = {},
  ): Promise<boolean> {
    const answer = await this.#ask("finish_oauth_lease", {
      p_key: key,
      p_provider: provider,
      p_fence: fence,
      p_outcome: outcome,
      p_failure_count: failure_count,
      p_error: failure.kind ?? null,
      p_retry_after_ms: failure.retryAfterMs ?? 0,
    }) as { accepted: boolean };
    return answer.accepted;
  }

  /** Revokes all versions; returns the fence to bury the stored one under. */
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
