import type { Sql } from "postgres";

import { serviceClient, type SignedInUser, signUp } from "../support/stack.ts";
import { BUCKETS } from "./matrix.ts";

/** A user with a row in every table and a file in every bucket, so that there is something to reach for. */
export interface PlantedUser extends SignedInUser {
  /** A file of the user's in every bucket. */
  filePath: string;
}

export const FILE_TEXT = "a picture of the user's own";

const TOKENS = 1_000;

/** Signs up a user who owns tokens, a settled request, an open hold, an anomaly and a file. */
export async function plantUser(): Promise<PlantedUser> {
  const user = await signUp({ tokens: TOKENS });
  const server = serviceClient();
  const request = { p_user_id: user.id, p_token_amount: 1, p_operation_type: "meal-analyzer" };
  const calls = [
    server.rpc("consume_tokens_atomic", { ...request, p_request_id: crypto.randomUUID() }),
    server.rpc("hold_tokens", { ...request, p_request_id: crypto.randomUUID() }),
    server.rpc("set_spend_caps", {
      p_user_id: user.id,
      p_daily_tokens: 1_000_000,
      p_monthly_tokens: null as never,
    }),
    server.rpc("record_token_anomaly", {
      p_user_id: user.id,
      p_anomaly_type: "test",
      p_severity: "info",
      p_occurrence: crypto.randomUUID(),
    }),
  ];
  for (const { error } of await Promise.all(calls)) if (error) throw error;
  const filePath = `${user.id}/${crypto.randomUUID()}/1.png`;
  const planted = { ...user, filePath };
  await Promise.all(Object.keys(BUCKETS).map((bucket) => plantFile(bucket, planted)));
  return planted;
}

/** Puts a user's file into a bucket, again where it was removed. */
export async function plantFile(bucket: string, { filePath }: Pick<PlantedUser, "filePath">): Promise<void> {
  const { error } = await serviceClient().storage.from(bucket)
    .upload(filePath, FILE_TEXT, { contentType: "image/png", upsert: true });
  if (error) throw error;
}

/** Every row of some users in some tables with its version, so that a write that changes no value shows too. */
export async function versionsOf(sql: Sql, tables: string[], users: { id: string }[]): Promise<unknown[]> {
  const ids = users.map(({ id }) => id);
  const versions: unknown[] = [];
  for (const table of tables) {
    const rows = await sql`
      select ${table} as table, rows.xmin::text, rows.ctid::text, to_jsonb(rows) as row from ${
      sql(table)
    } as rows
      where coalesce(to_jsonb(rows) ->> 'user_id' = any(${ids}), true)
      order by to_jsonb(rows)::text`;
    versions.push(...rows);
  }
  return versions;
}
