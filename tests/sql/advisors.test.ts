import { describe, expect, it } from "vitest";

import { stack } from "../support/stack.ts";
import { advise } from "./advisors.ts";
import { createDatabase, type Database, newId } from "./support.ts";

/** A day of codes, as far as the cleanup looks at them. */
async function useOneTimeCodes(sql: Database["sql"]): Promise<void> {
  await sql`
    insert into otp_codes (id, phone_number, purpose, channel, country, prefix, requester, network, code,
      created_at, expires_at)
    select gen_random_uuid(), '+336' || 10000000 + number, 'verify_phone', 'sms', 'FR', '+3361000', 'x', 'x', 'k.x', now(),
      now() + number * interval '1 second'
    from generate_series(1, 4000) as number`;
  await sql`
    insert into private.otp_decisions (issuance_id, outcome, guard_mode, purpose, channel, country, prefix, phone, network,
      created_at, updated_at)
    select gen_random_uuid(), 'allowed', 'off', 'verify_phone', 'sms', 'FR', '+3361000', 'x', 'x',
      now() - number * interval '1 minute', now()
    from generate_series(1, 4000) as number`;
  await sql`
    insert into private.otp_used_proofs (id, expires_at)
    select gen_random_uuid(), now() + number * interval '1 second' from generate_series(1, 4000) as number`;
  await sql`
    insert into private.otp_known_phones (phone, network, verified_at)
    select number::text, 'x', now() - number * interval '1 hour' from generate_series(1, 8000) as number`;
  await sql`
    insert into private.otp_statistics (kind, area, day)
    select 'prefix', number::text, current_date - number % 60 from generate_series(1, 4000) as number`;
}

/** A database that was in use: an index that nothing uses is a finding. */
async function createUsedDatabase() {
  const database = await createDatabase({ copied: false });
  const { sql, ledger } = database;
  const user = newId();
  await ledger.add(user, 1_000);
  await sql`
    select add_tokens(user_id, 100, 'test'), consume_tokens_atomic(user_id::text, user_id, 1, 'meal-analyzer')
    from (select gen_random_uuid() as user_id from generate_series(1, 4000)) as users`;
  await sql`
    select hold_tokens(gen_random_uuid()::text, ${user}, 1, 'meal-analyzer') from generate_series(1, 50)`;
  await sql`
    insert into tokens (key, token_data, expires_at)
    select 'test:' || number, to_jsonb('t1.x.x'::text), now() + interval '1 day' from generate_series(1, 4000) as number`;
  await sql`
    insert into private.oauth_authorizations (state_hash, request, expires_at)
    select number, 't1.x.x', now() + interval '1 day' from generate_series(1, 4000) as number`;
  await sql`
    insert into private.oauth_grants (key, subject, provider, granted_at, renewed_at, kept_until)
    select 'grant:' || number, gen_random_uuid(), 'x', now(), now(), now() + number * interval '1 hour'
    from generate_series(1, 4000) as number`;
  await sql`
    insert into tradovate_tokens (account_name, main_account, token_type, access_token, token_length, expires_at,
      updated_at, source, fingerprint, expiry_source)
    select 'account-' || number, 'main-' || number / 20, 'bearer', 't1.x.x', 1, now() + number * interval '1 minute',
      now() - number * interval '1 second', 'redis', 'x', 'jwt'
    from generate_series(1, 4000) as number`;
  await sql`
    insert into token_key_mappings (main_account, redis_key, key_type)
    select 'main-' || number / 20, 'token:account-' || number, 'main' from generate_series(1, 4000) as number`;
  await sql`select read_provider_token('account-' || number, 'x', 'x') from generate_series(1, 4000) as number`;
  await useOneTimeCodes(sql);
  await sql.unsafe("analyze");
  await sql`select private.cleanup_expired_otps()`;
  await sql`
    select * from private.otp_decisions
    where auth_user_id is not null and verified_at is null and created_at > now() - interval '2 hours'`;
  await sql`select * from tradovate_tokens where is_active order by updated_at desc limit 20`;
  await sql`select * from tradovate_tokens where main_account = 'main-7' and is_active`;
  await sql`select * from tradovate_tokens where expires_at < now() + interval '10 minutes' and is_active`;
  await sql`select * from token_key_mappings where main_account = 'main-7'`;
  await sql`select * from private.token_access_log where account_name = 'account-7' order by id desc`;
  await sql`select private.cleanup_oauth_tokens()`;
  await sql`select * from private.oauth_grants where subject = ${newId()}`;
  await ledger.hold(user, 2_000, newId());
  await ledger.cleanup();
  await sql.begin(async (transaction) => {
    await transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: user })}, true)`;
    await transaction`set local role authenticated`;
    for (
      const table of ["token_balances", "token_balance_history", "token_consumption_locks", "token_anomalies"]
    ) {
      await transaction`select * from ${transaction(table)}`;
    }
  });
  await sql`select pg_stat_force_next_flush()`;
  return database;
}

describe("supabase db advisors", () => {
  it("finds nothing on a database that was in use", async () => {
    const { url } = await createUsedDatabase();
    expect(await advise(url)).toEqual([]);
  });

  it("finds nothing but unused indexes on a database that nobody has used yet", async () => {
    const { url } = await createDatabase();
    expect((await advise(url)).filter((one) => one.name !== "unused_index")).toEqual([]);
  });

  it("finds nothing but unused indexes on the running stack, as the CLI shows it to who asks", async () => {
    expect((await advise(stack.databaseUrl)).filter((one) => one.name !== "unused_index")).toEqual([]);
  });

  it("would find a table without row level security, a mutable search_path and a redundant index", async () => {
    const { url, sql } = await createDatabase();
    await sql.unsafe(`
      create table public.forgotten (id bigint primary key);
      grant select on public.forgotten to anon;
      create function public.hijackable() returns integer language sql as 'select 1';
      create index needless on public.token_balances (updated_at);`);
    const names = (await advise(url)).map((one) => one.name);
    expect(names).toEqual(
      expect.arrayContaining(["rls_disabled_in_public", "function_search_path_mutable", "unused_index"]),
    );
  });
});
