const MAX_URL_CHARACTERS = 2_000;

/** A name with a dot, and letters in its last part: no `localhost`, and no number in any of its spellings. */
const PUBLIC_NAME = /^(?=.{4,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * An `https` URL that a caller may name: a host by its name, the usual port, no credentials. Undefined for any other.
 * Where that name leads is another question: `isPublicAddress` of each of its addresses.
 */
export function publicHttpsUrl(text: string, base?: URL): URL | undefined {
  if (text.length > MAX_URL_CHARACTERS || !URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  const isUsual = url.protocol === "https:" && url.port === "" && url.username === "" && url.password === "";
  return isUsual && PUBLIC_NAME.test(url.hostname) ? url : undefined;
}
