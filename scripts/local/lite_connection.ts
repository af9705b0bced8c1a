import { type Kysely, sql } from "kysely";
import { createPostgresConnection, type PostgresConnection } from "@supabase/lite/postgres";
import { rollingBack } from "./lite_rollback.ts";
import { postgrestTypes } from "./lite_types.ts";

type WithContext = PostgresConnection["withContext"];

/** What lite knows about a request: its caller, and its Storage operation. */
interface RequestContext {
  auth?: { role?: string; uid?: string; jwt?: unknown };
  storage?: { operation?: string };
}

/** The settings through which a SQL function reads its request. */
interface RpcContext {
  method: string;
  path: string;
  requestHeaders?: Record<string, string>;
}

/** A hosted project's limits for its API roles. */
const STATEMENT_TIMEOUTS: Record<string, string> = { anon: "3s" };
const DEFAULT_STATEMENT_TIMEOUT = "8s";

/** Lite's connection to Postgres, changed where a hosted project behaves differently. */
export function createConnection(url: string): PostgresConnection {
  const connection = createPostgresConnection({
    url,
    postgresOptions: {
      max: 20,
      onnotice: () => {},
      types: postgrestTypes,
    },
  });
  const withContext: WithContext = connection.withContext.bind(connection);
  return Object.assign(connection, {
    withContext: <Result>(
      context: Parameters<WithContext>[0],
      work: (database: Parameters<Parameters<WithContext>[1]>[0]) => Promise<Result>,
      options: Parameters<WithContext>[2],
    ) => rollingBack<Result>((kept) => withContext(context, (database) => kept(work(database)), options)),
    ensureRlsContext,
    applyJwtSessionContext,
    applyRpcRequestGucs,
    normalizeDbError,
  });
}

/**
 * Here lite would grant all rights on every table with row level security to the API roles, and so undo the
 * migrations' revokes. Roles and rights already exist, so this only confirms.
 */
function ensureRlsContext(): Promise<boolean> {
  return Promise.resolve(true);
}

/** Sets the caller's role for one transaction, in one statement where lite sends four. */
async function applyJwtSessionContext(
  database: Kysely<unknown>,
  { auth, storage }: RequestContext,
): Promise<void> {
  const role = auth?.role ?? "anon";
  await sql`select
    set_config('request.jwt.claim.sub', ${auth?.uid ?? ""}, true),
    set_config('request.jwt.claim.role', ${role}, true),
    set_config('request.jwt.claims', ${JSON.stringify(auth?.jwt ?? { role })}, true),
    set_config('storage.operation', ${storage?.operation ?? ""}, true),
    set_config('statement_timeout', ${STATEMENT_TIMEOUTS[role] ?? DEFAULT_STATEMENT_TIMEOUT}, true),
    set_config('role', ${role}, true)`.execute(database);
}

/** Sets the request's settings for SQL functions, in one statement where lite sends five. */
async function applyRpcRequestGucs(database: Kysely<unknown>, request: RpcContext): Promise<void> {
  await sql`select
    set_config('response.status', '', true),
    set_config('response.headers', '', true),
    set_config('request.method', ${request.method}, true),
    set_config('request.path', ${request.path}, true),
    set_config('request.headers', ${JSON.stringify(request.requestHeaders ?? {})}, true)`.execute(database);
}

/** The status of error classes for which lite answers with a bare 500, as PostgREST documents them. */
const STATUS_BY_CLASS: Record<string, number> = {
  "08": 503,
  "09": 500,
  "0L": 403,
  "0P": 403,
  "23": 400,
  "25": 500,
  "28": 403,
  "2D": 500,
  "38": 500,
  "39": 500,
  "3B": 500,
  "40": 500,
  "54": 500,
  "57": 500,
  "58": 500,
  "F0": 500,
  "HV": 500,
  "P0": 500,
  "XX": 500,
};
const ANSWERED_BY_LITE = new Set(["23502", "23503", "23505", "25006"]);

/** Keeps an error's code and details, which lite would drop, in lite's form for errors of any status. */
function normalizeDbError(error: unknown): unknown {
  const { code, message, detail, hint } = error as {
    code?: string;
    message?: string;
    detail?: string;
    hint?: string;
  };
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || ANSWERED_BY_LITE.has(code)) return error;
  const status = code === "P0001" ? 400 : STATUS_BY_CLASS[code.slice(0, 2)];
  if (status === undefined) return error;
  return Object.assign(
    new Error(JSON.stringify({ code, message, details: detail ?? null, hint: hint ?? null })),
    {
      code: "PGRST",
      detail: JSON.stringify({ status, headers: {} }),
    },
  );
}
