import type postgres from "postgres";

const MAC = "'0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0'";
/** More codes than any run can verify. */
const WAITING = 150_000;

/** The phone number of a turn, spread over prefixes like an app's users. */
const phoneOf = (area: string, turn: string) =>
  `'+${area}' || lpad(((${turn})::bigint * 7919 % 100000000)::text, 8, '0')`;

const request = (turn: string) =>
  `select request_otp(${
    phoneOf("336", turn)
  }, 'FR', 'verify_phone', 'sms', 'n' || (${turn}::bigint % 50000), 'k', ${MAC},
  '{twilio,vonage}', 50000);`;

/** The scripts; each one takes the next phones. */
export const SCRIPTS = {
  "bare insert": `select nextval('bare_otp.request_turn') as turn \\gset
select bare_otp.request(${phoneOf("336", ":turn")}, ${MAC});\n`,
  "request_otp": `select nextval('public.bench_otp_request_turn') as turn \\gset
${request(":turn")}\n`,
  "bare update": `select nextval('bare_otp.verify_turn') as turn \\gset
select bare_otp.verify(${phoneOf("337", ":turn")}, ${MAC});\n`,
  "verify_otp": `select nextval('public.bench_otp_verify_turn') as turn \\gset
select verify_otp(${
    phoneOf("337", ":turn")
  }, 'verify_phone', jsonb_build_object('k', ${MAC}), 'n' || (:turn::bigint % 50000),
  md5(:turn::bigint::text)::uuid);\n`,
  "limits": `\\set turn random(1, 1000000000)
select take_rate_limits(jsonb_build_array(
  jsonb_build_object('name', 'a', 'key', 'bench a' || :turn::bigint, 'quota', 10, 'window_s', 60),
  jsonb_build_object('name', 'b', 'key', 'bench b' || :turn::bigint, 'quota', 10, 'window_s', 60),
  jsonb_build_object('name', 'c', 'key', 'bench c' || :turn::bigint % 50000, 'quota', 1000000, 'window_s', 60),
  jsonb_build_object('name', 'd', 'key', 'bench d' || :turn::bigint % 10000, 'quota', 1000000, 'window_s', 60),
  jsonb_build_object('name', 'e', 'key', 'bench e', 'quota', 1000000000, 'window_s', 60)));\n`,
};

/** Limits that deny nothing, so that each request sends a code. */
export async function liftLimits(sql: postgres.Sql): Promise<void> {
  await sql`
    update private.otp_settings set sends_per_network_hour = 250000000, sends_per_prefix_hour = 1000000000,
      sends_per_country_hour = 1000000000, sends_per_network_prefix_hour = 1000000000, verifications_per_network_hour = 250000000,
      spend_cap_micros = 1000000000000000, code_lifetime = '10 minutes'`;
}

/** Unverified codes in both tables; earlier rows are deleted. */
export async function fillWaiting(sql: postgres.Sql): Promise<void> {
  await sql`set synchronous_commit = off`;
  await sql`truncate public.otp_codes, private.otp_decisions, private.rate_limits, private.otp_statistics, bare_otp.codes`;
  await sql`select setval(name::regclass, 1) from unnest(array['bare_otp.request_turn', 'bare_otp.verify_turn',
    'public.bench_otp_request_turn', 'public.bench_otp_verify_turn']) as name`;
  await sql.unsafe(`
    insert into bare_otp.codes (phone_number, code, expires_at)
    select ${
    phoneOf("337", "turn")
  }, ${MAC}, now() + interval '1 day' from generate_series(1, ${WAITING}) as turn`);
  await sql.unsafe(`
    with waiting as (select md5(turn::text)::uuid as id, ${phoneOf("337", "turn")} as phone
      from generate_series(1, ${WAITING}) as turn)
    insert into public.otp_codes
      (id, phone_number, purpose, channel, country, prefix, requester, network, code, created_at, expires_at)
    select id, phone, 'verify_phone', 'sms', 'FR', left(phone, -4), 'n', 'n', private.otp_code_of(id, 'k', ${MAC}), now(),
      now() + interval '1 day'
    from waiting`);
  await sql`vacuum analyze public.otp_codes`;
  await sql`vacuum analyze bare_otp.codes`;
  await sql`reset synchronous_commit`;
}

/** Removes what `fillMany` added. */
export async function takeMany(sql: postgres.Sql): Promise<void> {
  await sql`delete from public.otp_codes where phone_number like '+338%'`;
  await sql`vacuum analyze public.otp_codes`;
}

/** Unused codes of other phones, as many as a busy project without a cleanup has. */
export async function fillMany(sql: postgres.Sql, count: number): Promise<void> {
  await sql`set synchronous_commit = off`;
  await sql.unsafe(`
    insert into public.otp_codes
      (id, phone_number, purpose, channel, country, prefix, requester, network, code, created_at, expires_at)
    select gen_random_uuid(), '+338' || lpad(turn::text, 8, '0'), 'verify_phone', 'sms', 'FR',
      left('+338' || lpad(turn::text, 8, '0'), -4), md5(turn::text), md5(turn::text), 'k.' || md5(turn::text) || md5(turn::text),
      now() - interval '1 hour', now() - interval '55 minutes'
    from generate_series(1, ${count}) as turn`);
  await sql`vacuum analyze public.otp_codes`;
  await sql`reset synchronous_commit`;
}
