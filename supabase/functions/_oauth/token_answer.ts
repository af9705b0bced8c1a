import type { Granted } from "./provider.ts";

/** Longer than anybody means: what says more does not say when the token ends. */
const MAX_LIFETIME_S = 100 * 366 * 86_400;
/** Of what a provider tells beside the token, so much is kept, as JSON. */
const MAX_KEPT_CHARACTERS = 8_000;
const STANDARD = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"];

/**
 * The answer of a token endpoint as RFC 6749 has it, so that a grant is never lost for what stands beside the token: a
 * refresh token that was used may be gone at the provider. What is null, empty or of another kind counts as left out, a
 * list of scopes as a text, a lifetime of 0 as none. An error under the status 200 gets the status 400. An id_token is
 * left where it `isIdTokenWanted`; nobody looks at it otherwise.
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
  return Response.json(readable, { headers }); // What is undefined is left out.
}

/**
 * What a provider told beside the token and its standard fields: `instance_url` of Salesforce, for example. Tokens of
 * another kind that stand in it are left out, and so are the fields behind what is too much.
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
