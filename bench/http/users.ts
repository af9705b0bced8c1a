import { createClient } from "@supabase/supabase-js";

import type { Stack } from "../../scripts/local/stack.ts";

const TOKENS = 1e9;

/** Signs up a user with tokens for any run, and returns the access token. */
export async function makeUser({ url, publishableKey, secretKey }: Stack): Promise<string> {
  const auth = { persistSession: false };
  const client = createClient(url, publishableKey, { auth });
  const { data, error } = await client.auth.signUp({
    email: `${crypto.randomUUID()}@example.com`,
    password: crypto.randomUUID(),
  });
  if (error || !data.session) throw error ?? new Error("Sign-up gave no session");
  const granted = await createClient(url, secretKey, { auth }).rpc("add_tokens", {
    p_user_id: data.session.user.id,
    p_amount: TOKENS,
    p_reason: "bench",
  });
  if (granted.error) throw granted.error;
  return data.session.access_token;
}
