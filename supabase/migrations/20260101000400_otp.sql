-- One-time codes by phone: the codes, and what keeps them from being guessed, bought by the thousand, or sent to somebody
-- who does not want them.
--
-- Whoever changes several of these tables locks their rows in this order, so that nobody waits in a circle: quotas
-- (rate_limits), otp_guesses, otp_codes, otp_decisions, user_phones, otp_statistics, otp_networks, otp_spend. The rows that
-- all requests share come last, and are held for the shortest time.

-- Tables --------------------------------------------------------------------------------------------------------

create table public.otp_settings (
  id boolean not null default true,
  code_lifetime interval not null default '5 minutes',
  most_attempts integer not null default 5,
  guesses_per_day integer not null default 20,
  verifications_per_network_hour integer not null default 300,
  cooldown interval not null default '60 seconds',
  sends_per_phone_day integer not null default 10,
  sends_per_network_hour integer not null default 30,
  sends_per_prefix_hour integer not null default 30,
  sends_per_country_hour integer not null default 1000,
  spend_cap_micros bigint not null default 50000000,
  guard_mode text not null default 'record_only',
  guard_countries_per_network integer not null default 3,
  guard_country_floor_day integer not null default 20,
  guard_country_floor_hour integer not null default 10,
  guard_prefix_floor_day integer not null default 10,
  guard_prefix_floor_hour integer not null default 5,
  verified_phone_lifetime interval not null default '180 days',
  proof_lifetime interval not null default '5 minutes',
  breaker_failures integer not null default 5,
  breaker_pause interval not null default '30 seconds',
  decision_retention interval not null default '90 days',
  digest_salt bytea not null default decode(
    replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'),
  constraint otp_settings_pkey primary key (id),
  constraint otp_settings_one_row check (id),
  constraint otp_settings_code_lifetime_known check (code_lifetime between '30 seconds' and '10 minutes'),
  constraint otp_settings_attempts_known check (most_attempts between 1 and 10),
  constraint otp_settings_guesses_known check (guesses_per_day between most_attempts and 100),
  constraint otp_settings_limits_known check (verifications_per_network_hour > 0 and sends_per_phone_day > 0
    and sends_per_network_hour > 0 and sends_per_prefix_hour > 0 and sends_per_country_hour > 0
    and spend_cap_micros >= 0 and cooldown > '0' and breaker_failures > 0 and breaker_pause > '0'),
  constraint otp_settings_guard_mode_known check (guard_mode in ('off', 'record_only', 'deny')),
  constraint otp_settings_retention_known check (decision_retention >= '1 day')
);

comment on table public.otp_settings is
  'Limits of one-time codes, changed by an operator in SQL, in one row. A change counts from the next request on.';
comment on column public.otp_settings.code_lifetime is 'How long a code is good; NIST SP 800-63B allows 10 minutes.';
comment on column public.otp_settings.most_attempts is 'Guesses that one code allows.';
comment on column public.otp_settings.guesses_per_day is
  'Wrong guesses that one phone allows in a day over all its codes; they come back evenly.';
comment on column public.otp_settings.verifications_per_network_hour is 'Guesses from one network, of whatever phones.';
comment on column public.otp_settings.cooldown is 'Between two codes for one phone.';
comment on column public.otp_settings.sends_per_phone_day is 'Codes for one phone in a day; they come back evenly.';
comment on column public.otp_settings.sends_per_network_hour is
  'Codes asked for from one network: an IPv4 address, or an IPv6 /64.';
comment on column public.otp_settings.sends_per_prefix_hour is
  'Codes for numbers that differ in their last four digits only.';
comment on column public.otp_settings.sends_per_country_hour is 'Codes for the numbers of one country.';
comment on column public.otp_settings.spend_cap_micros is
  'What all messages of one day (UTC) may cost, in millionths of the currency that the prices are in.';
comment on column public.otp_settings.guard_mode is
  'What happens to a request that looks like pumping: off, record_only (sent, and recorded), deny.';
comment on column public.otp_settings.guard_countries_per_network is
  'Countries that one network may ask for in 24 hours.';
comment on column public.otp_settings.guard_country_floor_day is
  'Unverified codes of a country and day that are never suspicious, however small its history.';
comment on column public.otp_settings.guard_country_floor_hour is 'The same for an hour.';
comment on column public.otp_settings.guard_prefix_floor_day is 'The same for a prefix and day.';
comment on column public.otp_settings.guard_prefix_floor_hour is 'The same for a prefix and hour.';
comment on column public.otp_settings.verified_phone_lifetime is
  'How long a verified phone counts as its user''s: numbers are given to others in time.';
comment on column public.otp_settings.proof_lifetime is 'How long the proof of a verified code is good.';
comment on column public.otp_settings.breaker_failures is
  'Failures in a row after which a provider is left alone for a while.';
comment on column public.otp_settings.breaker_pause is
  'For how long at first; doubled with each failure that follows, up to ten minutes.';
comment on column public.otp_settings.decision_retention is 'How long decisions are kept.';
comment on column public.otp_settings.digest_salt is
  'Salt of the digests that stand for phones and networks, so that those of two projects differ.';

insert into public.otp_settings default values;

create table public.otp_codes (
  id uuid not null,
  phone_number text not null,
  purpose text not null,
  owner_id uuid,
  channel text not null,
  country text not null,
  prefix text not null,
  network text not null,
  code text not null,
  attempts integer not null default 0,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  consumed_at timestamptz,
  constraint otp_codes_pkey primary key (id),
  -- A new code takes the place of the one before. A user who owns the phone has a place of its own, which nobody else
  -- can fill or guess at.
  constraint otp_codes_one_per_phone_and_purpose unique nulls not distinct (phone_number, purpose, owner_id),
  constraint otp_codes_phone_number_is_e164 check (phone_number ~ '^\+[1-9][0-9]{6,14}$')
) with (fillfactor = 80);

create index otp_codes_expires_at_idx on public.otp_codes (expires_at);

comment on table public.otp_codes is 'The codes that wait for their answer, one per phone, purpose and owner.';
comment on column public.otp_codes.id is
  'The challenge: names this issuance, in every answer and as the fence of what is said about its delivery.';
comment on column public.otp_codes.phone_number is 'E.164, with the plus sign.';
comment on column public.otp_codes.purpose is 'What the code is for; a code for one purpose is none for another.';
comment on column public.otp_codes.owner_id is
  'The signed-in user who verified this phone before and asked again; null for everybody else.';
comment on column public.otp_codes.channel is 'sms or email: how it was sent, and so what it proves.';
comment on column public.otp_codes.country is 'Where the number belongs, for the statistics.';
comment on column public.otp_codes.prefix is 'The number without its last four digits, for the statistics.';
comment on column public.otp_codes.network is
  'Digest of the network that asked: a guess without the challenge id must come from there.';
comment on column public.otp_codes.code is
  '<key id>.<hex of SHA-256 over the id and an HMAC of phone, purpose and code>. The HMAC''s key is not in the database, so '
  'that whoever has the database alone cannot find the code. Empty once the code was used.';
comment on column public.otp_codes.attempts is 'Guesses that were judged, the right one included.';
comment on column public.otp_codes.expires_at is 'From then on no guess is judged, by the database''s clock.';
comment on column public.otp_codes.consumed_at is 'When it was used: it cannot be used again.';

create table public.otp_guesses (
  key text not null,
  full_at timestamptz not null,
  constraint otp_guesses_pkey primary key (key)
) with (fillfactor = 50);

comment on table public.otp_guesses is
  'How much of a phone''s guesses of the day is used; outlives the codes, and a crash. A phone that is not there has all.';
comment on column public.otp_guesses.key is
  'Digest of the phone, and after a colon the user whose own guesses these are: nobody else can use up the owner''s.';
comment on column public.otp_guesses.full_at is 'From then on all guesses are there again.';

create table public.otp_decisions (
  issuance_id uuid,
  id bigint generated always as identity,
  request_key text,
  occurrence text,
  outcome text not null,
  reasons text[] not null default '{}',
  guard_mode text not null,
  purpose text not null,
  channel text not null,
  country text not null,
  prefix text not null,
  phone text not null,
  network text not null,
  owner_id uuid,
  auth_user_id uuid,
  cost_micros bigint not null default 0,
  delivery text not null default 'none',
  provider text,
  provider_message_id text,
  repeat_count bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  verified_at timestamptz,
  constraint otp_decisions_pkey primary key (id),
  constraint otp_decisions_issuance_id_key unique (issuance_id),
  constraint otp_decisions_request_key_key unique (request_key),
  constraint otp_decisions_occurrence_key unique (occurrence),
  constraint otp_decisions_outcome_known check (outcome in ('allowed', 'denied')),
  constraint otp_decisions_delivery_known check (delivery in ('none', 'pending', 'sent', 'unknown', 'failed'))
);

create index otp_decisions_created_at_idx on public.otp_decisions (created_at);
create index otp_decisions_waiting_for_auth_idx on public.otp_decisions (created_at)
  where auth_user_id is not null and verified_at is null;

comment on table public.otp_decisions is
  'Why a code was sent or not: one row per issuance, and one per hour for denials that are alike.';
comment on column public.otp_decisions.issuance_id is 'The code''s id; null for a denial.';
comment on column public.otp_decisions.request_key is
  'Digest of the caller''s idempotency key or the hook''s message id: the same request is not sent twice.';
comment on column public.otp_decisions.occurrence is
  'What makes denials alike: hour, reason, prefix and network. A flood of them is one row that counts.';
comment on column public.otp_decisions.outcome is 'allowed or denied.';
comment on column public.otp_decisions.reasons is
  'Of a denial why; of an allowed request what the guard would have denied it for.';
comment on column public.otp_decisions.guard_mode is 'The guard''s mode at that time.';
comment on column public.otp_decisions.purpose is 'What the code was for.';
comment on column public.otp_decisions.channel is 'sms, email, or auth_hook for a code of Supabase Auth.';
comment on column public.otp_decisions.country is 'Where the number belongs.';
comment on column public.otp_decisions.prefix is 'The number without its last four digits.';
comment on column public.otp_decisions.phone is 'Digest of the phone.';
comment on column public.otp_decisions.network is 'Digest of the network that asked.';
comment on column public.otp_decisions.owner_id is 'The user who asked and owned the phone already.';
comment on column public.otp_decisions.auth_user_id is
  'Of a code of Supabase Auth its user, whose next sign-in tells that the code arrived.';
comment on column public.otp_decisions.cost_micros is 'What was counted for it in otp_spend.';
comment on column public.otp_decisions.delivery is
  'pending: being sent; sent: a provider took it; unknown: it may have; failed: none did, and the code is gone.';
comment on column public.otp_decisions.provider is 'Who took it, or was tried last.';
comment on column public.otp_decisions.provider_message_id is 'The provider''s own name of the message.';
comment on column public.otp_decisions.repeat_count is 'How many denials this row stands for.';
comment on column public.otp_decisions.verified_at is 'When the code came back.';

create table public.otp_statistics (
  kind text not null,
  area text not null,
  day date not null,
  shard integer not null default 0,
  sent integer not null default 0,
  verified integer not null default 0,
  failed integer not null default 0,
  denied integer not null default 0,
  hour timestamptz not null default date_trunc('hour', now()),
  hour_sent integer not null default 0,
  hour_verified integer not null default 0,
  constraint otp_statistics_pkey primary key (kind, area, day, shard),
  constraint otp_statistics_kind_known check (kind in ('country', 'prefix'))
) with (fillfactor = 50);

create index otp_statistics_day_idx on public.otp_statistics (day);

comment on table public.otp_statistics is
  'What became of the codes of a country or prefix, per day (UTC): what the pumping guard compares with.';
comment on column public.otp_statistics.kind is 'country or prefix.';
comment on column public.otp_statistics.area is 'Which country or prefix.';
comment on column public.otp_statistics.day is 'The day in UTC.';
comment on column public.otp_statistics.shard is
  'Rows of one day are to be summed: who finds all of them in use counts in one more.';
comment on column public.otp_statistics.sent is 'Codes that were issued, those that nobody delivered aside.';
comment on column public.otp_statistics.verified is 'Of them, those that came back.';
comment on column public.otp_statistics.failed is 'Codes that no provider delivered.';
comment on column public.otp_statistics.denied is 'Requests that were denied.';
comment on column public.otp_statistics.hour is 'The hour that the two counters below are of.';
comment on column public.otp_statistics.hour_sent is 'Codes issued in that hour.';
comment on column public.otp_statistics.hour_verified is 'Codes that came back in that hour.';

create unlogged table public.otp_networks (
  network text not null,
  country text not null,
  seen_at timestamptz not null,
  constraint otp_networks_pkey primary key (network, country)
);

comment on table public.otp_networks is 'Which countries'' numbers a network asked for, and when last.';
comment on column public.otp_networks.network is 'Digest of the network.';
comment on column public.otp_networks.country is 'The country of the numbers.';
comment on column public.otp_networks.seen_at is 'When it last asked.';

create table public.otp_spend (
  channel text not null,
  day date not null,
  spent_micros bigint not null,
  messages integer not null,
  constraint otp_spend_pkey primary key (channel, day)
) with (fillfactor = 50);

comment on table public.otp_spend is 'What messages cost, per day (UTC): the spend cap stands on it, so it is logged.';
comment on column public.otp_spend.channel is 'What is paid for: sms, which all codes by SMS are, those of Supabase Auth included.';
comment on column public.otp_spend.day is 'The day in UTC.';
comment on column public.otp_spend.spent_micros is 'In millionths of the currency that the prices are in.';
comment on column public.otp_spend.messages is 'How many messages that were.';

create table public.otp_providers (
  name text not null,
  failures integer not null,
  open_until timestamptz,
  updated_at timestamptz not null,
  constraint otp_providers_pkey primary key (name)
);

comment on table public.otp_providers is
  'Circuit breakers of the providers that failed lately, shared by all instances; one that is not there works.';
comment on column public.otp_providers.name is 'The provider.';
comment on column public.otp_providers.failures is 'Failures in a row.';
comment on column public.otp_providers.open_until is
  'Until then it is not asked; after that one request tries it, and the others follow when it worked.';

create table public.otp_used_proofs (
  id uuid not null,
  expires_at timestamptz not null,
  constraint otp_used_proofs_pkey primary key (id)
);

create index otp_used_proofs_expires_at_idx on public.otp_used_proofs (expires_at);

comment on table public.otp_used_proofs is 'Proofs that were used, kept until they would have ended by themselves.';
comment on column public.otp_used_proofs.expires_at is 'When the proof ends.';

create table public.user_phones (
  user_id uuid not null references auth.users (id) on delete cascade,
  phone text not null,
  verified_at timestamptz not null,
  constraint user_phones_pkey primary key (user_id),
  constraint user_phones_phone_key unique (phone)
);

comment on table public.user_phones is
  'The phone that each user verified last. A phone is one user''s: whoever verifies it takes it over.';
comment on column public.user_phones.phone is 'E.164, with the plus sign.';
comment on column public.user_phones.verified_at is
  'When. Numbers are given to others in time: ask again when it is long ago.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.otp_settings enable row level security;
alter table public.otp_codes enable row level security;
alter table public.otp_guesses enable row level security;
alter table public.otp_decisions enable row level security;
alter table public.otp_statistics enable row level security;
alter table public.otp_networks enable row level security;
alter table public.otp_spend enable row level security;
alter table public.otp_providers enable row level security;
alter table public.otp_used_proofs enable row level security;
alter table public.user_phones enable row level security;

create policy "servers read decisions" on public.otp_decisions for select to service_role using (true);
create policy "servers read statistics" on public.otp_statistics for select to service_role using (true);
create policy "servers read the spend" on public.otp_spend for select to service_role using (true);
create policy "servers read the breakers" on public.otp_providers for select to service_role using (true);
create policy "nobody reads the settings" on public.otp_settings for select to public using (false);
create policy "nobody reads codes" on public.otp_codes for select to public using (false);
create policy "nobody reads guesses" on public.otp_guesses for select to public using (false);
create policy "nobody reads networks" on public.otp_networks for select to public using (false);
create policy "nobody reads used proofs" on public.otp_used_proofs for select to public using (false);
create policy "users read their phone" on public.user_phones
  for select to authenticated using (user_id = (select auth.uid()));

-- Functions -----------------------------------------------------------------------------------------------------

create function public.otp_digest(p_salt bytea, p_kind text, p_value text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return substring(encode(sha256(p_salt || convert_to(p_kind || '|' || p_value, 'UTF8')), 'hex') for 32);
end
$$;

comment on function public.otp_digest(bytea, text, text) is
  'What stands for a phone, a network or a key where the thing itself is not needed: 128 bits of a salted SHA-256, in hex.';

create function public.otp_code_of(p_id uuid, p_key_id text, p_mac text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_key_id || '.' || encode(sha256(uuid_send(p_id) || decode(p_mac, 'hex')), 'hex');
end
$$;

comment on function public.otp_code_of(uuid, text, text) is
  'What is kept of a code: binds the HMAC, which the function''s pepper made of phone, purpose and code, to the challenge.
p_mac is in hex; null gives null.';

create function public.count_otp(
  p_country text,
  p_prefix text,
  p_now timestamptz,
  p_sent integer default 0,
  p_verified integer default 0,
  p_failed integer default 0,
  p_denied integer default 0
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_day constant date := (p_now at time zone 'UTC')::date;
  v_hour constant timestamptz := date_trunc('hour', p_now);
  v_kind text;
  v_area text;
  v_shard integer;
begin
  foreach v_kind in array array['country', 'prefix'] loop
    v_area := case v_kind when 'country' then p_country else p_prefix end;
    -- A row that is in use is passed by: all requests of a country would wait for each other's commit.
    select shard into v_shard from public.otp_statistics
    where kind = v_kind and area = v_area and day = v_day
    order by shard
    limit 1
    for update skip locked;
    insert into public.otp_statistics as known
      (kind, area, day, shard, sent, verified, failed, denied, hour, hour_sent, hour_verified)
    values (v_kind, v_area, v_day, coalesce(v_shard, pg_backend_pid() % 16), p_sent, p_verified, p_failed, p_denied,
      v_hour, p_sent, p_verified)
    on conflict (kind, area, day, shard) do update set
      sent = known.sent + p_sent,
      verified = known.verified + p_verified,
      failed = known.failed + p_failed,
      denied = known.denied + p_denied,
      hour = greatest(known.hour, excluded.hour),
      hour_sent = case when known.hour < excluded.hour then 0 else known.hour_sent end + p_sent,
      hour_verified = case when known.hour < excluded.hour then 0 else known.hour_verified end + p_verified;
  end loop;
end
$$;

comment on function public.count_otp(text, text, timestamptz, integer, integer, integer, integer) is
  'Adds to the statistics of a country and a prefix; p_sent may be negative, for a code that was not delivered.';

create function public.otp_guard_reasons(
  p_settings public.otp_settings,
  p_country text,
  p_prefix text,
  p_network text,
  p_now timestamptz
)
returns text[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_today constant date := (p_now at time zone 'UTC')::date;
  v_hour constant timestamptz := date_trunc('hour', p_now);
  v_reasons text[] := '{}'::text[];
  v_area record;
  v_now_of record;
  v_best_day bigint;
begin
  if p_settings.guard_mode = 'off' then
    return v_reasons;
  end if;
  if (select count(*) from public.otp_networks
      where network = p_network and country <> p_country and seen_at > p_now - interval '24 hours')
    >= p_settings.guard_countries_per_network then
    v_reasons := v_reasons || 'countries_per_network'::text;
  end if;
  for v_area in
    select area.kind, area.name, area.floor_day, area.floor_hour
    from (values
      ('country', p_country, p_settings.guard_country_floor_day, p_settings.guard_country_floor_hour),
      ('prefix', p_prefix, p_settings.guard_prefix_floor_day, p_settings.guard_prefix_floor_hour)
    ) as area (kind, name, floor_day, floor_hour)
  loop
    select coalesce(sum(sent - verified), 0) + 1 as unverified_day, coalesce(sum(verified), 0) as verified_day,
      coalesce(sum(hour_sent - hour_verified) filter (where hour = v_hour), 0) + 1 as unverified_hour,
      coalesce(sum(hour_verified) filter (where hour = v_hour), 0) as verified_hour
    into v_now_of
    from public.otp_statistics
    where kind = v_area.kind and area = v_area.name and day = v_today;
    -- Nearly always: the history need not be read.
    continue when v_now_of.unverified_day <= v_area.floor_day and v_now_of.unverified_hour <= v_area.floor_hour;
    select coalesce(max(history.verified), 0) into v_best_day
    from (
      select sum(verified) as verified from public.otp_statistics
      where kind = v_area.kind and area = v_area.name and day between v_today - 14 and v_today - 1
      group by day
    ) as history;
    if v_now_of.unverified_day > greatest(v_area.floor_day, 0.3 * v_best_day, 0.3 * v_now_of.verified_day) then
      v_reasons := v_reasons || ('unverified_in_' || v_area.kind || '_day');
    end if;
    if v_now_of.unverified_hour > greatest(v_area.floor_hour, 0.2 * v_best_day / 6, 0.2 * v_now_of.verified_hour) then
      v_reasons := v_reasons || ('unverified_in_' || v_area.kind || '_hour');
    end if;
  end loop;
  return v_reasons;
end
$$;

comment on function public.otp_guard_reasons(public.otp_settings, text, text, text, timestamptz) is
  'Why a request looks like SMS pumping: codes that do not come back, more of them than the country''s or prefix''s own
history of 14 days explains, or one network that asks for many countries. None for a request that looks usual. The shares
are those of Authgear''s fraud protection.';

create function public.otp_sending_limits(
  p_settings public.otp_settings,
  p_phone text,
  p_network text,
  p_country text,
  p_prefix text
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_array(
    jsonb_build_object('name', 'cooldown', 'key', 'otp:cooldown:' || p_phone, 'quota', 1,
      'window_s', extract(epoch from p_settings.cooldown)),
    jsonb_build_object('name', 'phone', 'key', 'otp:phone:' || p_phone, 'quota', p_settings.sends_per_phone_day,
      'window_s', 86400),
    jsonb_build_object('name', 'prefix', 'key', 'otp:prefix:' || p_prefix, 'quota', p_settings.sends_per_prefix_hour,
      'window_s', 3600),
    jsonb_build_object('name', 'country', 'key', 'otp:country:' || p_country, 'quota',
      p_settings.sends_per_country_hour, 'window_s', 3600)
  ) || case when p_network is null then '[]' else jsonb_build_array(
    jsonb_build_object('name', 'network', 'key', 'otp:network:' || p_network, 'quota',
      p_settings.sends_per_network_hour, 'window_s', 3600)) end;
end
$$;

comment on function public.otp_sending_limits(public.otp_settings, text, text, text, text) is
  'The quotas that a code takes from, as take_rate_limits expects them. p_phone and p_network are digests; a null network,
as of Supabase Auth''s hook, has no quota.';

create function public.deny_otp(
  p_error text,
  p_reasons text[],
  p_retry_after_s numeric,
  p_decision jsonb,
  p_details jsonb default '{}'
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  insert into public.otp_decisions as known (occurrence, outcome, reasons, guard_mode, purpose, channel, country, prefix,
    phone, network, created_at, updated_at)
  values (concat_ws('|', date_trunc('hour', v_now), p_decision ->> 'prefix', p_decision ->> 'network',
      array_to_string(p_reasons, ',')), 'denied', p_reasons, p_decision ->> 'guard_mode', p_decision ->> 'purpose',
    p_decision ->> 'channel', p_decision ->> 'country', p_decision ->> 'prefix', p_decision ->> 'phone',
    p_decision ->> 'network', v_now, v_now)
  on conflict (occurrence) do update set repeat_count = known.repeat_count + 1, updated_at = v_now;
  perform public.count_otp(p_decision ->> 'country', p_decision ->> 'prefix', v_now, p_denied => 1);
  return jsonb_build_object('success', false, 'error', p_error, 'reasons', to_jsonb(p_reasons),
    'retry_after_s', p_retry_after_s) || p_details;
end
$$;

comment on function public.deny_otp(text, text[], numeric, jsonb, jsonb) is
  'Records a denial with its reasons, and gives back the answer of request_otp for it.';

create function public.request_otp(
  p_phone text,
  p_country text,
  p_purpose text,
  p_channel text,
  p_network text,
  p_key_id text,
  p_mac text,
  p_providers text[],
  p_cost_micros integer,
  p_user_id uuid default null,
  p_request_key text default null,
  p_auth_user_id uuid default null,
  p_test_mac text default null,
  p_test_until timestamptz default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_settings public.otp_settings;
  v_owner uuid;
  v_phone text;
  v_network text;
  v_prefix constant text := left(p_phone, -4);
  v_request_key text;
  v_id constant uuid := gen_random_uuid();
  v_known record;
  v_decision jsonb;
  v_reasons text[];
  v_providers text[];
  v_limits jsonb;
  v_is_test boolean;
  v_answer jsonb;
begin
  if p_phone is null or p_phone !~ '^\+[1-9][0-9]{6,14}$' or p_country is null or p_purpose is null or p_channel is null
    or p_providers is null or p_cost_micros is null or p_cost_micros < 0
    or (p_mac is not null and p_mac !~ '^[0-9a-f]{64}$') or (p_mac is not null and p_key_id is null) then
    return jsonb_build_object('success', false, 'error', 'invalid_request', 'reasons', '[]'::jsonb, 'retry_after_s', null);
  end if;
  -- Nothing here must survive a crash of the machine by the millisecond: who lost a code asks again, and the spend of the
  -- last moment is small. Without it the rows that all requests share would be held while the disk writes.
  perform set_config('synchronous_commit', 'off', true);
  select * into v_settings from public.otp_settings;

  if p_request_key is not null then
    v_request_key := public.otp_digest(v_settings.digest_salt, 'request', p_request_key);
    perform pg_advisory_xact_lock(hashtextextended('otp request ' || v_request_key, 0));
    v_now := clock_timestamp();
    select decision.issuance_id, decision.delivery, code.expires_at, decision.channel = 'auth_hook' as is_hook
    into v_known
    from public.otp_decisions as decision
    left join public.otp_codes as code
      on code.id = decision.issuance_id and code.expires_at > v_now and code.consumed_at is null
    where decision.request_key = v_request_key and decision.delivery <> 'failed'
      and (decision.delivery <> 'pending' or decision.created_at > v_now - interval '1 minute');
    if found and (v_known.expires_at is not null or v_known.is_hook) then
      return jsonb_build_object('success', true, 'duplicate', true, 'challenge_id', v_known.issuance_id,
        'expires_in_s', ceil(extract(epoch from v_known.expires_at - v_now)),
        'resend_in_s', ceil(extract(epoch from v_settings.cooldown)), 'attempts_left', v_settings.most_attempts,
        'providers', '[]'::jsonb, 'is_test', false, 'limits', '[]'::jsonb);
    end if;
    update public.otp_decisions set request_key = null where request_key = v_request_key;
  end if;
  v_now := clock_timestamp();

  select user_id into v_owner from public.user_phones
  where user_id = p_user_id and phone = p_phone and verified_at > v_now - v_settings.verified_phone_lifetime;
  v_phone := public.otp_digest(v_settings.digest_salt, 'phone', p_phone);
  v_network := public.otp_digest(v_settings.digest_salt, 'network', coalesce(p_network, ''));
  v_is_test := coalesce(p_test_until > v_now, false) and p_test_mac is not null;
  v_decision := jsonb_build_object('guard_mode', v_settings.guard_mode, 'purpose', p_purpose, 'channel', p_channel,
    'country', p_country, 'prefix', v_prefix, 'phone', v_phone, 'network', v_network);

  if v_is_test then
    insert into public.otp_codes as known (id, phone_number, purpose, owner_id, channel, country, prefix, network, code,
      created_at, expires_at)
    values (v_id, p_phone, p_purpose, v_owner, p_channel, p_country, v_prefix, v_network,
      public.otp_code_of(v_id, p_key_id, p_test_mac), v_now, v_now + v_settings.code_lifetime)
    on conflict (phone_number, purpose, owner_id) do update set id = excluded.id, channel = excluded.channel,
      network = excluded.network, code = excluded.code, attempts = 0, created_at = excluded.created_at,
      expires_at = excluded.expires_at, consumed_at = null;
    return jsonb_build_object('success', true, 'duplicate', false, 'challenge_id', v_id,
      'expires_in_s', extract(epoch from v_settings.code_lifetime), 'resend_in_s', 0,
      'attempts_left', v_settings.most_attempts, 'providers', '[]'::jsonb, 'is_test', true, 'limits', '[]'::jsonb);
  end if;

  v_providers := array(
    select given.name from unnest(p_providers) with ordinality as given (name, position)
    left join public.otp_providers as known on known.name = given.name
    where known.open_until is null or known.open_until <= v_now
    order by given.position);
  if cardinality(v_providers) = 0 then
    return public.deny_otp('delivery_unavailable', '{delivery_unavailable}', (
      select greatest(1, ceil(extract(epoch from min(open_until) - v_now))) from public.otp_providers
      where name = any(p_providers)), v_decision);
  end if;

  v_reasons := public.otp_guard_reasons(v_settings, p_country, v_prefix, v_network, v_now);
  -- Who owns the phone is no pump.
  if v_settings.guard_mode = 'deny' and v_owner is null and cardinality(v_reasons) > 0 then
    return public.deny_otp('too_many_sends', v_reasons, 3600, v_decision);
  end if;

  -- One that fails takes back all that the block has done: limits, code, statistics.
  begin
    v_limits := public.take_rate_limits(public.otp_sending_limits(v_settings, concat(v_phone, ':' || v_owner),
      case when p_network is not null then v_network end, p_country, v_prefix));
    if not (v_limits ->> 'allowed')::boolean then
      raise exception using errcode = 'OTP01';
    end if;
    if p_mac is not null then
      insert into public.otp_codes as known (id, phone_number, purpose, owner_id, channel, country, prefix, network, code,
        created_at, expires_at)
      values (v_id, p_phone, p_purpose, v_owner, p_channel, p_country, v_prefix, v_network,
        public.otp_code_of(v_id, p_key_id, p_mac), v_now, v_now + v_settings.code_lifetime)
      on conflict (phone_number, purpose, owner_id) do update set id = excluded.id, channel = excluded.channel,
        network = excluded.network, code = excluded.code, attempts = 0, created_at = excluded.created_at,
        expires_at = excluded.expires_at, consumed_at = null;
    end if;
    insert into public.otp_decisions (issuance_id, request_key, outcome, reasons, guard_mode, purpose, channel, country,
      prefix, phone, network, owner_id, auth_user_id, cost_micros, delivery, created_at, updated_at)
    values (v_id, v_request_key, 'allowed', v_reasons, v_settings.guard_mode, p_purpose, p_channel, p_country, v_prefix,
      v_phone, v_network, v_owner, p_auth_user_id, p_cost_micros, 'pending', v_now, v_now);
    perform public.count_otp(p_country, v_prefix, v_now, p_sent => 1);
    if p_network is not null then
      insert into public.otp_networks as known (network, country, seen_at) values (v_network, p_country, v_now)
      on conflict (network, country) do update set seen_at = excluded.seen_at;
    end if;
    if p_cost_micros > 0 then
      insert into public.otp_spend as known (channel, day, spent_micros, messages)
      select 'sms', (v_now at time zone 'UTC')::date, p_cost_micros, 1
      where p_cost_micros <= v_settings.spend_cap_micros
      on conflict (channel, day) do update set spent_micros = known.spent_micros + p_cost_micros, messages = known.messages + 1
        where known.spent_micros + p_cost_micros <= v_settings.spend_cap_micros;
      if not found then
        raise exception using errcode = 'OTP02';
      end if;
    end if;
  exception
    when sqlstate 'OTP01' then
      return public.deny_otp('too_many_sends', array['limit_' || (v_limits ->> 'denied_by')],
        (v_limits ->> 'retry_after_s')::numeric, v_decision,
        jsonb_build_object('denied_by', v_limits ->> 'denied_by', 'limits', v_limits -> 'limits'));
    when sqlstate 'OTP02' then
      return public.deny_otp('spend_cap', '{spend_cap}', ceil(extract(epoch from
        ((v_now at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC' - v_now)), v_decision);
  end;

  -- One request tries a provider whose pause is over; the others wait for what it says.
  update public.otp_providers set open_until = v_now + interval '15 seconds'
  where name = v_providers[1] and open_until <= v_now;

  select jsonb_build_object('success', true, 'duplicate', false, 'challenge_id', v_id,
    'expires_in_s', extract(epoch from v_settings.code_lifetime),
    'resend_in_s', ceil(extract(epoch from v_settings.cooldown)),
    'attempts_left', least(v_settings.most_attempts, coalesce((
      select floor(v_settings.guesses_per_day * (1 - greatest(0, extract(epoch from full_at - v_now)) / 86400) + 1e-6)
      from public.otp_guesses where key = concat(v_phone, ':' || v_owner)),
      v_settings.guesses_per_day)),
    'providers', to_jsonb(v_providers), 'is_test', false, 'limits', v_limits -> 'limits')
  into v_answer;
  return v_answer;
end
$$;

comment on function
  public.request_otp(text, text, text, text, text, text, text, text[], integer, uuid, text, uuid, text, timestamptz) is
  'Issues a code: all limits at once, all or nothing, by the database''s clock.
p_phone: E.164; p_country: ISO code, or the calling code; p_network: the caller''s network, null where it is not known and
not to be limited; p_key_id, p_mac: the pepper''s id and the HMAC in hex, null for a code that Supabase Auth keeps itself;
p_providers: by whom it may be sent, in order; p_cost_micros: what one message costs; p_user_id: the signed-in user;
p_request_key: makes a repeated request the same one; p_test_mac, p_test_until: the HMAC of a test number''s fixed code, and
until when it is one.
Answers { success, challenge_id, duplicate, expires_in_s, resend_in_s, attempts_left, providers (those to ask now), is_test,
limits } or { success: false, error, reasons, retry_after_s }; error: invalid_request, too_many_sends, spend_cap,
delivery_unavailable.';

create function public.record_otp_delivery(
  p_issuance_id uuid,
  p_delivery text,
  p_attempts jsonb,
  p_message_id text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_settings public.otp_settings;
  v_decision public.otp_decisions;
  v_attempt record;
  v_limit record;
  v_is_code_gone boolean := false;
begin
  if p_issuance_id is null or p_delivery is null or p_delivery not in ('sent', 'unknown', 'failed')
    or p_attempts is null or jsonb_typeof(p_attempts) <> 'array' then
    return jsonb_build_object('success', false, 'error', 'invalid_request');
  end if;
  perform set_config('synchronous_commit', 'off', true);
  perform pg_advisory_xact_lock(hashtextextended('otp delivery ' || p_issuance_id, 0));
  select * into v_settings from public.otp_settings;
  select * into v_decision from public.otp_decisions where issuance_id = p_issuance_id and delivery = 'pending';
  if not found then
    return jsonb_build_object('success', false, 'error', 'not_pending');
  end if;

  if p_delivery = 'failed' then
    -- What the phone's owner would have to wait for is given back; what limits the caller is not.
    for v_limit in
      select value ->> 'key' as key,
        make_interval(secs => (value ->> 'window_s')::double precision / (value ->> 'quota')::double precision) as spacing
      from jsonb_array_elements(public.otp_sending_limits(v_settings,
        concat(v_decision.phone, ':' || v_decision.owner_id), null, v_decision.country, v_decision.prefix))
      where value ->> 'name' in ('cooldown', 'phone')
      order by value ->> 'key' collate "C"
    loop
      update public.rate_limits set full_at = full_at - v_limit.spacing where key = v_limit.key;
    end loop;
    -- The id is the fence: a newer code of this phone has another one.
    delete from public.otp_codes where id = p_issuance_id and consumed_at is null;
    v_is_code_gone := found;
  end if;

  update public.otp_decisions set delivery = p_delivery, provider = p_attempts -> -1 ->> 'provider',
    provider_message_id = p_message_id, updated_at = v_now
  where issuance_id = p_issuance_id;

  if p_delivery = 'failed' then
    perform public.count_otp(v_decision.country, v_decision.prefix, v_now, p_sent => -1, p_failed => 1);
    update public.otp_spend set spent_micros = spent_micros - v_decision.cost_micros, messages = messages - 1
    where v_decision.cost_micros > 0 and channel = 'sms' and day = (v_decision.created_at at time zone 'UTC')::date;
  end if;

  for v_attempt in
    select value ->> 'provider' as provider, coalesce((value ->> 'is_fault')::boolean, false) as is_fault
    from jsonb_array_elements(p_attempts)
  loop
    if v_attempt.is_fault then
      insert into public.otp_providers as known (name, failures, open_until, updated_at)
      values (v_attempt.provider, 1,
        case when v_settings.breaker_failures <= 1 then v_now + v_settings.breaker_pause end, v_now)
      on conflict (name) do update set failures = known.failures + 1, updated_at = v_now,
        open_until = case when known.failures + 1 >= v_settings.breaker_failures then v_now + least(
          interval '10 minutes',
          v_settings.breaker_pause * power(2, least(10, known.failures + 1 - v_settings.breaker_failures))) end;
    else
      delete from public.otp_providers where name = v_attempt.provider;
    end if;
  end loop;
  return jsonb_build_object('success', true, 'error', null, 'is_code_gone', v_is_code_gone);
end
$$;

comment on function public.record_otp_delivery(uuid, text, jsonb, text) is
  'Says what became of an issuance, once: sent, unknown (a provider may have taken it), or failed, which deletes its code,
unless a newer one has taken the place, and gives back cooldown, the phone''s quota and the spend. p_attempts:
[{ "provider", "is_fault" }] in order; faults in a row open the provider''s circuit breaker, anything else closes it.
Answers { success, error: null, not_pending or invalid_request, is_code_gone }.';

create function public.verify_otp(
  p_phone text,
  p_purpose text,
  p_macs jsonb,
  p_network text,
  p_challenge_id uuid default null,
  p_user_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_settings public.otp_settings;
  v_phone text;
  v_network text;
  v_limits jsonb;
  v_code record;
  v_spacing interval;
  v_full_at timestamptz;
  v_key text;
  v_guess text;
  v_judged record;
begin
  if p_phone is null or p_purpose is null or p_macs is null or jsonb_typeof(p_macs) <> 'object' then
    return jsonb_build_object('success', false, 'error', 'invalid_request');
  end if;
  select * into v_settings from public.otp_settings;
  v_phone := public.otp_digest(v_settings.digest_salt, 'phone', p_phone);
  v_network := public.otp_digest(v_settings.digest_salt, 'network', coalesce(p_network, ''));
  v_limits := public.take_rate_limits(jsonb_build_array(jsonb_build_object('name', 'network',
    'key', 'otp:verify:' || v_network, 'quota', v_settings.verifications_per_network_hour, 'window_s', 3600)));
  if not (v_limits ->> 'allowed')::boolean then
    return jsonb_build_object('success', false, 'error', 'too_many_attempts', 'attempts_left', 0,
      'retry_after_s', v_limits -> 'retry_after_s');
  end if;

  -- A guess without the challenge is the one who asked; others can neither use up the attempts nor learn of the code.
  select id, owner_id, attempts, split_part(code, '.', 1) as key_id into v_code from public.otp_codes
  where phone_number = p_phone and purpose = p_purpose and (owner_id is null or owner_id = p_user_id)
    and (id = p_challenge_id or p_challenge_id is null and (network = v_network or owner_id is not null))
    and expires_at > v_now and consumed_at is null
  order by owner_id nulls last
  limit 1;
  if not found then
    return jsonb_build_object('success', false, 'error', 'expired');
  end if;
  if v_code.attempts >= v_settings.most_attempts then
    return jsonb_build_object('success', false, 'error', 'too_many_attempts', 'attempts_left', 0,
      'retry_after_s', null);
  end if;

  -- The phone's guesses of the day: taken before the code is compared, and locked, so that none is judged beyond them.
  v_spacing := interval '1 day' / v_settings.guesses_per_day;
  v_key := concat(v_phone, ':' || v_code.owner_id);
  insert into public.otp_guesses as used (key, full_at) values (v_key, v_now + v_spacing)
  on conflict (key) do update set full_at = greatest(used.full_at, v_now) + v_spacing
    where greatest(used.full_at, v_now) + v_spacing <= v_now + interval '1 day'
  returning full_at into v_full_at;
  if not found then
    select full_at into v_full_at from public.otp_guesses where key = v_key;
    return jsonb_build_object('success', false, 'error', 'too_many_attempts', 'attempts_left', 0,
      'retry_after_s', greatest(1, ceil(extract(epoch from v_full_at + v_spacing - interval '1 day' - v_now))));
  end if;

  -- Claims the attempt and compares, in one statement: of many at once each sees what the one before has left.
  v_now := clock_timestamp();
  v_guess := public.otp_code_of(v_code.id, v_code.key_id, p_macs ->> v_code.key_id);
  update public.otp_codes as known set
    attempts = known.attempts + 1,
    consumed_at = case when known.code = v_guess then v_now end,
    code = case when known.code = v_guess then '' else known.code end
  where known.id = v_code.id and known.attempts < v_settings.most_attempts and known.consumed_at is null
    and known.expires_at > v_now
  returning known.consumed_at is not null as is_right, known.attempts, known.channel, known.country, known.prefix
  into v_judged;
  if not found then
    -- Another guess was faster: this one was not judged, and costs nothing.
    update public.otp_guesses set full_at = full_at - v_spacing where key = v_key;
    return jsonb_build_object('success', false, 'attempts_left', 0, 'retry_after_s', null, 'error',
      case when exists (select from public.otp_codes where id = v_code.id and consumed_at is null and expires_at > v_now)
        then 'too_many_attempts' else 'expired' end);
  end if;
  if not v_judged.is_right then
    return jsonb_build_object('success', false, 'error', 'incorrect', 'attempts_left', greatest(0, least(
      v_settings.most_attempts - v_judged.attempts,
      floor(v_settings.guesses_per_day * (1 - extract(epoch from v_full_at - v_now) / 86400) + 1e-6))));
  end if;

  delete from public.otp_guesses where key = v_key;
  update public.otp_decisions set verified_at = v_now, updated_at = v_now where issuance_id = v_code.id;
  if p_user_id is not null and v_judged.channel = 'sms' then
    delete from public.user_phones where phone = p_phone and user_id <> p_user_id;
    insert into public.user_phones (user_id, phone, verified_at) values (p_user_id, p_phone, v_now)
    on conflict (user_id) do update set phone = excluded.phone, verified_at = excluded.verified_at;
  end if;
  perform public.count_otp(v_judged.country, v_judged.prefix, v_now, p_verified => 1);
  return jsonb_build_object('success', true, 'error', null, 'challenge_id', v_code.id, 'channel', v_judged.channel,
    'proof_id', gen_random_uuid(), 'verified_at', v_now, 'issued_at_s', floor(extract(epoch from v_now)),
    'expires_at_s', floor(extract(epoch from v_now + v_settings.proof_lifetime)));
end
$$;

comment on function public.verify_otp(text, text, jsonb, text, uuid, uuid) is
  'Judges a guess. p_macs: the HMAC in hex under each pepper, { "<key id>": "<mac>" }; p_network: the caller''s network;
p_challenge_id: which code, may be left out by who asked for it from the same network, and by the phone''s owner; p_user_id:
the signed-in user, whose verified phone it becomes when the code came by SMS.
Answers { success: true, challenge_id, channel, proof_id, verified_at, issued_at_s, expires_at_s } or { success: false,
error, attempts_left, retry_after_s }; error: incorrect, expired (or used, superseded, never sent), too_many_attempts,
invalid_request.';

create function public.use_otp_proof(p_id uuid, p_expires_at_s bigint)
returns text
language plpgsql
security definer
set search_path = ''
as $$
begin
  if p_id is null or p_expires_at_s is null or to_timestamp(p_expires_at_s) <= clock_timestamp() then
    return 'expired';
  end if;
  insert into public.otp_used_proofs (id, expires_at) values (p_id, to_timestamp(p_expires_at_s))
  on conflict do nothing;
  return case when found then 'used_now' else 'used_before' end;
end
$$;

comment on function public.use_otp_proof(uuid, bigint) is
  'Uses a proof, once: used_now, used_before or expired, by the database''s clock. The caller has checked its signature.';

create function public.settle_auth_hook_otps(p_limit integer default 1000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_settled record;
  v_count integer := 0;
begin
  for v_settled in
    update public.otp_decisions as decision set verified_at = users.last_sign_in_at, updated_at = clock_timestamp()
    from auth.users as users
    where decision.id in (
        select waiting.id from public.otp_decisions as waiting
        join auth.users as signed_in on signed_in.id = waiting.auth_user_id
        where waiting.auth_user_id is not null and waiting.verified_at is null and waiting.delivery in ('sent', 'unknown')
          and waiting.created_at > clock_timestamp() - interval '2 hours'
          and signed_in.last_sign_in_at between waiting.created_at and waiting.created_at + interval '1 hour'
        limit p_limit
        for update of waiting skip locked)
      and users.id = decision.auth_user_id
    returning decision.country, decision.prefix
  loop
    perform public.count_otp(v_settled.country, v_settled.prefix, clock_timestamp(), p_verified => 1);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

comment on function public.settle_auth_hook_otps(integer) is
  'Tells the guard which codes of Supabase Auth came back: those whose user signed in within the hour. Returns how many.';

create function public.cleanup_expired_otps(p_limit integer default 10000)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_codes integer;
  v_guesses integer;
  v_decisions integer;
  v_proofs integer;
  v_networks integer;
  v_statistics integer;
begin
  perform public.settle_auth_hook_otps();
  delete from public.otp_codes where id = any(array(
    select id from public.otp_codes where expires_at < v_now limit p_limit for update skip locked));
  get diagnostics v_codes = row_count;
  delete from public.otp_guesses where ctid = any(array(
    select ctid from public.otp_guesses where full_at < v_now limit p_limit for update skip locked));
  get diagnostics v_guesses = row_count;
  delete from public.otp_decisions where id = any(array(
    select id from public.otp_decisions
    where created_at < v_now - (select decision_retention from public.otp_settings)
    limit p_limit for update skip locked));
  get diagnostics v_decisions = row_count;
  delete from public.otp_used_proofs where id = any(array(
    select id from public.otp_used_proofs where expires_at < v_now limit p_limit for update skip locked));
  get diagnostics v_proofs = row_count;
  delete from public.otp_networks where ctid = any(array(
    select ctid from public.otp_networks where seen_at < v_now - interval '24 hours'
    limit p_limit for update skip locked));
  get diagnostics v_networks = row_count;
  delete from public.otp_statistics where ctid = any(array(
    select ctid from public.otp_statistics where day < (v_now at time zone 'UTC')::date - 60
    limit p_limit for update skip locked));
  get diagnostics v_statistics = row_count;
  return jsonb_build_object('codes', v_codes, 'guesses', v_guesses, 'decisions', v_decisions, 'proofs', v_proofs,
    'networks', v_networks, 'statistics', v_statistics);
end
$$;

comment on function public.cleanup_expired_otps(integer) is
  'Deletes what no limit and no guess stands on any more, at most p_limit rows of each table: expired codes, guesses that came
back, old decisions, proofs, networks and statistics. To be run every five minutes; nothing is wrong where it does not run.
Returns how many of each.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.user_phones to authenticated, service_role;
grant select on public.otp_decisions, public.otp_statistics, public.otp_spend, public.otp_providers to service_role;

revoke all on function
  public.otp_digest(bytea, text, text),
  public.otp_code_of(uuid, text, text),
  public.count_otp(text, text, timestamptz, integer, integer, integer, integer),
  public.otp_guard_reasons(public.otp_settings, text, text, text, timestamptz),
  public.otp_sending_limits(public.otp_settings, text, text, text, text),
  public.deny_otp(text, text[], numeric, jsonb, jsonb),
  public.request_otp(text, text, text, text, text, text, text, text[], integer, uuid, text, uuid, text, timestamptz),
  public.record_otp_delivery(uuid, text, jsonb, text),
  public.verify_otp(text, text, jsonb, text, uuid, uuid),
  public.use_otp_proof(uuid, bigint),
  public.settle_auth_hook_otps(integer),
  public.cleanup_expired_otps(integer)
from public, anon, authenticated;
grant execute on function
  public.request_otp(text, text, text, text, text, text, text, text[], integer, uuid, text, uuid, text, timestamptz),
  public.record_otp_delivery(uuid, text, jsonb, text),
  public.verify_otp(text, text, jsonb, text, uuid, uuid),
  public.use_otp_proof(uuid, bigint),
  public.cleanup_expired_otps(integer)
to service_role;
