import postgres from "postgres";

/** One connection to a project's database: with TLS, unless it is on this machine or its URL says otherwise. */
export function connectTo(databaseUrl: string): postgres.Sql {
  const { hostname, searchParams } = new URL(databaseUrl);
  const isHere = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  const ssl = searchParams.has("sslmode") || searchParams.has("ssl") ? undefined : isHere ? false : "require";
  return postgres(databaseUrl, {
    max: 1,
    onnotice: () => {},
    connect_timeout: 15,
    ...(ssl === undefined ? {} : { ssl }),
  });
}
