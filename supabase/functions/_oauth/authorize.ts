import { misconfigured, supabase } from "../_shared/platform/env.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { translate } from "./broker_errors.ts";
import type { AccessToken } from "./token_record.ts";
import { providerNamed, tokenService } from "./tokens.ts";
import type { ProviderAnswer } from "./authorizations.ts";
import { oauthSettings } from "./settings.ts";

/** The standard parameters of a provider's redirect (RFC 6749, 4.1.2; RFC 9207). */
const STANDARD = ["state", "code", "iss", "error"];
/** The limits for other parameters: a response is one row. */
const MAX_PARAMETERS = 20;
const MAX_PARAMETER_CHARACTERS = 4_000;

/** The redirect URI to register at every provider. */
export function callbackUrl(): string {
  return `${supabase().publicUrl}/functions/v1/oauth-token/callback`;
}

/** Begins an authorization. Returns the URL for the user's browser. */
export async function beginAuthorization(
  { provider: name, subject, redirectTo }: { provider: string; subject: string; redirectTo?: string },
): Promise<{ url: string; ttlS: number }> {
  const { OAUTH_AUTHORIZATION_TTL_S: ttlS } = oauthSettings();
  const provider = providerNamed(name, "authorization_code");
  const target = allowedRedirect(redirectTo);
  const { upstream, authorizations } = tokenService();
  const { url, secrets } = await upstream.authorize(provider, callbackUrl()).catch(translate);
  await authorizations.keep({ ...secrets, provider: name, subject, redirectTo: target }, ttlS);
  return { url, ttlS };
}

/**
 * The parameters of a provider's redirect that are stored: the standard ones, and others within the limits, such as a
 * company's id. The error's description is dropped: the code is enough.
 */
export function answerIn(parameters: Record<string, unknown>): ProviderAnswer {
  const kept: ProviderAnswer = {};
  let left = MAX_PARAMETER_CHARACTERS;
  const others = Object.entries(parameters).filter(([name]) => !STANDARD.includes(name));
  for (const name of STANDARD) {
    const value = parameters[name];
    if (typeof value === "string") kept[name] = value;
  }
  for (const [name, value] of others.slice(0, MAX_PARAMETERS)) {
    if (typeof value !== "string" || /^error_|^action$/.test(name)) continue;
    left -= name.length + value.length;
    if (left < 0) break;
    kept[name] = value;
  }
  return kept;
}

/** Stores the provider's response, and returns where the browser goes next: to the app, with only the state. */
export async function takeAnswer(state: string, answer: ProviderAnswer): Promise<URL> {
  const authorization = await tokenService().authorizations.answer(state, answer);
  if (authorization === undefined) throw unknownState();
  const target = new URL(allowedRedirect(authorization.redirectTo));
  target.searchParams.set("state", state);
  return target;
}

/**
 * Completes an authorization for the user who began it: the returning browser must be signed in as that user.
 * Otherwise an attacker could trick somebody into connecting their account at the provider to the attacker's user
 * (RFC 9700, 4.7).
 */
export async function completeAuthorization(
  { state, subject }: { state: string; subject: string },
): Promise<{ provider: string; token: AccessToken }> {
  const { authorizations, broker, upstream } = tokenService();
  const taken = await authorizations.take(state);
  if (taken === undefined) throw unknownState();
  const { authorization, answer } = taken;
  if (authorization.subject !== subject) {
    throw new AppError("forbidden", "Another user began this authorization; it is now void");
  }
  const provider = providerNamed(authorization.provider, "authorization_code");
  if (answer.error !== undefined) throw refused(provider.name, answer.error);
  const url = new URL(callbackUrl());
  const callback: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer)) {
    if (STANDARD.includes(name)) url.searchParams.set(name, value);
    else callback[name] = value;
  }
  const token = await broker.authorize(
    { provider, subject },
    () => upstream.exchange(provider, url, authorization),
    callback,
  );
  return { provider: provider.name, token };
}

/** Only an exact address of the list: no prefix, no pattern. */
function allowedRedirect(wanted: string | undefined): string {
  const { OAUTH_REDIRECT_URLS: allowed } = oauthSettings();
  if (allowed.length === 0) {
    throw misconfigured("OAUTH_REDIRECT_URLS is not set");
  }
  if (wanted === undefined) return allowed[0]!;
  const href = URL.canParse(wanted) ? new URL(wanted).href : undefined;
  if (href !== undefined && allowed.includes(href)) return href;
  throw new AppError("invalid_request", "redirect_to: Expected one of the addresses in OAUTH_REDIRECT_URLS");
}

function unknownState(): AppError {
  return new AppError("invalid_request", "state: This authorization is unknown, was used, or has expired");
}

function refused(provider: string, code: string): AppError {
  const kind = /^[a-z_]{1,60}$/.test(code) ? code : "refused";
  return new AppError("authorization_required", `The provider ${provider} was not authorized: ${kind}`, {
    details: { provider, kind },
  });
}
