import { createAdminClient, createContextClient } from "@supabase/server/core";
import type { SupabaseClient } from "@supabase/supabase-js";

import type { Database } from "./database.types.ts";
import { supabase } from "./env.ts";

export type DatabaseClient = SupabaseClient<Database>;

const DATABASE_TIMEOUT_MS = 10_000;

/** Without a limit a database that hangs would hold the request until the platform ends it. */
const fetchWithTimeout: typeof fetch = (input, init) =>
  fetch(input, { ...init, signal: init?.signal ?? AbortSignal.timeout(DATABASE_TIMEOUT_MS) });

let admin: DatabaseClient | undefined;

/** Passes by row level security: for the ledger's RPCs and the storage of results, never for what a caller asks. */
export function adminClient(): DatabaseClient {
  admin ??= createAdminClient<Database>({
    env: supabase(),
    supabaseOptions: { global: { fetch: fetchWithTimeout } },
  });
  return admin;
}

/** Sees what the signed-in user may see. */
export function userClient(token: string): DatabaseClient {
  return createContextClient<Database>({
    auth: { token },
    env: supabase(),
    supabaseOptions: { global: { fetch: fetchWithTimeout } },
  });
}
