-- One-time codes by phone: the codes, and the limits against guessing, mass sending and unwanted messages.
--
-- A transaction that changes several of these tables locks their rows in this order, so that there is no deadlock:
-- quotas (rate_limits), otp_codes, otp_guesses, otp_decisions, user_phones, otp_known_phones, otp_networks,
-- otp_statistics, otp_routes, otp_spend. The rows that all requests share come last, and are locked for the shortest
-- time.
--
-- The requester of a code is the signed-in user, or else the network. Each requester has its own codes, waiting times
-- and guesses, so nobody can use up another's. Shared limits (prefix, country, spend) give each network a small part
-- only, and never stop a verified owner.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.otp_settings (
  id boolean not null default true,
  code_lifetime interval not null default '5 minutes',
  most_attempts integer not null default 5,
  guesses_per_day integer not null default 20,
  guesses_per_phone_day integer not null default 100,
  verifications_per_network_hour integer not null default 300,
  cooldown interval not null default '60 seconds',
  sends_per_requester_day integer not null default 10,
  sends_per_phone_day integer not null default 10,
  sends_per_address_day integer not null default 10,
  sends_per_network_hour integer not null default 30,
  sends_per_network_prefix_hour integer not null default 5,
  sends_per_prefix_hour integer not null default 30,
  sends_per_country_hour integer not null default 1000,
  spend_cap_micros bigint not null default 50000000,
  spend_kept_percent integer not null default 20,
  guard_mode text not null default 'record_only',
  guard_codes_per_network integer not null default 1,
  guard_countries_per_network integer not null default 3,
  guard_network_floor_day integer not null default 10,
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
  constraint otp_settings_guesses_per_phone_known check (guesses_per_phone_day between guesses_per_day and 1000),
  -- Within the bounds of take_rate_limits, which is called with four times the quotas of a network.
  constraint otp_settings_limits_known check (verifications_per_network_hour between 1 and 250000000
    and sends_per_requester_day between 1 and 1000000000 and sends_per_phone_day between 1 and 1000000000
    and sends_per_address_day between 1 and 1000000000 and sends_per_network_hour between 1 and 250000000
    and sends_per_network_prefix_hour between 1 and 1000000000 and sends_per_prefix_hour between 1 and 1000000000
    and sends_per_country_hour between 1 and 1000000000
    and spend_cap_micros >= 0 and spend_kept_percent between 0 and 100),
  constraint otp_settings_floors_known check (guard_codes_per_network > 0 and guard_countries_per_network >= 0
    and guard_network_floor_day >= 0 and guard_country_floor_day >= 0 and guard_country_floor_hour >= 0
    and guard_prefix_floor_day >= 0 and guard_prefix_floor_hour >= 0),
  -- Bounded on both sides: an interval may be infinite, and then nothing would expire.
  constraint otp_settings_times_known check (cooldown between '1 second' and '1 hour' and breaker_failures > 0
    and breaker_pause between '1 second' and '10 minutes' and proof_lifetime between '1 second' and '1 hour'
    and verified_phone_lifetime between '1 day' and '3650 days'),
  constraint otp_settings_guard_mode_known check (guard_mode in ('off', 'record_only', 'deny')),
  constraint otp_settings_retention_known check (decision_retention between '1 day' and '3650 days')
);

comment on table private.otp_settings is
  'Limits of one-time codes; one row, which an operator changes in SQL. A change applies from the next request on.';
comment on column private.otp_settings.code_lifetime is
  'How long a code is valid; NIST SP 800-63B allows 10 minutes.';
comment on column private.otp_settings.most_attempts is 'Guesses that one code allows.';
comment on column private.otp_settings.guesses_per_day is
  'Wrong guesses per day at one phone''s codes by one requester (a user or a network); refills evenly.';
comment on column private.otp_settings.guesses_per_phone_day is
  'Wrong guesses per day at one phone''s codes by all requesters except its owner. Once they are used up, each code '
  'allows a single guess. NIST SP 800-63B allows 100 failures.';
comment on column private.otp_settings.verifications_per_network_hour is 'Guesses from one network, for any phones.';
comment on column private.otp_settings.cooldown is
  'The time between two codes for one phone and requester, or for one e-mail address.';
comment on column private.otp_settings.sends_per_requester_day is
  'Codes per day for one phone that one requester (a user or a network) may ask for; refills evenly.';
comment on column private.otp_settings.sends_per_phone_day is
  'Codes per day for one phone beyond the first two of each requester; refills evenly.';
comment on column private.otp_settings.sends_per_address_day is
  'Codes per day for one e-mail address; refills evenly.';
comment on column private.otp_settings.sends_per_network_hour is
  'Codes requested from one network: an IPv4 address, or an IPv6 /64. A /48 may request four times as many.';
comment on column private.otp_settings.sends_per_network_prefix_hour is
  'How many of a prefix''s codes one network (an IPv4 address or an IPv6 /48) may request.';
comment on column private.otp_settings.sends_per_prefix_hour is
  'Codes for numbers that differ only in their last four digits.';
comment on column private.otp_settings.sends_per_country_hour is 'Codes for the numbers of one country.';
comment on column private.otp_settings.spend_cap_micros is
  'The maximum cost of all messages of one day (UTC), in millionths of the currency of the prices.';
comment on column private.otp_settings.spend_kept_percent is
  'The share of the spend cap that is reserved for verified owners; strangers cannot use it up.';
comment on column private.otp_settings.guard_mode is
  'What happens to a request that looks like SMS pumping: off; record_only: send and record; deny.';
comment on column private.otp_settings.guard_codes_per_network is
  'At most this many unverified codes of one network and country per day (UTC) count for the country and the prefix.';
comment on column private.otp_settings.guard_countries_per_network is
  'The number of countries for which one network may request codes in 24 hours.';
comment on column private.otp_settings.guard_network_floor_day is
  'Up to this many unverified codes per network and day are never suspicious.';
comment on column private.otp_settings.guard_country_floor_day is
  'Up to this many unverified codes per country and day are never suspicious, however small its history.';
comment on column private.otp_settings.guard_country_floor_hour is 'The same for an hour.';
comment on column private.otp_settings.guard_prefix_floor_day is 'The same for a prefix and day.';
comment on column private.otp_settings.guard_prefix_floor_hour is 'The same for a prefix and hour.';
comment on column private.otp_settings.verified_phone_lifetime is
  'How long a verified phone counts as its user''s: operators reassign numbers.';
comment on column private.otp_settings.proof_lifetime is 'How long the proof of a verified code is valid.';
comment on column private.otp_settings.breaker_failures is
  'Consecutive failures that open a provider''s circuit breaker.';
comment on column private.otp_settings.breaker_pause is
  'How long the circuit breaker first stays open; doubles with each further failure, up to ten minutes.';
comment on column private.otp_settings.decision_retention is 'How long decisions are kept.';
comment on column private.otp_settings.digest_salt is
  'Salt of the digests of phones and networks, so that two projects have different ones.';

insert into private.otp_settings default values;

create table public.otp_codes (
  id uuid not null,
  phone_number text not null,
  purpose text not null,
  owner_id uuid,
  channel text not null,
  country text not null,
  prefix text not null,
  requester text not null,
  network text not null,
  undelivered_by text,
  code text not null,
  attempts integer not null default 0,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  consumed_at timestamptz,
  constraint otp_codes_pkey primary key (id),
  -- A new code replaces the previous one. Each requester has its own row, which nobody else can overwrite.
  constraint otp_codes_one_per_requester unique (phone_number, purpose, requester),
  constraint otp_codes_phone_number_is_e164 check (phone_number ~ '^\+[1-9][0-9]{6,14}$')
) with (fillfactor = 80);

create index otp_codes_expires_at_idx on public.otp_codes (expires_at);

comment on table public.otp_codes is
  'The codes that can still be verified, one per phone, purpose and requester. Deleted once they have expired.';
comment on column public.otp_codes.id is
  'The challenge id: names this issuance in every response, and is the fence for reports about its delivery.';
comment on column public.otp_codes.phone_number is 'E.164, with the plus sign.';
comment on column public.otp_codes.purpose is 'What the code is for; it works for no other purpose.';
comment on column public.otp_codes.owner_id is
  'The only user who may redeem it: a signed-in user who had verified this phone before, or whose e-mail address it '
  'was sent to.';
comment on column public.otp_codes.channel is 'How it was sent, and so what it proves: sms or email.';
comment on column public.otp_codes.country is 'The country of the number, for the statistics.';
comment on column public.otp_codes.prefix is 'The number without its last four digits, for the statistics.';
comment on column public.otp_codes.requester is
  'Who requested it, and whose guesses it uses: the id of the signed-in user (with the prefix email: for a code by '
  'e-mail), otherwise the digest of the network. A guess without a challenge id must come from this requester.';
comment on column public.otp_codes.network is
  'Digest of the requesting network (an IPv4 address or an IPv6 /48), for the statistics.';
