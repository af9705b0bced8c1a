/** What of a URL's query the driver knows; the rest it would pass on to the server, which refuses it. */
const DRIVER_PARAMETERS = [
  "sslmode",
  "ssl",
  "sslrootcert",
  "sslnegotiation",
  "connect_timeout",
  "application_name",
];

/**
 * A database's address. What other tools have in the query (`pgbouncer=true`) is left out. Throws with what is wrong, and
 * without any of the text: there is a password in it.
 */
export function readPostgresUrl(text: string, setting: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["postgres:", "postgresql:"].includes(url.protocol) || !isWhole(url)) {
    throw new Error(
      `${setting} is no address of Postgres: postgresql://user:password@host:port/database is expected, and in the ` +
        "password # / ? @ : % as %23 %2F %3F %40 %3A %25",
    );
  }
  for (const name of [...url.searchParams.keys()]) {
    if (!DRIVER_PARAMETERS.includes(name)) url.searchParams.delete(name);
  }
  return url;
}

/** Characters of a password that are not encoded end the user's part too early, and leave a `@` or a `#` behind. */
function isWhole({ username, password, hostname, pathname, search, hash }: URL): boolean {
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
    const rest = `${pathname}${search}`;
    return hostname !== "" && hash === "" && !rest.includes("@") && !/\/.*\//.test(pathname);
  } catch {
    return false;
  }
}

/** A text without the password of an address, written as it is there or plain. */
export function withoutPassword(text: string, url: URL): string {
  const password = url.password;
  if (password === "") return text;
  return text.replaceAll(password, "…").replaceAll(decodeURIComponent(password), "…");
}
