import { AppError } from "../_shared/platform/errors.ts";
import { retryAfterMs } from "../_shared/http/retry_after.ts";

const ERROR_CODE = /^[a-z][a-z0-9_]{0,59}$/;

/** Error codes that mean: the user must authorize again. The last ones are GitHub's and Slack's. */
const ENDED = [
  "invalid_grant",
  "interaction_required",
  "login_required",
  "consent_required",
  "account_selection_required",
  "bad_refresh_token",
  "invalid_refresh_token",
  "token_revoked",
  "token_expired",
];
/** Error codes that concern all callers. The last one is GitHub's code for wrong client credentials. */
const EVERYBODYS = [
  "timeout",
  "unreachable",
  "unsafe_endpoint",
  "server_error",
  "temporarily_unavailable",
  "invalid_client",
  "incorrect_client_credentials",
];
const TOO_MANY_REQUESTS = 429;

/**
 * What a failure concerns: `provider`, so all callers; `token`, only the one being renewed; `grant`, which has ended,
 * so the user must authorize again.
 */
export type Blame = "provider" | "token" | "grant";

/** Details of a failure. */
export interface FailureDetails {
  /** The status of the response, if there was one. */
  status?: number;
  /** The provider's Retry-After. */
  retryAfterMs?: number;
  /** It happened before any token was involved, so it concerns all callers. */
  isBeforeToken?: boolean;
}

/** A provider gave no token. Has the kind of the failure, and nothing from the request or response. */
export class ProviderFailure extends Error {
  override readonly name = "ProviderFailure";
  readonly retryAfterMs?: number;

  constructor(
    readonly provider: string,
    /** OAuth's error code (RFC 6749, 5.2), `http_<status>`, `timeout` or `unreachable`. */
    readonly kind: string,
    readonly details: FailureDetails = {},
  ) {
    super(`${provider}: ${kind}`);
    this.retryAfterMs = details.retryAfterMs;
  }

  /** What the failure concerns, for the renewal of a user's or the app's own token. */
  blame({ isAppsOwn }: { isAppsOwn: boolean }): Blame {
    const { status = 0, isBeforeToken = false } = this.details;
    if (!isAppsOwn && !isBeforeToken && ENDED.includes(this.kind)) return "grant";
    const isRefusedClient = status === 401 && this.kind === "http_401";
    // A rate limit of the app concerns all of its users.
    const isAppsLimit = isAppsOwn && status === TOO_MANY_REQUESTS;
    const isEverybodys = isBeforeToken || isRefusedClient || isAppsLimit || status >= 500 ||
      EVERYBODYS.includes(this.kind);
    return isEverybodys ? "provider" : "token";
  }

  /** The error for an endpoint's caller. */
  asAppError(): AppError {
    const details = { provider: this.provider, kind: this.kind };
    return this.kind === "timeout"
      ? new AppError("provider_timeout", `The provider ${this.provider} took too long`, {
        details,
        cause: this,
      })
      : new AppError("provider_error", `The provider ${this.provider} gave no token: ${this.kind}`, {
        details,
        cause: this,
      });
  }
}

/** Reads what openid-client threw. */
export function asProviderFailure(provider: string, thrown: unknown): ProviderFailure {
  const chain = causesOf(thrown);
  const known = chain.find((one) => one instanceof ProviderFailure);
  if (known) return known;
  const code = chain.map(({ error }) => error).find((one) => typeof one === "string" && ERROR_CODE.test(one));
  const response = chain.flatMap(({ cause, response }) => [cause, response])
    .find((one) => one instanceof Response) as Response | undefined;
  const status = response?.status;
  const details = { status, retryAfterMs: retryAfterOf(response) };
  if (code !== undefined) return new ProviderFailure(provider, code as string, details);
  if (chain.some(({ name, code }) => name === "TimeoutError" || code === "OAUTH_TIMEOUT")) {
    return new ProviderFailure(provider, "timeout");
  }
  if (response && (status! < 200 || status! > 299)) {
    return new ProviderFailure(provider, `http_${status}`, details);
  }
  const isUnreachable = chain.some((error) => error instanceof TypeError || error.name === "TypeError");
  return new ProviderFailure(provider, isUnreachable ? "unreachable" : "unusable_answer", details);
}

type Thrown = Error & { code?: unknown; error?: unknown; response?: unknown };

function causesOf(thrown: unknown): Thrown[] {
  const chain: Thrown[] = [];
  for (let one = thrown; one instanceof Error && chain.length < 5; one = one.cause) chain.push(one as Thrown);
  return chain;
}

/** finish_oauth_lease caps a wait at an hour. */
const MAX_RETRY_AFTER_MS = 3_600_000;

function retryAfterOf(response: Response | undefined): number | undefined {
  const waitMs = retryAfterMs(response?.headers.get("Retry-After"));
  return waitMs ? Math.min(waitMs, MAX_RETRY_AFTER_MS) : undefined;
}
