import { createHash } from "node:crypto";

import { open, seal } from "../_shared/security/envelope.ts";
import { AppError } from "../_shared/platform/errors.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import type { CallDatabase } from "../_shared/database/rpc.ts";
import type { Secrets } from "./upstream.ts";

/** A new authorization, whose user is sent to the provider. */
export interface Authorization extends Secrets {
  provider: string;
  subject: string;
  /** Where the browser goes after the provider: one of OAUTH_REDIRECT_URLS. */
  redirectTo: string;
}

/** A provider's response: the parameters of its redirect. */
export type ProviderAnswer = Record<string, string>;

/**
 * Authorizations in progress. A state works once, until it expires by the database's clock, and only for its provider
 * and user; the database sees only its digest and envelopes.
 */
export class Authorizations {
  readonly #call: CallDatabase;
  readonly #keyring: Keyring;

  constructor(call: CallDatabase, keyring: Keyring) {
    this.#call = call;
    this.#keyring = keyring;
  }

  async keep(authorization: Authorization, ttlS: number): Promise<void> {
    const hash = hashOf(authorization.state);
    const request = await seal(this.#keyring, JSON.stringify(authorization), placeOf("request", hash));
    const args = { p_state_hash: hash, p_request: request, p_ttl_s: ttlS };
    const { kept } = await this.#call("keep_oauth_authorization", args) as { kept: boolean };
    if (!kept) throw new AppError("internal", "The authorization could not be begun");
  }

  /** Stores the provider's response, once; undefined for a state that is unknown, used or expired. */
  async answer(state: string, answer: ProviderAnswer): Promise<Authorization | undefined> {
    const hash = hashOf(state);
    const p_answer = await seal(this.#keyring, JSON.stringify(answer), placeOf("answer", hash));
    const { request } = await this.#call("answer_oauth_authorization", { p_state_hash: hash, p_answer }) as {
      request: string | null;
    };
    return request === null ? undefined : await this.#open(request, "request", hash) as Authorization;
  }

  /** Returns an answered authorization, once; undefined for a state that is unknown, used or expired. */
  async take(
    state: string,
  ): Promise<{ authorization: Authorization; answer: ProviderAnswer } | undefined> {
    const hash = hashOf(state);
    const { request, answer } = await this.#call("take_oauth_authorization", { p_state_hash: hash }) as {
      request: string | null;
      answer: string | null;
    };
    if (request === null || answer === null) return undefined;
    return {
      authorization: await this.#open(request, "request", hash) as Authorization,
      answer: await this.#open(answer, "answer", hash) as ProviderAnswer,
    };
  }

  async #open(envelope: string, what: "request" | "answer", hash: string): Promise<unknown> {
    return JSON.parse(await open(this.#keyring, envelope, placeOf(what, hash)));
  }
}

function hashOf(state: string): string {
  return createHash("sha256").update(state).digest("hex");
}

function placeOf(what: "request" | "answer", hash: string): string {
  return `oauth_authorizations/${what}/${hash}`;
}
