import { z } from "zod";

import { defineSettings } from "../platform/env.ts";

/** How the ledger is reached. */
export const ledgerSettings = defineSettings("Ledger and database", {
  LEDGER_TRANSPORT: z.enum(["rest", "postgres"]).default("rest").describe(
    "How the ledger is reached: through the project's REST API, or straight at SUPABASE_DB_URL",
  ),
  SUPABASE_DB_URL: z.url().optional().describe("The database's address; may be a transaction pooler"),
});