comment on column public.otp_codes.undelivered_by is
  'The provider that reported it as undelivered: the next code is sent by another one.';
comment on column public.otp_codes.code is
  '<key id>.<hex of SHA-256 over the id and an HMAC of phone, purpose and code>. The HMAC''s key is not in the '
  'database, so the database alone does not reveal the code. Empty once the code was used.';
comment on column public.otp_codes.attempts is 'How many guesses were judged, the right one included.';
comment on column public.otp_codes.expires_at is 'From then on no guess is judged, by the database''s clock.';
comment on column public.otp_codes.consumed_at is 'When it was used; it cannot be used again.';

create table private.otp_guesses (
  key text not null,
  full_at timestamptz not null,
  constraint otp_guesses_pkey primary key (key)
) with (fillfactor = 50);

comment on table private.otp_guesses is
  'The day''s used guesses; they outlive the codes, and a database crash. A missing row means that none is used; '
  'rows are deleted once all guesses are refilled.';
comment on column private.otp_guesses.key is
  'Digest of the phone, a colon, and the requester; for the guesses of all requesters, only the digest.';
comment on column private.otp_guesses.full_at is 'From then on all guesses are available again.';

create table private.otp_decisions (
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
  limit_key text,
  is_repeat boolean not null default false,
  counts_for text[] not null default '{}',
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
  constraint otp_decisions_delivery_known check (delivery in
    ('none', 'pending', 'sent', 'unknown', 'failed', 'delivered', 'undelivered'))
);

create index otp_decisions_created_at_idx on private.otp_decisions (created_at);
create index otp_decisions_waiting_for_auth_idx on private.otp_decisions (created_at)
  where auth_user_id is not null and verified_at is null;

comment on table private.otp_decisions is
  'Why a code was sent or denied: one row per issuance, and one row per hour for similar denials.';
comment on column private.otp_decisions.issuance_id is 'The code''s id; null for a denial.';
comment on column private.otp_decisions.request_key is
  'Digest of the caller''s idempotency key or the hook''s message id: a repeated request is not sent twice.';
comment on column private.otp_decisions.occurrence is
  'What similar denials have in common: hour, reasons and network. A flood of them is one row that counts, whatever '
  'the numbers.';
comment on column private.otp_decisions.outcome is 'allowed or denied.';
comment on column private.otp_decisions.reasons is
  'Why it was denied; for an allowed request, why the guard would have denied it.';
comment on column private.otp_decisions.guard_mode is 'The guard''s mode at that time.';
comment on column private.otp_decisions.purpose is 'What the code was for.';
comment on column private.otp_decisions.channel is 'sms, email, or auth_hook for a code from Supabase Auth.';
comment on column private.otp_decisions.country is 'The country of the number.';
comment on column private.otp_decisions.prefix is
  'The number without its last four digits; for similar denials, that of the first.';
comment on column private.otp_decisions.phone is 'Digest of the phone; for similar denials, that of the first.';
comment on column private.otp_decisions.network is
  'Digest of the requesting network: an IPv4 address, or an IPv6 /48.';
comment on column private.otp_decisions.limit_key is
  'The key of the cooldown and quota that it used, which a failed delivery gives back.';
comment on column private.otp_decisions.is_repeat is
  'Whether it used the quota that all requesters of the phone share.';
comment on column private.otp_decisions.counts_for is
  'What the guard counts it for until it is verified: prefix, country.';
comment on column private.otp_decisions.owner_id is 'The requesting user, who already owned the phone.';
comment on column private.otp_decisions.auth_user_id is
  'For a code from Supabase Auth its user, whose next sign-in shows that the code arrived.';
comment on column private.otp_decisions.cost_micros is 'What otp_spend counted for it.';
comment on column private.otp_decisions.delivery is
  'pending: being sent; sent: a provider accepted it; unknown: a provider may have accepted it; failed: none did, '
  'and the code is deleted; delivered, undelivered: the provider''s later report.';
comment on column private.otp_decisions.provider is 'The provider that accepted it, or the last one tried.';
comment on column private.otp_decisions.provider_message_id is 'The provider''s id of the message.';
comment on column private.otp_decisions.repeat_count is 'How many denials this row stands for.';
comment on column private.otp_decisions.verified_at is 'When the code was verified.';

create table private.otp_statistics (
  kind text not null,
  area text not null,
  day date not null,
  shard integer not null default 0,
  sent integer not null default 0,
  verified integer not null default 0,
  failed integer not null default 0,
  denied integer not null default 0,
  waiting integer not null default 0,
  hour timestamptz not null default date_trunc('hour', now()),
  hour_sent integer not null default 0,
  hour_verified integer not null default 0,
  hour_waiting integer not null default 0,
  constraint otp_statistics_pkey primary key (kind, area, day, shard),
  constraint otp_statistics_kind_known check (kind in ('country', 'prefix', 'auth_country', 'auth_prefix'))
) with (fillfactor = 50);

create index otp_statistics_day_idx on private.otp_statistics (day);

comment on table private.otp_statistics is
  'Sent, verified and denied codes per country or prefix and day (UTC), which the pumping guard compares with.';
comment on column private.otp_statistics.kind is
  'country or prefix; with the prefix auth_ for codes from Supabase Auth, which does not report the network.';
comment on column private.otp_statistics.area is 'The country or prefix.';
comment on column private.otp_statistics.day is 'The day in UTC.';
comment on column private.otp_statistics.shard is
  'The rows of one day must be summed: a writer that finds all of them locked adds another.';
comment on column private.otp_statistics.sent is 'Issued codes, without those that nobody delivered.';
comment on column private.otp_statistics.verified is 'Those of them that were verified.';
comment on column private.otp_statistics.failed is 'Codes that no provider delivered.';
comment on column private.otp_statistics.denied is
  'Denied requests, without those of a network over its quota; for a prefix only where codes were sent, too.';
comment on column private.otp_statistics.waiting is
  'Unverified codes, at most otp_settings.guard_codes_per_network of each network: what the guard looks at.';
comment on column private.otp_statistics.hour is 'The hour of the counters below.';
comment on column private.otp_statistics.hour_sent is 'Codes issued in that hour.';
comment on column private.otp_statistics.hour_verified is 'Codes verified in that hour.';
comment on column private.otp_statistics.hour_waiting is 'Unverified codes of that hour, counted as in waiting.';

create unlogged table private.otp_networks (
  network text not null,
  country text not null,
  seen_at timestamptz not null,
  day date not null,
  sent integer not null,
  verified integer not null default 0,
  constraint otp_networks_pkey primary key (network, country)
) with (fillfactor = 50);

comment on table private.otp_networks is
  'The countries for which a network requested codes, and how many were verified. Kept for 24 hours after the last '
  'one.';
comment on column private.otp_networks.network is 'Digest of the network: an IPv4 address, or an IPv6 /48.';
comment on column private.otp_networks.country is 'The country of the numbers.';
comment on column private.otp_networks.seen_at is 'When the network last asked.';
comment on column private.otp_networks.day is 'The day (UTC) of the two counters below.';
comment on column private.otp_networks.sent is 'Issued codes, without those that nobody delivered.';
comment on column private.otp_networks.verified is 'Those of them that were verified.';

create table private.otp_known_phones (
  phone text not null,
  network text not null,
  verified_at timestamptz not null,
  constraint otp_known_phones_pkey primary key (phone, network)
) with (fillfactor = 80);

create index otp_known_phones_verified_at_idx on private.otp_known_phones (verified_at);

comment on table private.otp_known_phones is
  'The networks from which a phone''s codes were verified. A verified owner is exempt from the pumping guard, and is '
  'not stopped when strangers use up shared limits. Kept for otp_settings.verified_phone_lifetime; only a verified '
  'code creates a row.';
comment on column private.otp_known_phones.phone is 'Digest of the phone.';
comment on column private.otp_known_phones.network is
  'Digest of the requesting network: an IPv4 address, or an IPv6 /48.';
comment on column private.otp_known_phones.verified_at is 'When a code was last verified.';

create table private.otp_routes (
  provider text not null,
  country text not null,
  undelivered integer not null,
  updated_at timestamptz not null,
  constraint otp_routes_pkey primary key (provider, country)
);

comment on table private.otp_routes is
  'Routes that lose messages although the provider accepts them, by its own reports. Kept for a day after the last '
  'report.';
comment on column private.otp_routes.provider is 'The provider.';
comment on column private.otp_routes.country is 'The country of the phones.';
comment on column private.otp_routes.undelivered is
  'Consecutive undelivered messages that were not the phone''s fault: from otp_settings.breaker_failures on, other '
  'providers are tried first.';

create table private.otp_spend (
  channel text not null,
  day date not null,
  spent_micros bigint not null,
  messages integer not null,
  constraint otp_spend_pkey primary key (channel, day)
) with (fillfactor = 50);

comment on table private.otp_spend is
  'The cost of messages per day (UTC). The table is logged, because the spend cap depends on it, and never cleaned: '
  'one row a day.';
