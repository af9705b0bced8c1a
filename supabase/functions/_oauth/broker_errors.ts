import { AppError } from "../_shared/platform/errors.ts";
import { ProviderFailure } from "./provider_failure.ts";
import { StoreError } from "./token_store.ts";

/** The provider failed and is not called for a while. */
export function providerInBackoff(provider: string, waitMs: number): AppError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new AppError(
    "service_unavailable",
    `The provider ${provider} failed and is not called for ${seconds} s`,
    {
      details: { provider },
      headers: { "Retry-After": String(seconds) },
    },
  );
}

/** The provider refused to renew this token a while ago; other tokens are not affected. */
export function tokenInBackoff(provider: string, waitMs: number, kind: string | null): AppError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new AppError(
    "service_unavailable",
    `The provider ${provider} refused to renew this token (${
      kind ?? "unknown"
    }); the next attempt is in ${seconds} s`,
    { details: { provider, kind }, headers: { "Retry-After": String(seconds) } },
  );
}

/** The store does not answer, so it is unknown whether there is a token. */
export function storeUnavailable(cause?: unknown): AppError {
  return new AppError("service_unavailable", "The store of tokens cannot be reached at the moment", {
    cause,
    headers: { "Retry-After": "2" },
  });
}

/** Turns internal errors into errors for callers. */
export function translate(error: unknown): never {
  if (error instanceof ProviderFailure) throw error.asAppError();
  if (error instanceof StoreError) throw storeUnavailable(error);
  throw error;
}
