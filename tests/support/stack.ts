import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, inject } from "vitest";

import type { StackUnderTest } from "./global_setup.ts";

/** The suite's own stack. */
export const stack: StackUnderTest = inject("stack");

/** A connection pool as the owner of the tables, closed after the test file. */
export function connect(options: { connections?: number } = {}): postgres.Sql {
  const sql = postgres(stack.databaseUrl, { max: options.connections ?? 10, onnotice: () => {} });
  afterAll(() => sql.end());
  return sql;
}

/** A client with the secret key: role service_role. */
export function serviceClient(): SupabaseClient {
  return createClient(stack.url, stack.secretKey, { auth: { persistSession: false } });
}

/** A client with the publishable key and nobody signed in: role anon. */
export function anonymousClient(): SupabaseClient {
  return createClient(stack.url, stack.publishableKey, { auth: { persistSession: false } });
}

export interface SignedInUser {
  id: string;
  token: string;
  /** Role authenticated, as this user. */
  client: SupabaseClient;
}

/** Signs up a user of its own for a test, with tokens to spend if asked for. */
export async function signUp({ tokens = 0 }: { tokens?: number } = {}): Promise<SignedInUser> {
  const client = anonymousClient();
  const { data, error } = await client.auth.signUp({
    email: `${crypto.randomUUID()}@example.com`,
    password: crypto.randomUUID(),
  });
  if (error || !data.session || !data.user) throw error ?? new Error("Sign-up gave no session");
  if (tokens > 0) await grant(data.user.id, tokens);
  return { id: data.user.id, token: data.session.access_token, client };
}

/** Adds tokens as an operator would. */
export async function grant(userId: string, tokens: number): Promise<void> {
  const { data, error } = await serviceClient().rpc("add_tokens", {
    p_user_id: userId,
    p_amount: tokens,
    p_reason: "test",
  });
  if (error || !data.success) throw error ?? new Error(data.message);
}
