import { AppError } from "../_shared/platform/errors.ts";
import { ProviderFailure } from "./provider_failure.ts";
import { StoreError } from "./token_store.ts";

/** The provider failed a while ago. */
export function leftAlone(provider: string, waitMs: number): AppError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new AppError(
    "service_unavailable",
    `The provider ${provider} failed and is left alone for ${seconds} s`,
    {
      details: { provider },
      headers: { "Retry-After": String(seconds) },
    },
  );
}

/** The provider refused to renew this token a while ago; others are none the worse. */
export function resting(provider: string, waitMs: number, kind: string | null): AppError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new AppError(
    "service_unavailable",
    `The provider ${provider} refused to renew this token (${
      kind ?? "unknown"
    }) and is asked again in ${seconds} s`,
    { details: { provider, kind }, headers: { "Retry-After": String(seconds) } },
  );
}

/** Whether there is a token is not known. */
export function storeUnavailable(cause?: unknown): AppError {
  return new AppError("service_unavailable", "The store of tokens cannot be reached at the moment", {
    cause,
    headers: { "Retry-After": "2" },
  });
}

/** What went wrong inside, for callers. */
export function translate(error: unknown): never {
  if (error instanceof ProviderFailure) throw error.asAppError();
  if (error instanceof StoreError) throw storeUnavailable(error);
  throw error;
}
