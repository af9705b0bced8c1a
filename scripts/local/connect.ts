import postgres from "postgres";

import { postgresUrl } from "./database_url.ts";

/**
 * Connections to a project's database, one by default. They use TLS unless the database is on this machine or its URL
 * says otherwise, and no prepared statements, so that a transaction pooler can be in between. Throws StackError for
 * an invalid URL.
 */
export function connectTo(
  databaseUrl: string,
  { connections = 1, idleTimeoutS }: { connections?: number; idleTimeoutS?: number } = {},
): postgres.Sql {
  const url = postgresUrl(databaseUrl);
  const { hostname, searchParams } = url;
  const isHere = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  const ssl = searchParams.has("sslmode") || searchParams.has("ssl") ? undefined : isHere ? false : "require";
  return postgres(url.href, {
    max: connections,
    idle_timeout: idleTimeoutS,
    prepare: false,
    onnotice: () => {},
    connect_timeout: 15,
    ...(ssl === undefined ? {} : { ssl }),
  });
}
