import type { Sql } from "postgres";

import { grant, serviceClient, type SignedInUser, signUp } from "../support/stack.ts";
import { MATRIX } from "./matrix.ts";

/** A user with a row in every table and a file in every bucket, so that there is something to reach for. */
export interface PlantedUser extends SignedInUser {
  /** A file of the user's in every bucket. */
  filePath: string;
  /** A team's wallet that the user owns, with tokens and requests. */
  walletId: string;
}

export const FILE_TEXT = "a picture of the user's own";

const TOKENS = 1_000;

/** Signs up a user who owns tokens, a settled request, an open hold, an anomaly, a salon with a message, and files. */
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
  await Promise.all([resolveAnomaly(user.id), verifyPhone(user.id), runSomeJob()]);
  const walletId = await plantWallet(user.id);
  const salonId = await plantSalon(user);
  const filePath = `${user.id}/${salonId}/1.png`;
  const planted = { ...user, filePath, walletId };
  await Promise.all(Object.keys(MATRIX.buckets).map((bucket) => plantFile(bucket, planted)));
  await plantMessage(user, salonId);
  return planted;
}

/** Makes the user the owner of a salon that nobody else sees. */
async function plantSalon({ client }: SignedInUser): Promise<string> {
  const { data, error } = await client.rpc("create_salon_with_code", {
    p_name: "planted",
    p_visibility: "private",
  });
  if (!data?.success) throw error ?? new Error(data.error);
  return data.salon_id;
}

/** Writes a message of the user's, with a file, a reaction and a pin. */
async function plantMessage({ id, client }: SignedInUser, salonId: string): Promise<void> {
  const filePath = `${id}/${salonId}/attached.png`;
  await plantFile("attachments", { filePath });
  const sent = await client.rpc("send_message", {
    p_salon_id: salonId,
    p_content: "planted",
    p_client_id: crypto.randomUUID(),
    p_attachments: [filePath],
  });
  if (!sent.data?.success) throw sent.error ?? new Error(sent.data.error);
  const message = { p_message_id: sent.data.id };
  for (
    const { data, error } of [
      await client.rpc("toggle_message_reaction", { ...message, p_emoji: "👍" }),
      await client.rpc("pin_message", message),
    ]
  ) {
    if (!data?.success) throw error ?? new Error(data.error);
  }
}

/** Makes the user the owner of a wallet that owns tokens and caps, with a hold and a charge of the user's. */
async function plantWallet(userId: string): Promise<string> {
  const server = serviceClient();
  const made = await server.rpc("create_wallet", { p_user_id: userId, p_name: "planted" });
  if (!made.data?.success) throw made.error ?? new Error(made.data.error);
  const walletId: string = made.data.wallet_id;
  await grant(walletId, TOKENS);
  const request = {
    p_user_id: userId,
    p_wallet_id: walletId,
    p_token_amount: 1,
    p_operation_type: "meal-analyzer",
  };
  const settled = crypto.randomUUID();
  for (const id of [settled, crypto.randomUUID()]) {
    const { data, error } = await server.rpc("admit_request", { ...request, p_request_id: id });
    if (!data?.success) throw error ?? new Error(data.error);
  }
  const ends = [
    server.rpc("settle_tokens", {
      p_request_id: settled,
      p_user_id: walletId,
      p_attempt: 1,
      p_token_amount: 1,
    }),
    server.rpc("set_spend_caps", {
      p_user_id: walletId,
      p_daily_tokens: 1_000_000,
      p_monthly_tokens: null as never,
    }),
  ];
  for (const { error } of await Promise.all(ends)) if (error) throw error;
  return walletId;
}

/** An operator's note about a user. */
async function resolveAnomaly(userId: string): Promise<void> {
  const server = serviceClient();
  const { data } = await server.from("token_anomalies").select("id").eq("user_id", userId).limit(1).single();
  const { error } = await server.rpc("resolve_token_anomaly", {
    p_id: data?.id,
    p_by: "ada",
    p_note: "planted",
  });
  if (error) throw error;
}

/** Leaves a run in job_runs; refused while another test's is under way, which is as good. */
async function runSomeJob(): Promise<void> {
  const { error } = await serviceClient().rpc("run_job", { p_name: "prune_job_runs" });
  if (error) throw error;
}

