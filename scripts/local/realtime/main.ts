// Realtime: Supabase's protocol on the stack's Postgres, in a process of its own.
// deno run -A scripts/local/realtime/main.ts --data-folder <folder> --port-base <base>

import { parseArgs } from "node:util";
import postgres from "postgres";
import { databaseUrl } from "../database_url.ts";
import { portsAt } from "../ports.ts";
import { ADMIN_ROLE } from "../postgres.ts";
import { delay } from "../process_ids.ts";
import { announceReady } from "../ready.ts";
import { readSecrets } from "../secrets.ts";
import { Authorization } from "./authorization.ts";
import { createPostgresChanges } from "./changes/changes.ts";
import type { Context } from "./context.ts";
import { Credentials } from "./credentials.ts";
import { followDatabaseBroadcasts } from "./database_broadcasts.ts";
import { Measures } from "./measures.ts";
import { PresenceList } from "./presence.ts";
import { Rate } from "./rate.ts";
import { Rooms } from "./rooms.ts";
import { createRealtimeServer } from "./server.ts";
import { LIMITS_VARIABLE, readLimits } from "./settings.ts";
import { keepPartitions } from "./stored_messages.ts";

const PARTITIONS_EVERY_MS = 3_600_000;
const GOODBYE_MS = 2_000;

const { values } = parseArgs({
  args: Deno.args,
  options: { "data-folder": { type: "string" }, "port-base": { type: "string" } },
});
const ports = portsAt(Number(values["port-base"]));
const secrets = await readSecrets(values["data-folder"]!);
// As hosted: the superuser asks the policies in each caller's role, and follows the changes.
const adminUrl = databaseUrl(ports.postgres, ADMIN_ROLE, secrets.adminPassword);
const limits = readLimits(Deno.env.get(LIMITS_VARIABLE));
const log = (message: string) => console.error(message);

const sql = postgres(adminUrl, {
  max: 5,
  idle_timeout: 60,
  connect_timeout: 5,
  onnotice: () => {},
  connection: { application_name: "realtime", statement_timeout: 10_000 },
});
const context: Context = {
  limits,
  credentials: new Credentials(secrets),
  authorization: new Authorization(sql),
  sql,
  rooms: new Rooms(),
  presences: new PresenceList(),
  measures: new Measures(),
  joins: new Rate(limits.joins_per_second),
  presenceEvents: new Rate(limits.presence_events_per_second),
  changes: createPostgresChanges({ databaseUrl: adminUrl, log }),
};

await waitForSchema();
await keepPartitions(sql);
setInterval(() => keepPartitions(sql).catch(log), PARTITIONS_EVERY_MS);
const end = new AbortController();
const following = followDatabaseBroadcasts(context, { databaseUrl: adminUrl, signal: end.signal, log });
await following.started;
const server = createRealtimeServer(context, { metricsToken: secrets.gatewayToken });
server.listen(ports.realtime, "127.0.0.1", () => {
  goOnWhateverHappens();
  announceReady();
});

Deno.addSignalListener("SIGTERM", async () => {
  server.close();
  end.abort();
  await Promise.race([
    Promise.allSettled([following.ended, context.changes.close(), sql.end({ timeout: 1 })]),
    delay(GOODBYE_MS),
  ]);
  Deno.exit(0);
});

/** One client's fault, wherever nobody has foreseen it, is not the end of all the others. */
function goOnWhateverHappens(): void {
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    console.error("Nobody has foreseen:", event.reason);
  });
  addEventListener("error", (event) => {
    event.preventDefault();
    console.error("Nobody has foreseen:", event.error);
  });
}

/** Waits for the supervisor to start Postgres and make the schema, so that loading this module overlaps that. */
async function waitForSchema(): Promise<void> {
  for (;;) {
    try {
      await sql`select 'realtime.messages'::regclass`;
      return;
    } catch {
      await delay(20);
    }
  }
}
