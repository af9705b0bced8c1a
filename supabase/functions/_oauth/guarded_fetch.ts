import type { CustomFetch } from "openid-client";

import { endingWith } from "../_shared/platform/aborting.ts";
import { isSafeProviderUrl } from "./setting_texts.ts";
import { ProviderFailure } from "./provider_failure.ts";
import { readableAnswer } from "./token_answer.ts";
import type { Provider } from "./provider.ts";

/**
 * Requests to a provider: endpoints from its metadata must be as safe as configured ones, redirects are not followed,
 * everything ends with the signal, and token responses are put into the standard form.
 */
export function guardedFetch(
  { name, settings }: Provider,
  signal: AbortSignal,
  { isIdTokenWanted = false } = {},
): CustomFetch {
  return async (address, { body, ...options }) => {
    const url = new URL(address);
    const isPlainAllowed = new URL(settings.issuer).protocol === "http:";
    if (!isSafeProviderUrl(url) || (url.protocol === "http:" && !isPlainAllowed)) {
      throw new ProviderFailure(name, "unsafe_endpoint");
    }
    const init = { ...options, body: body as BodyInit | undefined, redirect: "manual", signal } as const;
    const response = endingWith(await fetch(url, init), signal);
    const isForToken = body instanceof URLSearchParams && body.has("grant_type");
    return isForToken ? await readableAnswer(response, { isIdTokenWanted }) : response;
  };
}
