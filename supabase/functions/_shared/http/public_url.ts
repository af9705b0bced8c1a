const MAX_URL_CHARACTERS = 2_000;

/** A name with a dot, and letters in its last part: not `localhost`, and not an IP address in any spelling. */
const PUBLIC_NAME = /^(?=.{4,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * An `https` URL that a caller may use: a host name, the default port, no credentials; else undefined. Its addresses
 * must be checked too, with `isPublicAddress`.
 */
export function publicHttpsUrl(text: string, base?: URL): URL | undefined {
  if (text.length > MAX_URL_CHARACTERS || !URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  const isUsual = url.protocol === "https:" && url.port === "" && url.username === "" && url.password === "";
  return isUsual && PUBLIC_NAME.test(url.hostname) ? url : undefined;
}
