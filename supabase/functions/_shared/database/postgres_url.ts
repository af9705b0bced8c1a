/** The query parameters that the driver knows. It would pass others on to the server, which refuses them. */
const DRIVER_PARAMETERS = [
  "sslmode",
  "ssl",
  "sslrootcert",
  "sslnegotiation",
  "connect_timeout",
  "application_name",
];

/**
 * Reads a database's address. Query parameters of other tools (`pgbouncer=true`) are dropped. Errors say what is
 * wrong and never repeat the text, which contains a password.
 */
export function readPostgresUrl(text: string, setting: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["postgres:", "postgresql:"].includes(url.protocol) || !isWhole(url)) {
    throw new Error(
      `${setting} is not a Postgres URL: expected postgresql://user:password@host:port/database, and in the ` +
        "password # / ? @ : % as %23 %2F %3F %40 %3A %25",
    );
  }
  for (const name of [...url.searchParams.keys()]) {
    if (!DRIVER_PARAMETERS.includes(name)) url.searchParams.delete(name);
  }
  return url;
}

/** Unencoded characters of a password end the user part too early, and leave a `@` or a `#` behind. */
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

/** Removes the password of an address from a text, percent-encoded or decoded. */
export function withoutPassword(text: string, url: URL): string {
  const password = url.password;
  if (password === "") return text;
  return text.replaceAll(password, "…").replaceAll(decodeURIComponent(password), "…");
}
