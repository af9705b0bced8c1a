import type { Granted } from "./provider.ts";

/** No real token lives longer: a longer lifetime counts as unknown. */
const MAX_LIFETIME_S = 100 * 366 * 86_400;
/** The most characters of JSON that are stored of a provider's extra fields. */
const MAX_KEPT_CHARACTERS = 8_000;
const STANDARD = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"];

/**
 * Puts a token endpoint's response into the form of RFC 6749, so that odd extra fields never lose a grant: the used
 * refresh token may already be invalid at the provider. Fields that are null, empty or of the wrong type are left
 * out, a list of scopes becomes a text, a lifetime of 0 counts as none. An error with status 200 gets status 400. An
 * id_token is kept only if `isIdTokenWanted`; otherwise nothing reads it.
 */
export async function readableAnswer(
  response: Response,
  { isIdTokenWanted }: { isIdTokenWanted: boolean },
): Promise<Response> {
  if (!response.ok) return response;
  const text = await response.text();
  const headers = { "Content-Type": "application/json" };
  const answer = objectIn(text);
  if (answer === undefined) return new Response(text, { status: 200, headers });
  const { access_token, error } = answer;
  if (!isText(access_token) && isText(error)) return Response.json({ error }, { status: 400 });
  const { token_type, scope, refresh_token, id_token } = answer;
  const expiresInS = lifetimeOf(answer.expires_in);
  const readable: Record<string, unknown> = {
    ...answer,
    token_type: isText(token_type) ? token_type : "bearer",
    expires_in: expiresInS,
    scope: isText(scope) ? scope : Array.isArray(scope) ? scope.filter(isText).join(" ") : undefined,
    refresh_token: isText(refresh_token) ? refresh_token : undefined,
    id_token: isIdTokenWanted && isText(id_token) ? id_token : undefined,
  };
  return Response.json(readable, { headers }); // Undefined fields are left out.
}

/**
 * A provider's fields other than the standard ones, for example Salesforce's `instance_url`. Other kinds of tokens in
 * it are left out, and so are fields beyond the size limit.
 */
export function extrasOf(granted: Granted): Record<string, unknown> {
  let left = MAX_KEPT_CHARACTERS;
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(granted)) {
    if (STANDARD.includes(name) || value === null || value === "") continue;
    const text = JSON.stringify(value, (key, part) => SECRET_FIELDS.includes(key) ? undefined : part);
    if (text === undefined) continue;
    left -= name.length + text.length;
    if (left < 0) break;
    kept[name] = JSON.parse(text);
  }
  return kept;
}

const SECRET_FIELDS = ["refresh_token", "id_token"];

function lifetimeOf(given: unknown): number | undefined {
  const seconds = typeof given === "number" ? given : isText(given) ? Number(given) : NaN;
  return seconds > 0 && seconds <= MAX_LIFETIME_S ? seconds : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
