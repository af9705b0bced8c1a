import { adminClient } from "../database/database.ts";
import { misconfigured } from "../platform/env.ts";
import { ledgerSettings } from "./settings.ts";
import { coalesce } from "./batches.ts";
import { connectToLedger } from "./postgres.ts";
import type { RpcClient } from "./calls.ts";
import { isTraced, traced } from "../platform/tracing.ts";

/** Enough that one request that waits for a user's row does not block all the others. */
const REST_REQUESTS_AT_ONCE = 4;

let client: RpcClient | undefined;

/** The ledger's RPCs, over the transport in LEDGER_TRANSPORT. Calls that arrive together are sent together. */
export function ledger(): RpcClient {
  client ??= isTraced() ? withSpans(open()) : open();
  return client;
}

/** A span for each call, including its wait for a batch. */
function withSpans(client: RpcClient): RpcClient {
  return {
    rpc: (name, args) => traced(`ledger ${name}`, "internal", {}, async () => await client.rpc(name, args)),
  };
}

function open(): RpcClient {
  const { LEDGER_TRANSPORT, SUPABASE_DB_URL } = ledgerSettings();
  if (LEDGER_TRANSPORT === "rest") return coalesce(adminClient() as RpcClient, REST_REQUESTS_AT_ONCE);
  if (SUPABASE_DB_URL) return coalesce(connectToLedger(SUPABASE_DB_URL), 1);
  throw misconfigured("LEDGER_TRANSPORT=postgres needs SUPABASE_DB_URL");
}