comment on column private.otp_spend.channel is
  'What is paid for: sms for all codes by SMS, including those of Supabase Auth.';
comment on column private.otp_spend.day is 'The day in UTC.';
comment on column private.otp_spend.spent_micros is 'In millionths of the currency of the prices.';
comment on column private.otp_spend.messages is 'The number of messages; one may be several SMS.';

create table private.otp_providers (
  name text not null,
  failures integer not null,
  open_until timestamptz,
  updated_at timestamptz not null,
  constraint otp_providers_pkey primary key (name)
);

comment on table private.otp_providers is
  'Circuit breakers of providers that failed recently, shared by all instances; a missing row means that the '
  'provider works.';
comment on column private.otp_providers.name is 'The provider.';
comment on column private.otp_providers.failures is 'Consecutive failures.';
comment on column private.otp_providers.open_until is
  'Until then the provider is not called. Afterwards one request tries it, and if it works the others follow.';

create table private.otp_used_proofs (
  id uuid not null,
  expires_at timestamptz not null,
  constraint otp_used_proofs_pkey primary key (id)
);

create index otp_used_proofs_expires_at_idx on private.otp_used_proofs (expires_at);

comment on table private.otp_used_proofs is 'Used proofs, kept until they expire.';
comment on column private.otp_used_proofs.expires_at is 'When the proof expires.';

create table public.user_phones (
  user_id uuid not null references auth.users (id) on delete cascade,
  phone text not null,
  verified_at timestamptz not null,
  constraint user_phones_pkey primary key (user_id),
  constraint user_phones_phone_key unique (phone)
);

comment on table public.user_phones is
  'The phone that each user verified last. A phone belongs to the user who verified it last.';
comment on column public.user_phones.phone is 'E.164, with the plus sign.';
comment on column public.user_phones.verified_at is
  'When it was verified. Operators reassign numbers: verify it again if that was long ago.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.otp_settings enable row level security;
alter table public.otp_codes enable row level security;
alter table private.otp_guesses enable row level security;
alter table private.otp_decisions enable row level security;
alter table private.otp_statistics enable row level security;
alter table private.otp_networks enable row level security;
alter table private.otp_known_phones enable row level security;
alter table private.otp_routes enable row level security;
alter table private.otp_spend enable row level security;
alter table private.otp_providers enable row level security;
alter table private.otp_used_proofs enable row level security;
alter table public.user_phones enable row level security;

create policy "servers read decisions" on private.otp_decisions for select to service_role using (true);
create policy "servers read statistics" on private.otp_statistics for select to service_role using (true);
create policy "servers read the spend" on private.otp_spend for select to service_role using (true);
create policy "servers read the breakers" on private.otp_providers for select to service_role using (true);
create policy "servers read the routes" on private.otp_routes for select to service_role using (true);
create policy "nobody reads the settings" on private.otp_settings for select to public using (false);
create policy "nobody reads codes" on public.otp_codes for select to public using (false);
create policy "nobody reads guesses" on private.otp_guesses for select to public using (false);
create policy "nobody reads networks" on private.otp_networks for select to public using (false);
create policy "nobody reads known phones" on private.otp_known_phones for select to public using (false);
create policy "nobody reads used proofs" on private.otp_used_proofs for select to public using (false);
create policy "users read their phone" on public.user_phones
  for select to authenticated using (user_id = (select auth.uid()));

-- Functions -----------------------------------------------------------------------------------------------------