/** Makes some phone the user's, as a code that came back does. */
export async function verifyPhone(userId: string): Promise<void> {
  const server = serviceClient();
  const mac = "0".repeat(64);
  const place = {
    p_phone: `+3362${String(crypto.getRandomValues(new Uint32Array(1))[0]! % 10_000_000).padStart(7, "0")}`,
    p_purpose: "verify_phone",
    p_network: crypto.randomUUID(),
  };
  const asked = await server.rpc("request_otp", {
    ...place,
    p_country: "FR",
    p_channel: "sms",
    p_key_id: "test",
    p_mac: mac,
    p_providers: ["planted"],
    p_cost_micros: 1,
  });
  const delivered = await server.rpc("record_otp_delivery", {
    p_issuance_id: asked.data?.challenge_id,
    p_delivery: "sent",
    p_attempts: [{ provider: `planted ${userId}`, is_fault: true }],
  });
  const judged = await server.rpc("verify_otp", { ...place, p_macs: { test: mac }, p_user_id: userId });
  if (!judged.data?.success) {
    throw asked.error ?? delivered.error ?? judged.error ?? new Error(judged.data.error);
  }
  const reported = await server.rpc("record_otp_report", {
    p_issuance_id: asked.data.challenge_id,
    p_provider: `planted ${userId}`,
    p_message_id: null,
    p_is_delivered: false,
    p_is_fault: true,
  });
  if (!reported.data?.success) throw reported.error ?? new Error(reported.data.error);
}

/** Puts a user's file into a bucket, again where it was removed. */
export async function plantFile(bucket: string, { filePath }: Pick<PlantedUser, "filePath">): Promise<void> {
  const { error } = await serviceClient().storage.from(bucket)
    .upload(filePath, FILE_TEXT, { contentType: "image/png", upsert: true });
  if (error) throw error;
}

/** Every row of some users in some tables with its version, so that a write that changes no value shows too. */
export async function versionsOf(sql: Sql, tables: string[], users: { id: string }[]): Promise<unknown[]> {
  const ids = users.map(({ id }) => `'${id}'`).join(", ");
  const relations = await relationsOf(sql);
  const rowsOf = (table: string) => {
    const { isView, owner, hasOrderingKey, hasSalon } = relations.get(table)!;
    // What has lost its author is nobody's: of salons, only those of these users are theirs alone.
    const isOurs = hasSalon
      ? ` and rows.salon_id in (select salon_id from public.salon_members where user_id in (${ids}))`
      : "";
    // The bare column can use an index: most rows are other tests', and this is asked thousands of times.
    const isWanted = owner && !hasOrderingKey
      ? `(rows.${owner} is null${isOurs} or rows.${owner} in (${ids}))`
      : `coalesce(
          coalesce(to_jsonb(rows) ->> '${
        owner ?? "user_id"
      }', substring(to_jsonb(rows) ->> 'ordering_key' from '^user:(.*)$'))
            in (${ids}), true)`;
    return `
      select '${table}' as table, ${isView ? "null, null" : "rows.xmin::text, rows.ctid::text"},
        to_jsonb(rows) as row
      from public.${table} as rows
      where ${isWanted}`;
  };
  // Prepared, as to plan it takes longer than to run it.
  const text = `${tables.map(rowsOf).join(" union all ")} order by 1, 4`;
  return [...await sql.unsafe(text, [], { prepare: true })];
}

/** Whose a row is. A user's own wallet has the user's id. */
export type OwnerColumn = "user_id" | "wallet_id";

interface Relation {
  isView: boolean;
  owner: OwnerColumn | null;
  hasOrderingKey: boolean;
  hasSalon: boolean;
}

const known = new WeakMap<Sql, Promise<Map<string, Relation>>>();

/** The tables and views by name, asked for once. */
function relationsOf(sql: Sql): Promise<Map<string, Relation>> {
  const found = known.get(sql) ?? sql<({ name: string } & Relation)[]>`
    select relname as name, relkind in ('v', 'm') as "isView", max(attname) filter (where attname in ('user_id', 'wallet_id')) as owner,
      bool_or(attname = 'ordering_key') as "hasOrderingKey", bool_or(attname = 'salon_id') as "hasSalon"
    from pg_class join pg_attribute on attrelid = pg_class.oid and not attisdropped
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    group by pg_class.oid, relname, relkind`.then((rows) => new Map(rows.map((row) => [row.name, row])));
  known.set(sql, found);
  return found;
}
