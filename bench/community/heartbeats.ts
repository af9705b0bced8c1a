import postgres from "postgres";

import { table } from "../markdown.ts";
import type { Section } from "../section.ts";
import { serverCpuMs } from "../server_cpu.ts";
import { quantile } from "../statistics.ts";
import { ACTIVE_USERS, userOf } from "./community_of_size.ts";

const MINUTE_MS = 60_000;
const CONNECTIONS = 16;

/** What 500 users who are online cost: each sends a heartbeat a minute, and each of these writes. */
export async function measureHeartbeats(
  sql: postgres.Sql,
  databaseUrl: string,
  minutes: number,
): Promise<Section> {
  const latenciesMs: number[] = [];
  const cpuBefore = await serverCpuMs(sql);
  for (let minute = 0; minute < minutes; minute++) {
    await sql`update private.presence set last_seen_at = last_seen_at - interval '1 minute'`;
    const crowd = postgres(databaseUrl, { max: CONNECTIONS, onnotice: () => {} });
    await Promise.all(Array.from({ length: ACTIVE_USERS }, async (_, index) => {
      await crowd.begin(async (transaction) => {
        const start = performance.now();
        await transaction`
          with claims as materialized (
            select set_config('request.jwt.claims',
              json_build_object('sub', ${
          transaction.unsafe(userOf(String(index + 1)))
        }, 'role', 'authenticated')::text, true)
          )
          select public.rpc_update_activity() from claims`;
        latenciesMs.push(performance.now() - start);
      });
    }));
    await crowd.end();
  }
  const cpuAfter = await serverCpuMs(sql);
  const cpuMs = cpuBefore === undefined || cpuAfter === undefined
    ? undefined
    : (cpuAfter - cpuBefore) / minutes;
  return {
    title: `Community: heartbeats of ${ACTIVE_USERS} users who are online`,
    text:
      `Each user's once a minute, ${minutes} minutes' worth as fast as they come. The server's CPU time includes its new ` +
      "connections, which a pooler keeps.",
    table: table(["", "p50 ms", "p99 ms", "server CPU ms a minute", "share of one core"], [[
      "rpc_update_activity()",
      quantile(latenciesMs, 0.5).toFixed(2),
      quantile(latenciesMs, 0.99).toFixed(2),
      cpuMs?.toFixed(0) ?? "",
      cpuMs === undefined ? "" : `${(cpuMs / MINUTE_MS * 100).toFixed(2)} %`,
    ]]),
  };
}
