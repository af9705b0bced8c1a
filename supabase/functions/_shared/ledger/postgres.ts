import type { Sql } from "postgres";

import { readPostgresUrl } from "../database/postgres_url.ts";
import type { RpcClient } from "./calls.ts";

const CONNECT_TIMEOUT_S = 10;
const IDLE_TIMEOUT_S = 60;
const RECONNECT_DELAY_S = 0.1;
/** A caller that waits longer has given up. */
const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * The ledger's RPCs over a direct connection: one per isolate, as a hundred isolates share one database. Each call is
 * one simple query, one round trip, without prepared statements or session settings, so that it works through a
 * transaction pooler: PgBouncer refuses a connection that sets a statement_timeout.
 * https://www.pgbouncer.org/features.html
 */
export function connectToLedger(databaseUrl: string): RpcClient {
  let connection: Promise<Sql> | undefined;
  return {
    async rpc(name, args) {
      connection ??= open(databaseUrl);
      try {
        const sql = await connection;
        const [, rows] = await sql.unsafe(`${LIMIT}; ${callOf(name, args)}`).simple() as unknown as [
          unknown,
          { outcome: unknown }[],
        ];
        return { data: rows[0]?.outcome, error: null };
      } catch (error) {
        return { data: null, error };
      }
    },
  };
}

/** Both statements of the query are one transaction, and the limit ends with it. */
const LIMIT = `set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`;

async function open(databaseUrl: string): Promise<Sql> {
  const { default: postgres } = await import("postgres");
  return postgres(readPostgresUrl(databaseUrl, "SUPABASE_DB_URL").href, {
    max: 1,
    prepare: false,
    fetch_types: false,
    connect_timeout: CONNECT_TIMEOUT_S,
    idle_timeout: IDLE_TIMEOUT_S,
    backoff: () => RECONNECT_DELAY_S, // The driver's default grows to 20 s, and requests would wait that long.
    onnotice: () => {},
    connection: { application_name: "tessera" },
  });
}

/** `select public.name(p_a => 'x', …)`; undefined arguments get the function's default. */
function callOf(name: string, args: Record<string, unknown>): string {
  if (!/^[a-z_]+$/.test(name)) throw new TypeError(`Cannot call ${name} as it is not a function name`);
  const given = Object.entries(args)
    .filter(([, value]) => value !== undefined)
    .map(([parameter, value]) => `${parameter} => ${literal(value)}`);
  return `select public.${name}(${given.join(", ")}) as outcome`;
}

/** A value as an SQL literal: quotes and backslashes doubled, safe with every server setting. */
function literal(value: unknown): string {
  if (value === null) return "null";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const quoted = text.replaceAll("'", "''");
  return quoted.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
