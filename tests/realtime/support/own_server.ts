import type { AddressInfo } from "node:net";
import postgres from "postgres";
import { afterAll, inject } from "vitest";

import { databaseUrl } from "../../../scripts/local/database_url.ts";
import { portsAt } from "../../../scripts/local/ports.ts";
import { ADMIN_ROLE } from "../../../scripts/local/postgres.ts";
import { Authorization } from "../../../scripts/local/realtime/authorization.ts";
import { createPostgresChanges } from "../../../scripts/local/realtime/changes/changes.ts";
import type { Context } from "../../../scripts/local/realtime/context.ts";
import { Credentials } from "../../../scripts/local/realtime/credentials.ts";
import { Measures } from "../../../scripts/local/realtime/measures.ts";
import { PresenceList } from "../../../scripts/local/realtime/presence.ts";
import { Rate } from "../../../scripts/local/realtime/rate.ts";
import { Rooms } from "../../../scripts/local/realtime/rooms.ts";
import { createRealtimeServer } from "../../../scripts/local/realtime/server.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../scripts/local/realtime/settings.ts";
import { readSecrets } from "../../../scripts/local/secrets.ts";

/** The stack's Realtime once more, with limits of its own, in this process; it follows no broadcasts of the database. */
export async function openOwnServer(limits: Partial<Limits>, { silenceMs }: { silenceMs?: number } = {}) {
  const { portBase, dataDir, publishableKey } = inject("stack");
  const secrets = await readSecrets(dataDir);
  const url = databaseUrl(portsAt(portBase).postgres, ADMIN_ROLE, secrets.adminPassword);
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  const all = { ...DEFAULT_LIMITS, ...limits };
  const context: Context = {
    limits: all,
    credentials: new Credentials(secrets),
    authorization: new Authorization(sql),
    sql,
    rooms: new Rooms(),
    presences: new PresenceList(),
    measures: new Measures(),
    joins: new Rate(all.joins_per_second),
    presenceEvents: new Rate(all.presence_events_per_second),
    changes: createPostgresChanges({ databaseUrl: url, log: () => {} }),
  };
  const server = createRealtimeServer(context, { metricsToken: secrets.gatewayToken, silenceMs });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await context.changes.close();
    await sql.end();
  };
  afterAll(close);
  return {
    context,
    base: `http://127.0.0.1:${port}`,
    path: "",
    apiKey: publishableKey,
    metricsToken: secrets.gatewayToken,
  };
}