create function private.otp_digest(p_salt bytea, p_kind text, p_value text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return substring(encode(sha256(p_salt || convert_to(p_kind || '|' || p_value, 'UTF8')), 'hex') for 32);
end
$$;

comment on function private.otp_digest(bytea, text, text) is
  'Stands for a phone, a network or a key where the value itself is not needed: 128 bits of a salted SHA-256, in '
  'hex.';

create function private.otp_code_of(p_id uuid, p_key_id text, p_mac text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_key_id || '.' || encode(sha256(uuid_send(p_id) || decode(p_mac, 'hex')), 'hex');
end
$$;

comment on function private.otp_code_of(uuid, text, text) is
  'What is stored of a code: binds the HMAC, which the function made from phone, purpose and code with its pepper, '
  'to the challenge. p_mac is in hex; null gives null.';

create function private.count_otp(
  p_channel text,
  p_country text,
  p_prefix text,
  p_now timestamptz,
  p_sent integer default 0,
  p_verified integer default 0,
  p_failed integer default 0,
  p_denied integer default 0,
  p_waiting integer default 0,
  p_counts_for text[] default '{}'
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_day constant date := (p_now at time zone 'UTC')::date;
  v_hour constant timestamptz := date_trunc('hour', p_now);
  v_area text;
  v_kind text;
  v_name text;
  v_shard integer;
  v_waiting integer;
begin
  if p_channel = 'email' then
    return;
  end if;
  foreach v_area in array array['country', 'prefix'] loop
    v_kind := case p_channel when 'auth_hook' then 'auth_' else '' end || v_area;
    v_name := case v_area when 'country' then p_country else p_prefix end;
    v_waiting := case when v_area = any(p_counts_for) then p_waiting else 0 end;
    -- A locked row is skipped: otherwise all requests of a country would wait for each other's commit.
    select shard into v_shard from private.otp_statistics
    where kind = v_kind and area = v_name and day = v_day
    order by shard
    limit 1
    for update skip locked;
    -- A denial creates no row for a prefix, since the caller chooses it.
    continue when p_denied > 0 and v_area = 'prefix' and v_shard is null;
    insert into private.otp_statistics as known
      (kind, area, day, shard, sent, verified, failed, denied, waiting, hour, hour_sent, hour_verified, hour_waiting)
    values (v_kind, v_name, v_day, coalesce(v_shard, pg_backend_pid() % 16), p_sent, p_verified, p_failed, p_denied,
      v_waiting, v_hour, p_sent, p_verified, v_waiting)
    on conflict (kind, area, day, shard) do update set
      sent = known.sent + p_sent,
      verified = known.verified + p_verified,
      failed = known.failed + p_failed,
      denied = known.denied + p_denied,
      waiting = known.waiting + v_waiting,
      hour = greatest(known.hour, excluded.hour),
      hour_sent = case when known.hour < excluded.hour then 0 else known.hour_sent end + p_sent,
      hour_verified = case when known.hour < excluded.hour then 0 else known.hour_verified end + p_verified,
      hour_waiting = case when known.hour < excluded.hour then 0 else known.hour_waiting end + v_waiting;
  end loop;
end
$$;

comment on function
  private.count_otp(text, text, text, timestamptz, integer, integer, integer, integer, integer, text[]) is
  'Adds to the statistics of a country and a prefix. p_sent is negative for a code that was not delivered. p_waiting '
  'is negative for a code that was verified, and counts for the areas in p_counts_for. Codes by e-mail are not '
  'counted.';

create function private.otp_guard(
  p_settings private.otp_settings,
  p_channel text,
  p_country text,
  p_prefix text,
  p_network text,
  p_now timestamptz,
  out network_reasons text[],
  out prefix_reasons text[],
  out country_reasons text[],
  out is_network_known boolean
)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_today constant date := (p_now at time zone 'UTC')::date;
  v_hour constant timestamptz := date_trunc('hour', p_now);
  v_network record;
  v_area record;
  v_now_of record;
  v_best_day bigint;
  v_reasons text[];
begin
  network_reasons := '{}';
  prefix_reasons := '{}';
  country_reasons := '{}';
  is_network_known := false;
  if p_settings.guard_mode = 'off' then
    return;
  end if;

  if p_network is not null then
    select count(*) filter (where country <> p_country) as other_countries,
      coalesce(sum(sent - verified) filter (where day = v_today), 0) + 1 as unverified,
      coalesce(sum(verified) filter (where day = v_today), 0) as verified
    into v_network
    from private.otp_networks
    where network = p_network and seen_at > p_now - interval '24 hours';
    is_network_known := v_network.verified > 0;
    if v_network.other_countries >= p_settings.guard_countries_per_network then
      network_reasons := network_reasons || 'countries_per_network'::text;
    end if;
    if v_network.unverified > greatest(p_settings.guard_network_floor_day, 0.3 * v_network.verified) then
      network_reasons := network_reasons || 'unverified_in_network_day'::text;
    end if;
  end if;

  for v_area in
    select area.name, area.value, area.floor_day, area.floor_hour,
      case p_channel when 'auth_hook' then 'auth_' else '' end || area.name as kind
    from (values
      ('prefix', p_prefix, p_settings.guard_prefix_floor_day, p_settings.guard_prefix_floor_hour),
      ('country', p_country, p_settings.guard_country_floor_day, p_settings.guard_country_floor_hour)
    ) as area (name, value, floor_day, floor_hour)
  loop
    select coalesce(sum(waiting), 0) + 1 as unverified_day, coalesce(sum(verified), 0) as verified_day,
      coalesce(sum(hour_waiting) filter (where hour = v_hour), 0) + 1 as unverified_hour,
      coalesce(sum(hour_verified) filter (where hour = v_hour), 0) as verified_hour
    into v_now_of
    from private.otp_statistics
    where kind = v_area.kind and area = v_area.value and day = v_today;
    -- The usual case: the history need not be read.
    continue when v_now_of.unverified_day <= v_area.floor_day and v_now_of.unverified_hour <= v_area.floor_hour;
    select coalesce(max(history.verified), 0) into v_best_day
    from (
      select sum(verified) as verified from private.otp_statistics
      where kind = v_area.kind and area = v_area.value and day between v_today - 14 and v_today - 1
      group by day
    ) as history;
    v_reasons := '{}';
    if v_now_of.unverified_day > greatest(v_area.floor_day, 0.3 * v_best_day, 0.3 * v_now_of.verified_day) then
      v_reasons := v_reasons || ('unverified_in_' || v_area.name || '_day');
    end if;
    if v_now_of.unverified_hour > greatest(v_area.floor_hour, 0.2 * v_best_day / 6, 0.2 * v_now_of.verified_hour) then
      v_reasons := v_reasons || ('unverified_in_' || v_area.name || '_hour');
    end if;
    if v_area.name = 'prefix' then
      prefix_reasons := v_reasons;
    else
      country_reasons := v_reasons;
    end if;
  end loop;
end
$$;

comment on function private.otp_guard(private.otp_settings, text, text, text, text, timestamptz) is
  'Why a request looks like SMS pumping: its network requested codes for many countries or left many codes '
  'unverified; or its prefix or country has more unverified codes than its own history of 14 days explains, of which '
  'each network counts at most guard_codes_per_network. Empty for a normal request. The shares are those of '
  'Authgear''s fraud protection. p_network: null if unknown, as for Supabase Auth. is_network_known: codes were '
  'verified from it in the last day.';

create function private.otp_is_known(p_phone text, p_network text, p_auth_user_id uuid, p_since timestamptz)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return exists (
      select from private.otp_known_phones
      where phone = p_phone and (p_network is null or network = p_network) and verified_at > p_since)
    or exists (
      select from auth.users where id = p_auth_user_id and phone_confirmed_at is not null);
end
$$;

comment on function private.otp_is_known(text, text, uuid, timestamptz) is
  'Whether a code for the phone was verified since then: from this network, from any network if p_network is null, '
  'or by its user of Supabase Auth. p_phone and p_network are digests.';

create function private.otp_network_limits(p_name text, p_network text, p_wide_network text, p_quota integer)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case when p_network is null then '[]' else jsonb_build_array(
    jsonb_build_object('name', 'network', 'key', 'otp:' || p_name || ':' || p_network, 'quota', p_quota, 'window_s', 3600))
  end || case when p_network is null or p_wide_network = p_network then '[]' else jsonb_build_array(
    jsonb_build_object('name', 'wide_network', 'key', 'otp:' || p_name || ':' || p_wide_network, 'quota', 4 * p_quota,
      'window_s', 3600)) end;
end
$$;

comment on function private.otp_network_limits(text, text, text, integer) is
  'The quotas of the caller''s network and of the wider network that contains it, in the form of take_rate_limits: '
  'one caller may have 65,536 IPv6 /64s. p_network and p_wide_network are digests; a null network has no quota.';

create function private.take_otp_network_limits(p_limits jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit jsonb;
  v_taken jsonb := jsonb_build_object('allowed', true);
begin
  -- The wider network first: once it denies, no row is created for each of the many networks in it.
  for v_limit in select value from jsonb_array_elements(p_limits) with ordinality order by ordinality desc loop
    v_taken := public.take_rate_limits(jsonb_build_array(v_limit));
    exit when not (v_taken ->> 'allowed')::boolean;
  end loop;
  return v_taken;
end
$$;

comment on function private.take_otp_network_limits(jsonb) is
  'Takes from the quotas of a network (otp_network_limits); they are not given back. Returns what take_rate_limits '
  'returns.';

create function private.otp_own_limits(
  p_settings private.otp_settings,
  p_channel text,
  p_limit_key text,
  p_repeated_phone text
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_array(
    jsonb_build_object('name', 'cooldown', 'key', 'otp:cooldown:' || p_limit_key, 'quota', 1,
      'window_s', extract(epoch from p_settings.cooldown)),
    jsonb_build_object('name', case p_channel when 'email' then 'address' else 'phone' end,
      'key', 'otp:phone:' || p_limit_key,
      'quota', case p_channel when 'email' then p_settings.sends_per_address_day else p_settings.sends_per_requester_day end,
      'window_s', 86400)
  ) || case when p_repeated_phone is null then '[]' else jsonb_build_array(
    jsonb_build_object('name', 'phone_of_all', 'key', 'otp:phone:' || p_repeated_phone,
      'quota', p_settings.sends_per_phone_day, 'window_s', 86400)) end;
end
$$;

comment on function private.otp_own_limits(private.otp_settings, text, text, text) is
  'The quotas that one requester has for a phone or an e-mail address, in the form of take_rate_limits; and, if '
  'p_repeated_phone (its digest) is given, the quota that all requesters of the phone share.';

create function private.deny_otp(
  p_error text,
  p_reasons text[],
  p_retry_after_s numeric,
  p_decision jsonb,
  p_network_limits jsonb,
  p_now timestamptz,
  p_details jsonb default '{}'
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- Denials use the network's quota for good: it bounds the rows that they leave behind.
  v_taken constant jsonb := private.take_otp_network_limits(p_network_limits);
  v_is_beyond constant boolean := not (v_taken ->> 'allowed')::boolean;
  v_reasons constant text[] := case when v_is_beyond then '{limit_network}' else p_reasons end;
begin
  insert into private.otp_decisions as known (occurrence, outcome, reasons, guard_mode, purpose, channel, country, prefix,
    phone, network, created_at, updated_at)
  values (concat_ws('|', date_trunc('hour', p_now), p_decision ->> 'network', array_to_string(v_reasons, ',')), 'denied',
    v_reasons, p_decision ->> 'guard_mode', p_decision ->> 'purpose', p_decision ->> 'channel', p_decision ->> 'country',
    p_decision ->> 'prefix', p_decision ->> 'phone', p_decision ->> 'network', p_now, p_now)
  on conflict (occurrence) do update set repeat_count = known.repeat_count + 1, updated_at = p_now;
  if v_is_beyond then
    return jsonb_build_object('success', false, 'error', 'too_many_sends', 'reasons', to_jsonb(v_reasons),
      'retry_after_s', v_taken -> 'retry_after_s', 'denied_by', 'network', 'limits', v_taken -> 'limits');
  end if;
  perform private.count_otp(p_decision ->> 'channel', p_decision ->> 'country', p_decision ->> 'prefix', p_now,
    p_denied => 1);
  return jsonb_build_object('success', false, 'error', p_error, 'reasons', to_jsonb(v_reasons),
    'retry_after_s', p_retry_after_s) || p_details;
end
$$;

comment on function private.deny_otp(text, text[], numeric, jsonb, jsonb, timestamptz, jsonb) is
  'Takes from the network''s quota, records a denial with its reasons, and returns the refusal of request_otp. '
  'Similar denials of a network and hour share one row, whatever the numbers; all denials of a network over its '
  'quota share one row.';

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
  p_test_until timestamptz default null,
  p_wide_network text default null,
  p_address text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_settings private.otp_settings;
  v_owner uuid;
  v_phone text;
  v_own_network text;
  v_network text;
  v_requester text;
  v_limit_key text;
  v_prefix constant text := left(p_phone, -4);
  v_request_key text;
  v_id constant uuid := gen_random_uuid();
  v_previous record;
  v_decision jsonb;
  v_guard record;
  v_reasons text[] := array[]::text[];
  v_counts_for text[];
  v_providers text[];
  v_network_limits jsonb;
  v_limits jsonb;
  v_denied_by text;
  v_is_repeat boolean := false;
  v_is_known boolean;
  v_is_test boolean;
  v_cap_micros bigint;
  v_guesses record;
  v_answer jsonb;
begin
  if p_phone is null or p_phone !~ '^\+[1-9][0-9]{6,14}$' or p_country is null or p_purpose is null or p_channel is null
    or p_channel not in ('sms', 'email', 'auth_hook') or p_providers is null or p_cost_micros is null or p_cost_micros < 0
    or (p_mac is not null and p_mac !~ '^[0-9a-f]{64}$') or (p_mac is not null and p_key_id is null)
    or (p_channel = 'email' and (p_user_id is null or p_address is null)) then
    return jsonb_build_object('success', false, 'error', 'invalid_request', 'reasons', '[]'::jsonb, 'retry_after_s', null);
  end if;
  -- No wait for the disk: a user who loses a code to a crash requests another, and the spend of the last moment is
  -- small. Otherwise the rows that all requests share would be locked while the disk writes.
  perform set_config('synchronous_commit', 'off', true);
  select * into v_settings from private.otp_settings;

  if p_request_key is not null then
    v_request_key := private.otp_digest(v_settings.digest_salt, 'request', p_request_key);
    perform pg_advisory_xact_lock(hashtextextended('otp request ' || v_request_key, 0));
    v_now := clock_timestamp();
    select decision.issuance_id, code.expires_at, decision.channel = 'auth_hook' as is_hook
    into v_previous
    from private.otp_decisions as decision
    left join public.otp_codes as code
      on code.id = decision.issuance_id and code.expires_at > v_now and code.consumed_at is null
    where decision.request_key = v_request_key and decision.delivery <> 'failed'
      and (decision.delivery <> 'pending' or decision.created_at > v_now - interval '1 minute')
      -- A code from Supabase Auth has no row here; none lives longer than this, and the same code may recur by
      -- chance.
      and (decision.channel <> 'auth_hook' or decision.created_at > v_now - interval '10 minutes');
    if found and (v_previous.expires_at is not null or v_previous.is_hook) then
      return jsonb_build_object('success', true, 'duplicate', true, 'challenge_id', v_previous.issuance_id,
        'expires_in_s', ceil(extract(epoch from v_previous.expires_at - v_now)),
        'resend_in_s', ceil(extract(epoch from v_settings.cooldown)), 'attempts_left', v_settings.most_attempts,
        'providers', '[]'::jsonb, 'is_test', false, 'limits', '[]'::jsonb);
    end if;
    update private.otp_decisions set request_key = null where request_key = v_request_key;
  end if;
  v_now := clock_timestamp();

  v_phone := private.otp_digest(v_settings.digest_salt, 'phone', p_phone);
  v_own_network := private.otp_digest(v_settings.digest_salt, 'network', coalesce(p_network, ''));
  v_network := case when p_wide_network is null or p_network is null then v_own_network
    else private.otp_digest(v_settings.digest_salt, 'network', p_wide_network) end;
  if p_channel = 'email' then
    if not exists (
      select from auth.users
      where id = p_user_id and lower(email) = lower(p_address) and email_confirmed_at is not null
    ) then
      return jsonb_build_object('success', false, 'error', 'unconfirmed_address', 'reasons', '[]'::jsonb,
        'retry_after_s', null);
    end if;
    v_owner := p_user_id;
    v_requester := 'email:' || p_user_id;
    v_limit_key := 'email:' || private.otp_digest(v_settings.digest_salt, 'address', lower(p_address));
  else
    select user_id into v_owner from public.user_phones
    where user_id = p_user_id and phone = p_phone and verified_at > v_now - v_settings.verified_phone_lifetime;
    v_requester := case when p_channel = 'auth_hook' then 'auth' else coalesce(p_user_id::text, v_own_network) end;
    v_limit_key := v_phone || ':' || v_requester;
  end if;
  v_is_known := v_owner is not null;
  v_network_limits := private.otp_network_limits('network', case when p_network is not null then v_own_network end, v_network,
    v_settings.sends_per_network_hour);
  v_is_test := coalesce(p_test_until > v_now, false) and p_test_mac is not null;
  v_decision := jsonb_build_object('guard_mode', v_settings.guard_mode, 'purpose', p_purpose, 'channel', p_channel,
    'country', p_country, 'prefix', v_prefix, 'phone', v_phone, 'network', v_network);

  if v_is_test then
    insert into public.otp_codes as known (id, phone_number, purpose, owner_id, channel, country, prefix, requester, network,
      code, created_at, expires_at)
    values (v_id, p_phone, p_purpose, v_owner, p_channel, p_country, v_prefix, v_requester, v_network,
      private.otp_code_of(v_id, p_key_id, p_test_mac), v_now, v_now + v_settings.code_lifetime)
    on conflict (phone_number, purpose, requester) do update set id = excluded.id, owner_id = excluded.owner_id,
      channel = excluded.channel, network = excluded.network, undelivered_by = null, code = excluded.code, attempts = 0,
      created_at = excluded.created_at, expires_at = excluded.expires_at, consumed_at = null;
    return jsonb_build_object('success', true, 'duplicate', false, 'challenge_id', v_id,
      'expires_in_s', extract(epoch from v_settings.code_lifetime), 'resend_in_s', 0,
      'attempts_left', v_settings.most_attempts, 'providers', '[]'::jsonb, 'is_test', true, 'limits', '[]'::jsonb);
  end if;

  -- Providers whose messages do not arrive come last: better than none.
  v_providers := array(
    select given.name from unnest(p_providers) with ordinality as given (name, position)
    left join private.otp_providers as known on known.name = given.name
    left join private.otp_routes as route on route.provider = given.name and route.country = p_country
      and route.undelivered >= v_settings.breaker_failures and route.updated_at > v_now - interval '1 hour'
    where known.open_until is null or known.open_until <= v_now
    order by route.provider is not null or exists (
      select from public.otp_codes
      where phone_number = p_phone and purpose = p_purpose and requester = v_requester and undelivered_by = given.name
    ), given.position);
  if cardinality(v_providers) = 0 then
    return private.deny_otp('delivery_unavailable', '{delivery_unavailable}', (
      select greatest(1, ceil(extract(epoch from min(open_until) - v_now))) from private.otp_providers
      where name = any(p_providers)), v_decision, v_network_limits, v_now);
  end if;

  if p_channel <> 'email' then
    v_guard := private.otp_guard(v_settings, p_channel, p_country, v_prefix, case when p_network is not null then v_network end,
      v_now);
    v_reasons := v_guard.network_reasons || v_guard.prefix_reasons || v_guard.country_reasons;
    -- First the network, then the prefix, then the country. None of them stops a phone or network with verified
    -- codes; and what its prefix explains does not count for the country.
    if v_settings.guard_mode = 'deny' and cardinality(v_reasons) > 0 and v_owner is null and (
      cardinality(v_guard.network_reasons) > 0
      or not v_guard.is_network_known
        and not private.otp_is_known(v_phone, null, p_auth_user_id, v_now - v_settings.verified_phone_lifetime)
    ) then
      return private.deny_otp('too_many_sends', case
        when cardinality(v_guard.network_reasons) > 0 then v_guard.network_reasons
        when cardinality(v_guard.prefix_reasons) > 0 then v_guard.prefix_reasons
        else v_guard.country_reasons end, 3600, v_decision, v_network_limits, v_now);
    end if;
    v_counts_for := case when cardinality(v_guard.prefix_reasons) > 0 then array['prefix'] else array['prefix', 'country'] end;
    -- The first two codes of a requester do not use the quota that all requesters share, so nobody else can use them
    -- up.
    v_is_repeat := v_owner is null and exists (
      select from private.rate_limits
      where key = 'otp:phone:' || v_limit_key
        and full_at > v_now + interval '1 day' / v_settings.sends_per_requester_day + interval '1 millisecond');
  end if;

  -- First as a stranger; then, for a phone with a verified code from this network, without the limits that strangers
  -- can use up.
  for v_turn in 1..2 loop
    -- A failure rolls back the whole block: limits, code, statistics.
    begin
      v_limits := public.take_rate_limits(
        private.otp_own_limits(v_settings, p_channel, v_limit_key, case when v_is_repeat and not v_is_known then v_phone end)
        || v_network_limits
        || case when v_is_known then '[]' else jsonb_build_array(
          jsonb_build_object('name', 'prefix', 'key', 'otp:prefix:' || v_prefix, 'quota', v_settings.sends_per_prefix_hour,
            'window_s', 3600),
          jsonb_build_object('name', 'country', 'key', 'otp:country:' || p_country, 'quota',
            v_settings.sends_per_country_hour, 'window_s', 3600)) end
        || case when v_is_known or p_network is null then '[]' else jsonb_build_array(
          jsonb_build_object('name', 'network_prefix', 'key', 'otp:network_prefix:' || v_network || ':' || v_prefix, 'quota',
            v_settings.sends_per_network_prefix_hour, 'window_s', 3600)) end);
      if not (v_limits ->> 'allowed')::boolean then
        v_denied_by := v_limits ->> 'denied_by';
        raise exception using errcode = 'OTP01';
      end if;
      if p_mac is not null then
        insert into public.otp_codes as known (id, phone_number, purpose, owner_id, channel, country, prefix, requester,
          network, code, created_at, expires_at)
        values (v_id, p_phone, p_purpose, v_owner, p_channel, p_country, v_prefix, v_requester, v_network,
          private.otp_code_of(v_id, p_key_id, p_mac), v_now, v_now + v_settings.code_lifetime)
        on conflict (phone_number, purpose, requester) do update set id = excluded.id, owner_id = excluded.owner_id,
          channel = excluded.channel, network = excluded.network, undelivered_by = null, code = excluded.code, attempts = 0,
          created_at = excluded.created_at, expires_at = excluded.expires_at, consumed_at = null;
      end if;
      if p_network is not null and p_channel <> 'email' then
        -- Counted under the row's lock, so that of many at once only the allowed part counts.
        insert into private.otp_networks as known (network, country, seen_at, day, sent)
        values (v_network, p_country, v_now, (v_now at time zone 'UTC')::date, 1)
        on conflict (network, country) do update set seen_at = greatest(known.seen_at, excluded.seen_at),
          day = greatest(known.day, excluded.day),
          sent = case when known.day < excluded.day then 0 else known.sent end + 1,
          verified = case when known.day < excluded.day then 0 else known.verified end
        returning case when sent - verified > v_settings.guard_codes_per_network then '{}' else v_counts_for end
        into v_counts_for;
      end if;
      insert into private.otp_decisions (issuance_id, request_key, outcome, reasons, guard_mode, purpose, channel, country,
        prefix, phone, network, limit_key, is_repeat, counts_for, owner_id, auth_user_id, cost_micros, delivery, created_at,
        updated_at)
      values (v_id, v_request_key, 'allowed', v_reasons, v_settings.guard_mode, p_purpose, p_channel, p_country, v_prefix,
        v_phone, v_network, v_limit_key, v_is_repeat and not v_is_known, coalesce(v_counts_for, '{}'), v_owner,
        p_auth_user_id, p_cost_micros, 'pending', v_now, v_now);
      perform private.count_otp(p_channel, p_country, v_prefix, v_now, p_sent => 1, p_waiting => 1,
        p_counts_for => v_counts_for);
      if p_cost_micros > 0 then
        v_cap_micros := v_settings.spend_cap_micros
          - case when v_is_known then 0 else v_settings.spend_cap_micros / 100 * v_settings.spend_kept_percent end;
        insert into private.otp_spend as known (channel, day, spent_micros, messages)
        select 'sms', (v_now at time zone 'UTC')::date, p_cost_micros, 1
        where p_cost_micros <= v_cap_micros
        on conflict (channel, day) do update set spent_micros = known.spent_micros + p_cost_micros, messages = known.messages + 1
          where known.spent_micros + p_cost_micros <= v_cap_micros;
        if not found then
          v_denied_by := 'spend_cap';
          raise exception using errcode = 'OTP01';
        end if;
      end if;
      exit;
    exception
      when sqlstate 'OTP01' then
        if not v_is_known and v_denied_by in ('phone_of_all', 'network_prefix', 'prefix', 'country', 'spend_cap')
          and private.otp_is_known(v_phone, v_network, p_auth_user_id, v_now - v_settings.verified_phone_lifetime) then
          v_is_known := true;
          continue;
        end if;
        if v_denied_by = 'spend_cap' then
          return private.deny_otp('spend_cap', '{spend_cap}', ceil(extract(epoch from
            ((v_now at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC' - v_now)), v_decision, v_network_limits,
            v_now);
        end if;
        return private.deny_otp('too_many_sends', array['limit_' || v_denied_by], (v_limits ->> 'retry_after_s')::numeric,
          v_decision, v_network_limits, v_now,
          jsonb_build_object('denied_by', v_denied_by, 'limits', v_limits -> 'limits'));
    end;
  end loop;

  -- After a provider's pause one request tries it; the others wait for the result.
  update private.otp_providers set open_until = v_now + interval '15 seconds'
  where name = v_providers[1] and open_until <= v_now;

  v_guesses := private.otp_guesses_left(v_settings, v_phone, v_requester, v_owner, v_now);
  select jsonb_build_object('success', true, 'duplicate', false, 'challenge_id', v_id,
    'expires_in_s', extract(epoch from v_settings.code_lifetime),
    'resend_in_s', ceil(extract(epoch from v_settings.cooldown)),
    'attempts_left', least(v_guesses.own, v_guesses.of_a_code),
    'providers', to_jsonb(v_providers), 'is_test', false, 'limits', v_limits -> 'limits')
  into v_answer;
  return v_answer;
end
$$;

comment on function public.request_otp(text, text, text, text, text, text, text, text[], integer, uuid, text, uuid, text,
  timestamptz, text, text) is
  'Issues a code: checks all limits at once, all or nothing, by the database''s clock. A denial only takes from the '
  'network''s quota. p_phone: E.164; p_country: ISO code, or the calling code; p_channel: sms, email (to p_address, '
  'which must be p_user_id''s confirmed one) or auth_hook; p_network: the caller''s network, null if unknown (no '
  'network limit applies); p_wide_network: the wider network that contains it, or null; p_key_id, p_mac: the '
  'pepper''s id and the HMAC in hex, null for a code that Supabase Auth keeps itself; p_providers: the providers in '
  'order of preference; p_cost_micros: the cost of the message with all its parts; p_user_id: the signed-in user; '
  'p_request_key: identifies a repeated request; p_test_mac, p_test_until: the HMAC of a test number''s fixed code, '
  'and its expiry. Returns { success, challenge_id, duplicate, expires_in_s, resend_in_s, attempts_left, providers '
  '(those to call now), is_test, limits } or { success: false, error, reasons, retry_after_s }; error: '
  'invalid_request, unconfirmed_address, too_many_sends, spend_cap, delivery_unavailable.';

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
  v_settings private.otp_settings;
  v_decision private.otp_decisions;
  v_attempt record;
  v_is_code_gone boolean := false;
begin
  if p_issuance_id is null or p_delivery is null or p_delivery not in ('sent', 'unknown', 'failed')
    or p_attempts is null or jsonb_typeof(p_attempts) <> 'array' then
    return jsonb_build_object('success', false, 'error', 'invalid_request');
  end if;
  perform set_config('synchronous_commit', 'off', true);
  perform pg_advisory_xact_lock(hashtextextended('otp delivery ' || p_issuance_id, 0));
  select * into v_settings from private.otp_settings;
  select * into v_decision from private.otp_decisions where issuance_id = p_issuance_id and delivery = 'pending';
  if not found then
    return jsonb_build_object('success', false, 'error', 'not_pending');
  end if;

  if p_delivery = 'failed' then
    -- The requester's own quota is given back; the network's is not.
    perform private.give_back_rate_limits(private.otp_own_limits(v_settings, v_decision.channel, v_decision.limit_key,
      case when v_decision.is_repeat then v_decision.phone end));
    -- The id is the fence: a newer code of this phone has another id.
    delete from public.otp_codes where id = p_issuance_id and consumed_at is null;
    v_is_code_gone := found;
  end if;

  update private.otp_decisions set delivery = p_delivery, provider = p_attempts -> -1 ->> 'provider',
    provider_message_id = p_message_id, updated_at = v_now
  where issuance_id = p_issuance_id;

  if p_delivery = 'failed' then
    update private.otp_networks set sent = sent - 1
    where network = v_decision.network and country = v_decision.country
      and day = (v_decision.created_at at time zone 'UTC')::date and v_decision.channel = 'sms';
    perform private.count_otp(v_decision.channel, v_decision.country, v_decision.prefix, v_now, p_sent => -1, p_failed => 1,
      p_waiting => -1, p_counts_for => v_decision.counts_for);
    update private.otp_spend set spent_micros = spent_micros - v_decision.cost_micros, messages = messages - 1
    where v_decision.cost_micros > 0 and channel = 'sms' and day = (v_decision.created_at at time zone 'UTC')::date;
  end if;

  for v_attempt in
    select value ->> 'provider' as provider, coalesce((value ->> 'is_fault')::boolean, false) as is_fault
    from jsonb_array_elements(p_attempts)
  loop
    if v_attempt.is_fault then
      insert into private.otp_providers as known (name, failures, open_until, updated_at)
      values (v_attempt.provider, 1,
        case when v_settings.breaker_failures <= 1 then v_now + v_settings.breaker_pause end, v_now)
      on conflict (name) do update set failures = known.failures + 1, updated_at = v_now,
        open_until = case when known.failures + 1 >= v_settings.breaker_failures then v_now + least(
          interval '10 minutes',
          v_settings.breaker_pause * power(2, least(10, known.failures + 1 - v_settings.breaker_failures))) end;
    else
      delete from private.otp_providers where name = v_attempt.provider;
    end if;
  end loop;
  return jsonb_build_object('success', true, 'error', null, 'is_code_gone', v_is_code_gone);
end
$$;

comment on function public.record_otp_delivery(uuid, text, jsonb, text) is
  'Records the outcome of an issuance, once: sent, unknown (a provider may have accepted it), or failed. Failed '
  'deletes the code, unless a newer one has replaced it, and gives back cooldown, the phone''s quota and the spend. '
  'p_attempts: [{ "provider", "is_fault" }] in order; consecutive faults open the provider''s circuit breaker, any '
  'other attempt closes it. Returns { success, error: null, not_pending or invalid_request, is_code_gone }.';

create function public.record_otp_report(
  p_issuance_id uuid,
  p_provider text,
  p_message_id text,
  p_is_delivered boolean,
  p_is_fault boolean
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_decision private.otp_decisions;
begin
  if p_issuance_id is null or p_provider is null or p_is_delivered is null or p_is_fault is null then
    return jsonb_build_object('success', false, 'error', 'invalid_request');
  end if;
  perform set_config('synchronous_commit', 'off', true);
  perform pg_advisory_xact_lock(hashtextextended('otp delivery ' || p_issuance_id, 0));
  select * into v_decision from private.otp_decisions
  where issuance_id = p_issuance_id and created_at > v_now - interval '1 day'
    and (provider = p_provider or provider is null)
    and (provider_message_id is null or p_message_id is null or provider_message_id = p_message_id)
    and (delivery in ('pending', 'sent', 'unknown') or delivery = 'undelivered' and p_is_delivered);
  if not found then
    return jsonb_build_object('success', false, 'error', 'not_waiting');
  end if;

  if not p_is_delivered then
    update public.otp_codes set undelivered_by = p_provider where id = p_issuance_id;
  end if;
  update private.otp_decisions set delivery = case when p_is_delivered then 'delivered' else 'undelivered' end,
    provider = p_provider, provider_message_id = coalesce(p_message_id, provider_message_id), updated_at = v_now
  where issuance_id = p_issuance_id;
  if p_is_delivered then
    delete from private.otp_routes where provider = p_provider and country = v_decision.country;
  elsif p_is_fault then
    insert into private.otp_routes as known (provider, country, undelivered, updated_at)
    values (p_provider, v_decision.country, 1, v_now)
    on conflict (provider, country) do update set undelivered = least(known.undelivered, 1000000) + 1, updated_at = v_now;
  end if;
  return jsonb_build_object('success', true, 'error', null);
end
$$;

comment on function public.record_otp_report(uuid, text, text, boolean, boolean) is
  'Records a provider''s own report of a message that it accepted: delivered or not, and whether the provider or the '
  'phone was at fault. If undelivered, another provider sends the requester''s next code, and after breaker_failures '
  'consecutive faults the codes for all phones of the country, if there is another provider. Repeated and late '
  'reports change nothing. Returns { success, error: null, not_waiting or invalid_request }.';

create function private.otp_guesses_left(
  p_settings private.otp_settings,
  p_phone text,
  p_requester text,
  p_owner_id uuid,
  p_now timestamptz,
  out own integer,
  out of_a_code integer,
  out own_full_at timestamptz
)
language plpgsql
stable
set search_path = ''
as $$
begin
  select full_at into own_full_at from private.otp_guesses where key = p_phone || ':' || p_requester;
  own := p_settings.guesses_per_day;
  if own_full_at > p_now then
    own := greatest(0,
      floor(p_settings.guesses_per_day * (1 - extract(epoch from own_full_at - p_now) / 86400) + 1e-6));
  end if;
  -- A right code is never refused because of strangers' guesses: each code still allows one guess, and each guess
  -- costs a message to the phone.
  of_a_code := case when p_owner_id is null and exists (
    select from private.otp_guesses
    where key = p_phone and full_at > p_now + interval '1 day' - interval '1 day' / p_settings.guesses_per_phone_day
  ) then 1 else p_settings.most_attempts end;
end
$$;

comment on function private.otp_guesses_left(private.otp_settings, text, text, uuid, timestamptz) is
  'How many wrong guesses a requester has left for a phone, and how many each of its codes allows.';

create function public.verify_otp(
  p_phone text,
  p_purpose text,
  p_macs jsonb,
  p_network text,
  p_challenge_id uuid default null,
  p_user_id uuid default null,
  p_wide_network text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_settings private.otp_settings;
  v_phone text;
  v_network text;
  v_limits jsonb;
  v_code record;
  v_spacing interval;
  v_guesses record;
  v_guess text;
  v_judged record;
  v_counts_for text[];
begin
  if p_phone is null or p_purpose is null or p_macs is null or jsonb_typeof(p_macs) <> 'object' then
    return jsonb_build_object('success', false, 'error', 'invalid_request');
  end if;
  select * into v_settings from private.otp_settings;
  v_network := private.otp_digest(v_settings.digest_salt, 'network', coalesce(p_network, ''));
  v_limits := private.take_otp_network_limits(private.otp_network_limits('verify', v_network,
    case when p_wide_network is null or p_network is null then v_network
      else private.otp_digest(v_settings.digest_salt, 'network', p_wide_network) end,
    v_settings.verifications_per_network_hour));
  if not (v_limits ->> 'allowed')::boolean then
    return jsonb_build_object('success', false, 'error', 'too_many_attempts', 'attempts_left', 0,
      'retry_after_s', v_limits -> 'retry_after_s');
  end if;

  -- A guess without a challenge id must be the requester's; others can neither use up the attempts nor learn about
  -- the code.
  select id, owner_id, requester, split_part(code, '.', 1) as key_id into v_code from public.otp_codes
  where phone_number = p_phone and purpose = p_purpose and (owner_id is null or owner_id = p_user_id)
    and (id = p_challenge_id or p_challenge_id is null
      and requester in (v_network, p_user_id::text, 'email:' || p_user_id))
    and expires_at > v_now and consumed_at is null
  order by created_at desc
  limit 1;
  if not found then
    return jsonb_build_object('success', false, 'error', 'expired');
  end if;

  -- Locked until the end, so that no more guesses are judged than are left, over all codes.
  v_phone := private.otp_digest(v_settings.digest_salt, 'phone', p_phone);
  perform pg_advisory_xact_lock(hashtextextended('otp guesses ' || v_phone, 0));
  v_now := clock_timestamp();
  v_guesses := private.otp_guesses_left(v_settings, v_phone, v_code.requester, v_code.owner_id, v_now);
  v_spacing := interval '1 day' / v_settings.guesses_per_day;
  if v_guesses.own < 1 then
    return jsonb_build_object('success', false, 'error', 'too_many_attempts', 'attempts_left', 0,
      'retry_after_s', greatest(1, ceil(extract(epoch from v_guesses.own_full_at + v_spacing - interval '1 day' - v_now))));
  end if;

  -- Claims the attempt and compares, in one statement: concurrent guesses see each other's attempts.
  v_guess := private.otp_code_of(v_code.id, v_code.key_id, p_macs ->> v_code.key_id);
  update public.otp_codes as known set
    attempts = known.attempts + 1,
    consumed_at = case when known.code = v_guess then v_now end,
    code = case when known.code = v_guess then '' else known.code end
  where known.id = v_code.id and known.attempts < v_guesses.of_a_code and known.consumed_at is null
    and known.expires_at > v_now
  returning known.consumed_at is not null as is_right, known.attempts, known.channel, known.country, known.prefix,
    known.network
  into v_judged;
  if not found then
    return jsonb_build_object('success', false, 'attempts_left', 0, 'retry_after_s', null, 'error',
      case when exists (select from public.otp_codes where id = v_code.id and consumed_at is null and expires_at > v_now)
        then 'too_many_attempts' else 'expired' end);
  end if;
  if not v_judged.is_right then
    insert into private.otp_guesses as used (key, full_at) values (v_phone || ':' || v_code.requester, v_now + v_spacing)
    on conflict (key) do update set full_at = greatest(used.full_at, v_now) + v_spacing;
    -- An owner has separate guesses, and a code by e-mail proves nothing about the phone.
    insert into private.otp_guesses as used (key, full_at)
    select v_phone, v_now + interval '1 day' / v_settings.guesses_per_phone_day where v_code.owner_id is null
    on conflict (key) do update set full_at = least(v_now + interval '1 day',
      greatest(used.full_at, v_now) + interval '1 day' / v_settings.guesses_per_phone_day);
    v_guesses := private.otp_guesses_left(v_settings, v_phone, v_code.requester, v_code.owner_id, v_now);
    return jsonb_build_object('success', false, 'error', 'incorrect',
      'attempts_left', greatest(0, least(v_guesses.of_a_code - v_judged.attempts, v_guesses.own)));
  end if;

  if v_guesses.own_full_at is not null then
    delete from private.otp_guesses where key = v_phone || ':' || v_code.requester;
  end if;
  update private.otp_decisions set verified_at = v_now, updated_at = v_now where issuance_id = v_code.id
  returning counts_for into v_counts_for;
  if v_judged.channel = 'sms' then
    if p_user_id is not null then
      delete from public.user_phones where phone = p_phone and user_id <> p_user_id;
      insert into public.user_phones (user_id, phone, verified_at) values (p_user_id, p_phone, v_now)
      on conflict (user_id) do update set phone = excluded.phone, verified_at = excluded.verified_at;
    end if;
    insert into private.otp_known_phones (phone, network, verified_at) values (v_phone, v_judged.network, v_now)
    on conflict (phone, network) do update set verified_at = excluded.verified_at;
    update private.otp_networks set verified = verified + 1
    where network = v_judged.network and country = v_judged.country and day = (v_now at time zone 'UTC')::date;
    perform private.count_otp(v_judged.channel, v_judged.country, v_judged.prefix, v_now, p_verified => 1, p_waiting => -1,
      p_counts_for => coalesce(v_counts_for, '{}'));
  end if;
  return jsonb_build_object('success', true, 'error', null, 'challenge_id', v_code.id, 'channel', v_judged.channel,
    'proof_id', gen_random_uuid(), 'verified_at', v_now, 'issued_at_s', floor(extract(epoch from v_now)),
    'expires_at_s', floor(extract(epoch from v_now + v_settings.proof_lifetime)));
end
$$;

comment on function public.verify_otp(text, text, jsonb, text, uuid, uuid, text) is
  'Judges a guess. p_macs: the HMAC in hex with each pepper, { "<key id>": "<mac>" }; p_network, p_wide_network: the '
  'caller''s network, and the wider one that contains it; p_challenge_id: which code; optional for the caller who '
  'requested it, signed in or from the same network; p_user_id: the signed-in user, who becomes the phone''s owner '
  'if the code came by SMS. Returns { success: true, challenge_id, channel, proof_id, verified_at, issued_at_s, '
  'expires_at_s } or { success: false, error, attempts_left, retry_after_s }; error: incorrect, expired (or used, '
  'superseded, never sent), too_many_attempts, invalid_request.';

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
  insert into private.otp_used_proofs (id, expires_at) values (p_id, to_timestamp(p_expires_at_s))
  on conflict do nothing;
  return case when found then 'used_now' else 'used_before' end;
end
$$;

comment on function public.use_otp_proof(uuid, bigint) is
  'Uses a proof once. Returns used_now, used_before or expired, by the database''s clock. The caller has checked its '
  'signature.';

create function private.settle_auth_hook_otps(p_limit integer default 1000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_settled record;
  v_count integer := 0;
begin
  for v_settled in
    update private.otp_decisions as decision set verified_at = users.last_sign_in_at, updated_at = v_now
    from auth.users as users
    where decision.id in (
        select waiting.id from private.otp_decisions as waiting
        join auth.users as signed_in on signed_in.id = waiting.auth_user_id
        where waiting.auth_user_id is not null and waiting.verified_at is null
          and waiting.delivery in ('sent', 'unknown', 'delivered', 'undelivered')
          and waiting.created_at > v_now - interval '2 hours'
          and signed_in.last_sign_in_at between waiting.created_at and waiting.created_at + interval '1 hour'
        limit p_limit
        for update of waiting skip locked)
      and users.id = decision.auth_user_id
    returning decision.channel, decision.country, decision.prefix, decision.counts_for
  loop
    perform private.count_otp(v_settled.channel, v_settled.country, v_settled.prefix, v_now, p_verified => 1, p_waiting => -1,
      p_counts_for => v_settled.counts_for);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

comment on function private.settle_auth_hook_otps(integer) is
  'Marks codes of Supabase Auth as verified if their user signed in within the hour. Returns how many.';

create function private.cleanup_expired_otps(p_limit integer default 10000)
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
  v_phones integer;
  v_routes integer;
  v_statistics integer;
begin
  perform private.settle_auth_hook_otps();
  delete from public.otp_codes where id = any(array(
    select id from public.otp_codes where expires_at < v_now limit p_limit for update skip locked));
  get diagnostics v_codes = row_count;
  delete from private.otp_guesses where ctid = any(array(
    select ctid from private.otp_guesses where full_at < v_now limit p_limit for update skip locked));
  get diagnostics v_guesses = row_count;
  delete from private.otp_decisions where id = any(array(
    select id from private.otp_decisions
    where created_at < v_now - (select decision_retention from private.otp_settings)
    limit p_limit for update skip locked));
  get diagnostics v_decisions = row_count;
  delete from private.otp_used_proofs where id = any(array(
    select id from private.otp_used_proofs where expires_at < v_now limit p_limit for update skip locked));
  get diagnostics v_proofs = row_count;
  delete from private.otp_networks where ctid = any(array(
    select ctid from private.otp_networks where seen_at < v_now - interval '24 hours'
    limit p_limit for update skip locked));
  get diagnostics v_networks = row_count;
  delete from private.otp_known_phones where ctid = any(array(
    select ctid from private.otp_known_phones
    where verified_at < v_now - (select verified_phone_lifetime from private.otp_settings)
    limit p_limit for update skip locked));
  get diagnostics v_phones = row_count;
  delete from private.otp_routes where ctid = any(array(
    select ctid from private.otp_routes where updated_at < v_now - interval '1 day' limit p_limit for update skip locked));
  get diagnostics v_routes = row_count;
  delete from private.otp_statistics where ctid = any(array(
    select ctid from private.otp_statistics where day < (v_now at time zone 'UTC')::date - 60
    limit p_limit for update skip locked));
  get diagnostics v_statistics = row_count;
  return jsonb_build_object('codes', v_codes, 'guesses', v_guesses, 'decisions', v_decisions, 'proofs', v_proofs,
    'networks', v_networks, 'known_phones', v_phones, 'routes', v_routes, 'statistics', v_statistics);
end
$$;

comment on function private.cleanup_expired_otps(integer) is
  'Deletes rows that no limit and no guess needs any more, at most p_limit of each table: expired codes, refilled '
  'guesses, old decisions, proofs, networks, known phones, routes and statistics. To be run every five minutes; '
  'nothing breaks if it does not run. Returns how many of each.';

-- What is kept of a user ----------------------------------------------------------------------------------------

-- Only for forget_otp_user, which would otherwise read the decisions of three months. Few have a user.
create index otp_decisions_owner_id_idx on private.otp_decisions (owner_id) where owner_id is not null;
create index otp_decisions_auth_user_id_idx on private.otp_decisions (auth_user_id) where auth_user_id is not null;

create function private.forget_otp_user(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from public.otp_codes where owner_id = p_user_id;
  update private.otp_decisions set owner_id = null where owner_id = p_user_id;
  update private.otp_decisions set auth_user_id = null where auth_user_id = p_user_id;
  delete from public.user_phones where user_id = p_user_id;
end;
$$;

comment on function private.forget_otp_user(uuid) is
  'A part of forget_user: deletes codes and the verified phone, and removes the user from decisions. May be '
  'repeated.';

create function private.export_otp_user(p_user_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'phones', (
      select coalesce(jsonb_agg(to_jsonb(phones) - 'user_id'), '[]')
      from public.user_phones as phones where user_id = p_user_id
    )
  );
$$;

comment on function private.export_otp_user(uuid) is 'A part of export_user_data: the verified phone.';

insert into private.user_data (name, forget, export, description)
values ('otp', 'forget_otp_user', 'export_otp_user', 'Codes, the verified phone, and decisions on codes');

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.user_phones to authenticated, service_role;
grant select on private.otp_decisions, private.otp_statistics, private.otp_spend, private.otp_providers, private.otp_routes
to service_role;

revoke all on function
  private.otp_digest(bytea, text, text),
  private.otp_code_of(uuid, text, text),
  private.count_otp(text, text, text, timestamptz, integer, integer, integer, integer, integer, text[]),
  private.otp_guard(private.otp_settings, text, text, text, text, timestamptz),
  private.otp_is_known(text, text, uuid, timestamptz),
  private.otp_network_limits(text, text, text, integer),
  private.take_otp_network_limits(jsonb),
  private.otp_own_limits(private.otp_settings, text, text, text),
  private.otp_guesses_left(private.otp_settings, text, text, uuid, timestamptz),
  private.deny_otp(text, text[], numeric, jsonb, jsonb, timestamptz, jsonb),
  public.request_otp(text, text, text, text, text, text, text, text[], integer, uuid, text, uuid, text, timestamptz, text,
    text),
  public.record_otp_delivery(uuid, text, jsonb, text),
  public.record_otp_report(uuid, text, text, boolean, boolean),
  public.verify_otp(text, text, jsonb, text, uuid, uuid, text),
  public.use_otp_proof(uuid, bigint),
  private.settle_auth_hook_otps(integer),
  private.forget_otp_user(uuid),
  private.export_otp_user(uuid),
  private.cleanup_expired_otps(integer)
from public, anon, authenticated;
grant execute on function
  public.request_otp(text, text, text, text, text, text, text, text[], integer, uuid, text, uuid, text, timestamptz, text,
    text),
  public.record_otp_delivery(uuid, text, jsonb, text),
  public.record_otp_report(uuid, text, text, boolean, boolean),
  public.verify_otp(text, text, jsonb, text, uuid, uuid, text),
  public.use_otp_proof(uuid, bigint)
to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_expired_otps', '*/5 * * * *', 'sql', 'private.cleanup_expired_otps', true, null, 60000, '30 minutes',
    'Deletes expired one-time codes and their expired counters');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.otp_decisions where owner_id = gen_random_uuid();
  perform 1 from private.otp_decisions where auth_user_id = gen_random_uuid();
end;
$$;
