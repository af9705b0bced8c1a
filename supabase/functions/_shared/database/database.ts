import { createAdminClient, createContextClient } from "@supabase/server/core";
import type { SupabaseClient } from "@supabase/supabase-js";

import { endingWith, textEndingWith } from "../platform/aborting.ts";
import type { Database } from "./database.types.ts";
import { supabase } from "../platform/env.ts";
import { isTraced, tracedFetch } from "../platform/tracing.ts";

export type DatabaseClient = SupabaseClient<Database>;

const DATABASE_TIMEOUT_MS = 10_000;

/** Without a limit, a database that hangs would block the request until the platform ends it. */
const fetchWithTimeout: typeof fetch = async (input, given) => {
  if (given?.signal) return endingWith(await send(input, given), given.signal);
  const signal = AbortSignal.timeout(DATABASE_TIMEOUT_MS);
  return textEndingWith(await send(input, { ...given, signal }), signal);
};

function send(input: RequestInfo | URL, init: RequestInit): Promise<Response> {
  if (!isTraced()) return fetch(input, init);
  const operation = operationOf(input, init.method);
  return tracedFetch(
    operation,
    { "db.system.name": "postgresql", "db.operation.name": operation },
    input,
    init,
  );
}

/** The kind of a request, for its span: `rpc hold_tokens`, `GET token_balances`, `storage`. */
function operationOf(input: RequestInfo | URL, method = "GET"): string {
  const { pathname } = new URL(input instanceof Request ? input.url : input);
  const [, service, , first, second] = pathname.split("/");
  if (service !== "rest") return service || "database";
  return first === "rpc" ? `rpc ${second}` : `${method} ${first}`;
}

let admin: DatabaseClient | undefined;

/** Bypasses row level security: for the ledger's RPCs and for storing results, never for what a caller asks for. */
export function adminClient(): DatabaseClient {
  admin ??= createAdminClient<Database>({
    env: supabase(),
    supabaseOptions: { global: { fetch: fetchWithTimeout } },
  });
  return admin;
}

/** Sees only what the signed-in user may see. */
export function userClient(token: string): DatabaseClient {
  return createContextClient<Database>({
    auth: { token },
    env: supabase(),
    supabaseOptions: { global: { fetch: fetchWithTimeout } },
  });
}
