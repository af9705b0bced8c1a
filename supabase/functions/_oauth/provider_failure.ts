import { AppError } from "../_shared/errors.ts";

const ERROR_CODE = /^[a-z][a-z0-9_]{0,59}$/;

/** A provider gave no token. Has the kind of the failure, and nothing of what was sent or answered. */
export class ProviderFailure extends Error {
  override readonly name = "ProviderFailure";

  constructor(
    readonly provider: string,
    /** OAuth's error code (RFC 6749, 5.2), `http_<status>`, `timeout` or `unreachable`. */
    readonly kind: string,
    /** What the provider asks for with Retry-After. */
    readonly retryAfterMs?: number,
  ) {
    super(`${provider}: ${kind}`);
  }

  /** For the caller of an endpoint. */
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

/** What openid-client threw. */
export function asProviderFailure(provider: string, thrown: unknown): ProviderFailure {
  const chain = causesOf(thrown);
  const known = chain.find((one) => one instanceof ProviderFailure);
  if (known) return known;
  const code = chain.map(({ error }) => error).find((one) => typeof one === "string" && ERROR_CODE.test(one));
  const response = chain.flatMap(({ cause, response }) => [cause, response])
    .find((one) => one instanceof Response) as Response | undefined;
  const retryAfterMs = retryAfterOf(response);
  if (code !== undefined) return new ProviderFailure(provider, code as string, retryAfterMs);
  if (chain.some(({ name, code }) => name === "TimeoutError" || code === "OAUTH_TIMEOUT")) {
    return new ProviderFailure(provider, "timeout");
  }
  if (response) return new ProviderFailure(provider, `http_${response.status}`, retryAfterMs);
  const isUnreachable = chain.some((error) => error instanceof TypeError || error.name === "TypeError");
  return new ProviderFailure(provider, isUnreachable ? "unreachable" : "unusable_answer");
}

type Thrown = Error & { code?: unknown; error?: unknown; response?: unknown };

function causesOf(thrown: unknown): Thrown[] {
  const chain: Thrown[] = [];
  for (let one = thrown; one instanceof Error && chain.length < 5; one = one.cause) chain.push(one as Thrown);
  return chain;
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfterOf(response: Response | undefined): number | undefined {
  const text = response?.headers.get("Retry-After");
  if (!text) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return ms > 0 ? ms : undefined;
}
