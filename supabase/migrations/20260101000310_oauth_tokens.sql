-- Tokens of OAuth providers: the store, and the leases that decide who may renew a token. The store's table is that
-- of the earlier system plus a fence; values are encrypted before they get here. Leases, revocations and the
-- providers' health are kept here whatever stores the tokens, because only one place can decide which version is the
-- newest.

-- Tables --------------------------------------------------------------------------------------------------------

create table public.tokens (
  key text collate "C" not null,
  token_data jsonb,
  expires_at timestamptz,
  fence bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint tokens_pkey primary key (key),
  constraint tokens_key_length check (length(key) between 1 and 300),
  constraint tokens_encrypted check (jsonb_typeof(token_data) = 'string' and (token_data #>> '{}') like 't1.%')
);

create index tokens_expires_at_idx on public.tokens (expires_at) where expires_at is not null;
create index tokens_buried_idx on public.tokens (updated_at) where token_data is null;

comment on table public.tokens is
  'The store for TOKEN_STORE_TYPE=supabase. An expired row counts as missing, whether or not the cleanup has run.';
comment on column public.tokens.key is 'Namespace and digest of what the value belongs to.';
comment on column public.tokens.token_data is
  'An envelope as a JSON string: nothing readable can be stored. Null marks a tombstone, so that no older writer '
  'restores the value.';
comment on column public.tokens.expires_at is 'From then on the row is not read; null: it does not expire.';
comment on column public.tokens.fence is
  'The fencing number of the lease that wrote it: a writer with a lower one is refused. Null: written without a '
  'lease.';

create table private.oauth_leases (
  key text collate "C" not null,
  fence bigint not null default 0,
  revoked_fence bigint not null default 0,
  holder uuid,
  held_until timestamptz,
  failure_count integer not null default 0,
  retry_at timestamptz,
  last_error text,
  updated_at timestamptz not null default now(),
  constraint oauth_leases_pkey primary key (key),
  constraint oauth_leases_key_length check (length(key) between 1 and 300),
  constraint oauth_leases_revoked_is_past check (revoked_fence <= fence)
) with (fillfactor = 50);

comment on table private.oauth_leases is
  'Which attempt may renew a token, and which versions of the token are revoked. Rows stay, because they outlive '
  'every copy of a token.';
comment on column private.oauth_leases.key is 'Digest of provider and subject.';
comment on column private.oauth_leases.fence is
  'The newest fencing number: each lease and revocation gets the next one.';
comment on column private.oauth_leases.revoked_fence is
  'Values written with this number or a lower one are revoked, wherever a copy may appear.';
comment on column private.oauth_leases.holder is 'The attempt that renews the token; null: none.';
comment on column private.oauth_leases.held_until is 'From then on another attempt may take over.';
comment on column private.oauth_leases.failure_count is
  'Consecutive failed renewals of this token, whatever the reason.';
comment on column private.oauth_leases.retry_at is
  'Until then this token is not renewed, because the provider refused it; other tokens of the provider are.';
comment on column private.oauth_leases.last_error is 'The kind of the last failure, without secrets.';

create table private.oauth_authorizations (
  state_hash text collate "C" not null,
  request text not null,
  answer text,
  expires_at timestamptz not null,
  constraint oauth_authorizations_pkey primary key (state_hash),
  constraint oauth_authorizations_encrypted check (request like 't1.%' and answer like 't1.%'),
  constraint oauth_authorizations_size check (length(request) < 20000 and length(answer) < 20000)
);

create index oauth_authorizations_expires_at_idx on private.oauth_authorizations (expires_at);

comment on table private.oauth_authorizations is
  'Authorizations in progress: users who were sent to a provider and have not yet completed. Each is used once.';
comment on column private.oauth_authorizations.state_hash is
  'SHA-256 of the state parameter, which itself is not stored.';
comment on column private.oauth_authorizations.request is
  'Envelope: provider, user, PKCE verifier, nonce, and where the browser goes afterwards.';
comment on column private.oauth_authorizations.answer is
  'Envelope: the provider''s response, until the user collects it.';
comment on column private.oauth_authorizations.expires_at is 'From then on the row counts as missing.';

create table private.oauth_provider_health (
  provider text collate "C" not null,
  failure_count integer not null default 0,
  retry_at timestamptz,
  last_error text,
  updated_at timestamptz not null default now(),
  constraint oauth_provider_health_pkey primary key (provider),
  constraint oauth_provider_health_provider_length check (length(provider) between 1 and 100)
);

comment on table private.oauth_provider_health is
  'Circuit breakers: providers that failed, and how long they are not called.';
comment on column private.oauth_provider_health.provider is 'Its name in OAUTH_PROVIDERS.';
comment on column private.oauth_provider_health.failure_count is
  'Consecutive failures; 0: the provider responds again.';
comment on column private.oauth_provider_health.retry_at is
  'Until then nobody calls the provider; afterwards one call at a time tries.';
comment on column private.oauth_provider_health.last_error is 'The kind of the last failure, without secrets.';

create table private.oauth_revocations (
  subject uuid not null,
  requested_at timestamptz not null default now(),
  constraint oauth_revocations_pkey primary key (subject)
);

comment on table private.oauth_revocations is
  'Forgotten users whose access must still be revoked at every provider. oauth-token/revoke-forgotten does it, as a '
  'database cannot. Rows are kept for at most 30 days, for projects without providers.';
comment on column private.oauth_revocations.subject is 'The user.';
comment on column private.oauth_revocations.requested_at is 'When the user was last forgotten.';

create table private.oauth_grants (
  key text collate "C" not null,
  subject uuid not null,
  provider text collate "C" not null,
  scope text,
  granted_at timestamptz,
  renewed_at timestamptz not null,
  token_expires_at timestamptz,
  kept_until timestamptz,
  constraint oauth_grants_pkey primary key (key),
  constraint oauth_grants_key_length check (length(key) between 1 and 300)
);

create index oauth_grants_subject_idx on private.oauth_grants (subject);
create index oauth_grants_kept_until_idx on private.oauth_grants (kept_until) where kept_until is not null;

comment on table private.oauth_grants is
  'The access that users gave, wherever its tokens are stored, so that it can be exported: the stores only know '
  'digests.';
comment on column private.oauth_grants.key is 'The key in oauth_leases.';
comment on column private.oauth_grants.subject is 'The user.';
comment on column private.oauth_grants.provider is 'Its name in OAUTH_PROVIDERS.';
comment on column private.oauth_grants.scope is 'The granted scope; null if the provider does not report it.';
comment on column private.oauth_grants.granted_at is
  'When the user gave it; null if it was only renewed since this table exists.';
comment on column private.oauth_grants.renewed_at is 'When the newest token was received.';
comment on column private.oauth_grants.token_expires_at is
  'When that access token expires; null if the provider does not say so.';
comment on column private.oauth_grants.kept_until is
  'From then on its tokens are no longer stored; null: until it is revoked.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.tokens enable row level security;
alter table private.oauth_leases enable row level security;
alter table private.oauth_authorizations enable row level security;
alter table private.oauth_provider_health enable row level security;
alter table private.oauth_revocations enable row level security;
alter table private.oauth_grants enable row level security;

-- No role has a right to these tables; the policies say that this is intended.
create policy "closed to users" on public.tokens to anon, authenticated using (false);
create policy "closed to users" on private.oauth_leases to anon, authenticated using (false);
create policy "closed to users" on private.oauth_authorizations to anon, authenticated using (false);
create policy "closed to users" on private.oauth_provider_health to anon, authenticated using (false);
create policy "closed to users" on private.oauth_revocations to anon, authenticated using (false);
create policy "closed to users" on private.oauth_grants to anon, authenticated using (false);

-- The store -----------------------------------------------------------------------------------------------------

create function public.read_tokens(p_keys jsonb)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_object_agg(stored.key, stored.token_data), '{}')
  from public.tokens as stored
  where stored.key in (select value from jsonb_array_elements_text(p_keys) as asked (value))
    and stored.token_data is not null
    and (stored.expires_at is null or stored.expires_at > clock_timestamp())
$$;

comment on function public.read_tokens(jsonb) is
  'Reads the values of many keys: { "<key>": "<envelope>" }, without missing and expired ones.';

create function public.write_tokens(p_entries jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_written jsonb;
begin
  with given as (
    select distinct on (entry ->> 'key') entry ->> 'key' as key, nullif(entry -> 'token_data', 'null') as token_data,
      v_now + make_interval(secs => (entry ->> 'ttl_ms')::double precision / 1000) as expires_at,
      (entry ->> 'fence')::bigint as fence
    from jsonb_array_elements(p_entries) with ordinality as entries (entry, position)
    where entry ->> 'key' is not null
    order by entry ->> 'key', position desc
  ), written as (
    insert into public.tokens as stored (key, token_data, expires_at, fence, created_at, updated_at)
    select given.key, given.token_data, given.expires_at, given.fence, v_now, v_now
    from given
    order by given.key collate "C" -- The same order for everybody: no deadlock.
    on conflict (key) do update set token_data = excluded.token_data, expires_at = excluded.expires_at,
      fence = coalesce(excluded.fence, stored.fence), updated_at = excluded.updated_at
      where excluded.fence is null or stored.fence is null or stored.fence <= excluded.fence
    returning stored.key
  )
  select coalesce(jsonb_agg(written.key), '[]') into v_written from written;
  return jsonb_build_object('written', v_written);
end
$$;

comment on function public.write_tokens(jsonb) is
  'Writes the values of many keys: [{ "key", "token_data", "ttl_ms", "fence" }]. Without ttl_ms a value does not '
  'expire; without fence it is always written; token_data null writes a tombstone. Returns { "written": [keys] }, '
  'without keys that have a value or tombstone with a higher fence.';

create function public.delete_tokens(p_keys jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  with gone as (
    delete from public.tokens as stored
    where stored.key in (select value from jsonb_array_elements_text(p_keys) as asked (value))
    returning stored.token_data is not null
      and (stored.expires_at is null or stored.expires_at > clock_timestamp()) as was_there
  )
  select count(*) filter (where gone.was_there) into v_count from gone;
  return v_count;
end
$$;

comment on function public.delete_tokens(jsonb) is
  'Deletes keys, and returns how many existed. To end a token for good, write a tombstone with write_tokens.';

create function public.clear_tokens(p_namespace text)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.tokens as stored where starts_with(stored.key, p_namespace || ':');
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function public.clear_tokens(text) is 'Deletes every key of a namespace. Returns how many.';

create function public.list_tokens(p_namespace text, p_after text default '', p_limit integer default 500)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_array(page.key, page.token_data) order by page.key), '[]')
  from (
    select stored.key, stored.token_data
    from public.tokens as stored
    where stored.key > p_after and starts_with(stored.key, p_namespace || ':')
      and stored.token_data is not null
      and (stored.expires_at is null or stored.expires_at > clock_timestamp())
    order by stored.key
    limit p_limit
  ) as page
$$;

comment on function public.list_tokens(text, text, integer) is
  'A page of a namespace, after the key p_after, in the order of the keys: [["<key>", "<envelope>"]].';

-- Key rotation --------------------------------------------------------------------------------------------------

create function public.oauth_tokens_to_rotate(p_key_id text, p_after text default '', p_limit integer default 500)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('key', page.key, 'envelope', page.envelope) order by page.key), '[]')
  from (
    select stored.key, stored.token_data #>> '{}' as envelope
    from public.tokens as stored
    where stored.key > p_after and stored.token_data is not null
      and split_part(stored.token_data #>> '{}', '.', 2) <> p_key_id
    order by stored.key
    limit least(greatest(p_limit, 1), 1000)
  ) as page
$$;

comment on function public.oauth_tokens_to_rotate(text, text, integer) is
  'The next p_limit envelopes (at most 1,000), after the key p_after, that are not encrypted with the key p_key_id: '
  '[{ "key", "envelope" }], in the order of the keys. Includes expired ones that the cleanup has not deleted yet.';

create function public.rotate_oauth_tokens(p_replacements jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- Rows that a renewal is writing are left for the next round: a rotation never waits while it holds locks.
  update public.tokens as stored set token_data = to_jsonb(replacement.new)
  from jsonb_to_recordset(p_replacements) as replacement (key text, old text, new text)
  where stored.key = replacement.key and stored.token_data = to_jsonb(replacement.old)
    and stored.ctid = any(array(
      select locked.ctid from public.tokens as locked
      where locked.key in (select one.key from jsonb_to_recordset(p_replacements) as one (key text))
      for update skip locked
    ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function public.rotate_oauth_tokens(jsonb) is
  'Replaces envelopes: [{ "key", "old", "new" }]. A row that no longer has the old envelope has a newer version or a '
  'tombstone, and stays unchanged. Fence and expiry stay. Returns how many were replaced.';

-- Leases --------------------------------------------------------------------------------------------------------

create function public.read_oauth_lease(p_key text, p_provider text)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with clock as materialized (select clock_timestamp() as now)
  select jsonb_build_object(
    'now_ms', floor(extract(epoch from clock.now) * 1000),
    'revoked_fence', coalesce(lease.revoked_fence, 0),
    'retry_after_ms', greatest(0, ceil(extract(epoch from health.retry_at - clock.now) * 1000)),
    'rest_ms', greatest(0, ceil(extract(epoch from lease.retry_at - clock.now) * 1000)),
    'last_error', case when lease.retry_at > clock.now then lease.last_error end)
  from clock
  left join private.oauth_leases as lease on lease.key = p_key
  left join private.oauth_provider_health as health on health.provider = p_provider and health.failure_count > 0
$$;

comment on function public.read_oauth_lease(text, text) is
  'What is needed to judge a stored token: { "now_ms", "revoked_fence", "retry_after_ms", "rest_ms", "last_error" }: '
  'retry_after_ms until the provider may be called again, rest_ms until this token may be renewed again, and '
  'last_error the reason; 0 if it may be done now.';

create function public.claim_oauth_lease(
  p_key text,
  p_provider text,
  p_holder uuid,
  p_lease_ms integer,
  p_is_forced boolean default false
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_lease private.oauth_leases;
  v_health private.oauth_provider_health;
  v_length constant interval := make_interval(secs => least(p_lease_ms, 600000) / 1000.0);
begin
  if p_key is null or p_provider is null or p_holder is null or p_is_forced is null or (p_lease_ms >= 1) is not true then
    raise exception 'Expected key, provider, holder, is_forced and a lease_ms from 1'
      using errcode = 'invalid_parameter_value';
  end if;
  insert into private.oauth_leases (key) values (p_key) on conflict (key) do nothing;
  select * into v_lease from private.oauth_leases where key = p_key for update;
  v_now := clock_timestamp();
  if v_lease.held_until > v_now and not p_is_forced then
    return jsonb_build_object('claimed', false, 'reason', 'held',
      'wait_ms', ceil(extract(epoch from v_lease.held_until - v_now) * 1000));
  end if;
  if v_lease.retry_at > v_now and not p_is_forced then
    return jsonb_build_object('claimed', false, 'reason', 'resting',
      'wait_ms', ceil(extract(epoch from v_lease.retry_at - v_now) * 1000), 'last_error', v_lease.last_error);
  end if;
  if not p_is_forced and exists (
    select from private.oauth_provider_health where provider = p_provider and failure_count > 0
  ) then
    select * into v_health from private.oauth_provider_health where provider = p_provider for update;
    v_now := clock_timestamp();
    if v_health.failure_count > 0 and v_health.retry_at > v_now then
      return jsonb_build_object('claimed', false, 'reason', 'left_alone',
        'wait_ms', ceil(extract(epoch from v_health.retry_at - v_now) * 1000));
    end if;
    -- One caller tries whether it responds again; the others come back later.
    update private.oauth_provider_health set retry_at = v_now + v_length
    where provider = p_provider and failure_count > 0;
  end if;
  update private.oauth_leases
  set fence = fence + 1, holder = p_holder, held_until = v_now + v_length, updated_at = v_now
  where key = p_key
  returning * into v_lease;
  return jsonb_build_object('claimed', true, 'fence', v_lease.fence, 'revoked_fence', v_lease.revoked_fence,
    'now_ms', floor(extract(epoch from v_now) * 1000), 'failure_count', coalesce(v_health.failure_count, 0));
end
$$;

comment on function public.claim_oauth_lease(text, text, uuid, integer, boolean) is
  'Claims the right to renew a token for p_lease_ms. Returns { "claimed": true, "fence", "revoked_fence", "now_ms", '
  '"failure_count" } or { "claimed": false, "reason": "held" | "left_alone" | "resting", "wait_ms", "last_error" }; '
  'left_alone: the provider is not called for any token; resting: only this token is not renewed. A forced claim '
  'takes the lease from its holder, whose token is then refused: for a user who has just authorized again.';

create function public.finish_oauth_lease(
  p_key text,
  p_provider text,
  p_fence bigint,
  p_outcome text,
  p_failure_count integer default 0,
  p_error text default null,
  p_retry_after_ms bigint default 0,
  p_grant jsonb default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_lease private.oauth_leases;
  v_is_newest boolean;
  v_is_of_lease boolean;
  v_asked_s constant double precision := least(greatest(coalesce(p_retry_after_ms, 0), 0) / 1000.0, 3600);
  v_provider_failures constant integer := greatest(coalesce(p_failure_count, 0), 0);
  v_pause_s double precision;
begin
  update private.oauth_leases as lease
  set holder = null, held_until = null, updated_at = v_now,
    revoked_fence = case when p_outcome = 'ended' then lease.fence else lease.revoked_fence end,
    failure_count = case
      when p_outcome in ('failed', 'refused') then lease.failure_count + 1
      when p_outcome = 'unneeded' then lease.failure_count
      else 0
    end,
    last_error = case
      when p_outcome in ('failed', 'refused') then left(p_error, 200)
      when p_outcome = 'unneeded' then lease.last_error
    end,
    retry_at = case when p_outcome = 'unneeded' then lease.retry_at end
  where lease.key = p_key and lease.fence = p_fence and lease.revoked_fence < lease.fence
  returning * into v_lease;
  v_is_newest := found;
  -- The provider worked before and this token failed repeatedly: the token is at fault.
  v_is_of_lease := p_outcome = 'refused'
    or (p_outcome = 'failed' and v_is_newest and v_lease.failure_count > 2 and v_provider_failures = 0);
  v_pause_s := greatest(v_asked_s, least(300, power(2, least(20,
    case when v_is_of_lease then v_lease.failure_count - 1 else v_provider_failures end))));
  if v_is_of_lease and v_is_newest then
    update private.oauth_leases set retry_at = v_now + make_interval(secs => v_pause_s)
    where key = p_key and fence = p_fence;
  end if;
  if p_outcome = 'failed' and not v_is_of_lease then
    -- Failures that began with the same count are counted once.
    insert into private.oauth_provider_health as health (provider, failure_count, retry_at, last_error, updated_at)
    values (p_provider, 1, v_now + make_interval(secs => v_pause_s), left(p_error, 200), v_now)
    on conflict (provider) do update set failure_count = health.failure_count + 1, retry_at = excluded.retry_at,
      last_error = excluded.last_error, updated_at = excluded.updated_at
      where health.failure_count = v_provider_failures;
  elsif p_outcome in ('succeeded', 'ended', 'refused') then
    update private.oauth_provider_health set failure_count = 0, retry_at = null, updated_at = v_now
    where provider = p_provider and failure_count > 0;
  elsif p_outcome = 'unneeded' then
    update private.oauth_provider_health set retry_at = v_now
    where provider = p_provider and failure_count > 0 and p_failure_count = failure_count;
  end if;
  if p_outcome = 'ended' and v_is_newest then
    delete from private.oauth_grants where key = p_key;
  elsif p_outcome = 'succeeded' and v_is_newest and p_grant is not null then
    insert into private.oauth_grants as known (
      key, subject, provider, scope, granted_at, renewed_at, token_expires_at, kept_until
    )
    select p_key, given.subject, p_provider, given.scope, case when given.is_new then v_now end, v_now,
      v_now + make_interval(secs => given.lifetime_ms / 1000), v_now + make_interval(secs => given.kept_ms / 1000)
    from jsonb_to_record(p_grant) as given (
      subject uuid, scope text, is_new boolean, lifetime_ms double precision, kept_ms double precision)
    on conflict (key) do update set scope = excluded.scope,
      granted_at = coalesce(excluded.granted_at, known.granted_at), renewed_at = excluded.renewed_at,
      token_expires_at = excluded.token_expires_at, kept_until = excluded.kept_until;
  end if;
  return jsonb_build_object('accepted', v_is_newest);
end
$$;

comment on function public.finish_oauth_lease(text, text, bigint, text, integer, text, bigint, jsonb) is
  'Ends a lease. p_outcome: succeeded, ended (the provider no longer knows the grant), unneeded, failed (the '
  'provider fails for any token) or refused (for this token only). Nobody calls a failed provider for 1 s, then 2, '
  '4, … up to 300 s, or for p_retry_after_ms, at most an hour; p_failure_count is the one that the claim returned. A '
  'refused token backs off in the same way, by its own failures; so does a token that failed three times in a row '
  'while the provider works for others. p_grant, { "subject", "scope", "is_new", "lifetime_ms", "kept_ms" }, is '
  'recorded when a user''s token succeeded, and deleted when the grant ended. Returns { "accepted" }; false if the '
  'token was revoked or the lease was taken over meanwhile: then the new token must not be used.';

create function public.revoke_oauth_lease(p_key text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_fence bigint;
begin
  insert into private.oauth_leases as lease (key, fence, revoked_fence) values (p_key, 1, 1)
  on conflict (key) do update set fence = lease.fence + 1, revoked_fence = lease.fence + 1, holder = null,
    held_until = null, failure_count = 0, retry_at = null, last_error = null, updated_at = clock_timestamp()
  returning lease.fence into v_fence;
  delete from private.oauth_grants where key = p_key;
  return jsonb_build_object('fence', v_fence);
end
$$;

comment on function public.revoke_oauth_lease(text) is
  'Revokes every version of a token, stored or being fetched; a later authorization starts afresh. Returns { "fence" '
  '}, for the tombstone of the stored value.';

-- Authorizations ------------------------------------------------------------------------------------------------

create function public.keep_oauth_authorization(p_state_hash text, p_request text, p_ttl_s integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if (p_state_hash <> '' and p_request like 't1.%' and p_ttl_s >= 1) is not true then
    return jsonb_build_object('kept', false);
  end if;
  insert into private.oauth_authorizations (state_hash, request, expires_at)
  values (p_state_hash, p_request, clock_timestamp() + make_interval(secs => least(p_ttl_s, 3600)))
  on conflict (state_hash) do nothing;
  return jsonb_build_object('kept', found);
end
$$;

comment on function public.keep_oauth_authorization(text, text, integer) is
  'Stores an authorization in progress, for at most an hour. Returns { "kept" }.';

create function public.answer_oauth_authorization(p_state_hash text, p_answer text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_request text;
begin
  update private.oauth_authorizations set answer = p_answer
  where state_hash = p_state_hash and answer is null and expires_at > clock_timestamp() and p_answer like 't1.%'
  returning request into v_request;
  return jsonb_build_object('request', v_request);
end
$$;

comment on function public.answer_oauth_authorization(text, text) is
  'Stores the provider''s response with its authorization; only the first one counts. Returns { "request" }; null '
  'for an unknown, used or expired state.';

create function public.take_oauth_authorization(p_state_hash text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_taken private.oauth_authorizations;
begin
  delete from private.oauth_authorizations
  where state_hash = p_state_hash and answer is not null
  returning * into v_taken;
  if v_taken.expires_at is null or v_taken.expires_at <= clock_timestamp() then
    return jsonb_build_object('request', null, 'answer', null);
  end if;
  return jsonb_build_object('request', v_taken.request, 'answer', v_taken.answer);
end
$$;

comment on function public.take_oauth_authorization(text) is
  'Returns a completed authorization and deletes it: of many callers at once, one gets it. Returns { "request", '
  '"answer" }.';

-- Users who go --------------------------------------------------------------------------------------------------

create function private.forget_oauth_user(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.oauth_revocations (subject) values (p_user_id)
  on conflict (subject) do update set requested_at = excluded.requested_at;
  delete from private.oauth_grants where subject = p_user_id;
end;
$$;

comment on function private.forget_oauth_user(uuid) is
  'A part of forget_user: requests that the user''s access at OAuth providers be revoked.';

create function public.list_oauth_revocations(p_limit integer default 100)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('subject', subject, 'requested_at', requested_at) order by requested_at), '[]')
  from (
    select subject, requested_at from private.oauth_revocations
    order by requested_at limit least(greatest(p_limit, 1), 1000)
  ) as oldest
$$;

comment on function public.list_oauth_revocations(integer) is
  'The users whose access must be revoked, oldest first: [{ "subject", "requested_at" }].';

create function public.end_oauth_revocation(p_subject uuid, p_requested_at timestamptz)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from private.oauth_revocations where subject = p_subject and requested_at <= p_requested_at;
  return found;
end;
$$;

comment on function public.end_oauth_revocation(uuid, timestamptz) is
  'Records that a user''s access was revoked, as requested at that time; a newer request stays open.';

create function private.export_oauth_user(p_user_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'grants', (
      select coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'scope', scope, 'granted_at', granted_at,
        'renewed_at', renewed_at, 'token_expires_at', token_expires_at, 'kept_until', kept_until) order by provider), '[]')
      from private.oauth_grants
      where subject = p_user_id and (kept_until is null or kept_until > clock_timestamp())
    ),
    'revocation_requested_at', (select requested_at from private.oauth_revocations where subject = p_user_id)
  )
$$;

comment on function private.export_oauth_user(uuid) is
  'A part of export_user_data: the access that the user gave to providers, with times and scopes, but no tokens.';

insert into private.user_data (name, forget, export, description)
values ('oauth', 'forget_oauth_user', 'export_oauth_user', 'Access to OAuth providers');

-- Operation -----------------------------------------------------------------------------------------------------

create function public.oauth_status()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'tokens', (select jsonb_build_object(
        'stored', count(*) filter (where token_data is not null and (expires_at is null or expires_at > clock_timestamp())),
        'expired', count(*) filter (where token_data is not null and expires_at <= clock_timestamp()),
        'buried', count(*) filter (where token_data is null))
      from public.tokens),
    'leases_held', (select count(*) from private.oauth_leases where held_until > clock_timestamp()),
    'leases_resting', (select count(*) from private.oauth_leases where retry_at > clock_timestamp()),
    'authorizations_open', (select count(*) from private.oauth_authorizations where expires_at > clock_timestamp()),
    'providers', (select coalesce(jsonb_agg(jsonb_build_object(
        'provider', provider, 'failure_count', failure_count, 'last_error', last_error,
        'retry_after_s', greatest(0, ceil(extract(epoch from retry_at - clock_timestamp())))) order by provider), '[]')
      from private.oauth_provider_health where failure_count > 0))
$$;

comment on function public.oauth_status() is
  'Counts of stored tokens, leases and authorizations, and the providers that are not called for now.';

create function private.cleanup_oauth_tokens(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- A volatile function would prevent the use of the indexes.
  v_now constant timestamptz := clock_timestamp();
  v_expired integer;
  v_buried integer;
  v_authorizations integer;
  v_revocations integer;
  v_grants integer;
begin
  delete from public.tokens
  where ctid = any(array(
    select ctid from public.tokens
    where expires_at < v_now
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_expired = row_count;
  delete from public.tokens
  where ctid = any(array(
    select ctid from public.tokens
    where token_data is null and updated_at < v_now - interval '30 days'
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_buried = row_count;
  delete from private.oauth_authorizations
  where ctid = any(array(
    select ctid from private.oauth_authorizations
    where expires_at < v_now
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_authorizations = row_count;
  delete from private.oauth_revocations
  where ctid = any(array(
    select ctid from private.oauth_revocations
    where requested_at < v_now - interval '30 days'
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_revocations = row_count;
  delete from private.oauth_grants
  where ctid = any(array(
    select ctid from private.oauth_grants
    where kept_until < v_now
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_grants = row_count;
  return v_expired + v_buried + v_authorizations + v_revocations + v_grants;
end
$$;

comment on function private.cleanup_oauth_tokens(integer) is
  'Deletes expired rows, and tombstones and revocation requests that are older than 30 days, at most p_limit of '
  'each; nothing depends on it. Returns how many.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke all on function
  public.read_tokens(jsonb),
  public.write_tokens(jsonb),
  public.delete_tokens(jsonb),
  public.clear_tokens(text),
  public.list_tokens(text, text, integer),
  public.oauth_tokens_to_rotate(text, text, integer),
  public.rotate_oauth_tokens(jsonb),
  public.read_oauth_lease(text, text),
  public.claim_oauth_lease(text, text, uuid, integer, boolean),
  public.finish_oauth_lease(text, text, bigint, text, integer, text, bigint, jsonb),
  public.revoke_oauth_lease(text),
  public.keep_oauth_authorization(text, text, integer),
  public.answer_oauth_authorization(text, text),
  public.take_oauth_authorization(text),
  private.forget_oauth_user(uuid),
  private.export_oauth_user(uuid),
  public.list_oauth_revocations(integer),
  public.end_oauth_revocation(uuid, timestamptz),
  public.oauth_status(),
  private.cleanup_oauth_tokens(integer)
from public, anon, authenticated;
grant execute on function
  public.read_tokens(jsonb),
  public.write_tokens(jsonb),
  public.delete_tokens(jsonb),
  public.clear_tokens(text),
  public.list_tokens(text, text, integer),
  public.oauth_tokens_to_rotate(text, text, integer),
  public.rotate_oauth_tokens(jsonb),
  public.read_oauth_lease(text, text),
  public.claim_oauth_lease(text, text, uuid, integer, boolean),
  public.finish_oauth_lease(text, text, bigint, text, integer, text, bigint, jsonb),
  public.revoke_oauth_lease(text),
  public.keep_oauth_authorization(text, text, integer),
  public.answer_oauth_authorization(text, text),
  public.take_oauth_authorization(text),
  public.list_oauth_revocations(integer),
  public.end_oauth_revocation(uuid, timestamptz),
  public.oauth_status()
to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('revoke_forgotten_oauth', '*/5 * * * *', 'http', 'oauth-token/revoke-forgotten', true, null, 140000, '30 minutes',
    'Revokes the access of users who were forgotten, at their OAuth providers'),
  ('cleanup_oauth_tokens', '17 * * * *', 'sql', 'private.cleanup_oauth_tokens', true, null, 300000, '3 hours',
    'Deletes expired OAuth tokens and authorizations');

select private.install_schedule();
