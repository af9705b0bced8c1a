-- Bearer tokens of brokers and other third parties, copied from Redis and kept encrypted. The earlier system's tables and
-- columns, and what a copy needs that several processes write and that may stop halfway.

-- Tables --------------------------------------------------------------------------------------------------------

create table public.tradovate_tokens (
  id uuid primary key default gen_random_uuid(),
  account_name text collate "C" not null check (account_name ~ '^[A-Za-z0-9_.:@-]+$' and length(account_name) <= 200),
  main_account text collate "C" not null,
  token_type text not null check (token_type in ('bearer', 'auth')),
  access_token text not null check (access_token like 't1.%.%'),
  token_length integer not null check (token_length > 0),
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  is_active boolean not null default true,
  metadata jsonb not null default '{}',
  source text not null,
  token_number bigint not null generated always as identity unique,
  fingerprint text not null,
  expiry_source text not null check (expiry_source in ('jwt', 'field', 'ttl', 'none')),
  inactive_reason text check (inactive_reason in ('expired', 'gone', 'operator')),
  key_id text not null generated always as (split_part(access_token, '.', 2)) stored,
  -- All that a scan compares, so that it need not read the rows, which are ten times as large.
  constraint tradovate_tokens_account_name_key unique (account_name)
    include (token_number, source, fingerprint, is_active, expires_at, expiry_source, inactive_reason)
) with (fillfactor = 90);

-- Envelopes look random: there is nothing to compress.
alter table public.tradovate_tokens alter column access_token set storage external;

comment on table public.tradovate_tokens is
  'Bearer tokens of third-party APIs, one per account, copied from Redis by token-manager and encrypted';
comment on column public.tradovate_tokens.account_name is
  'The account of the token: its key in Redis without the prefix token:';
comment on column public.tradovate_tokens.main_account is
  'The main account that this account belongs to; for a main account its own name';
comment on column public.tradovate_tokens.token_type is 'bearer: for requests; auth: for opening sessions';
comment on column public.tradovate_tokens.access_token is
  'An envelope, t1.<key id>.<base64url>: AES-256-GCM, bound to account_name. Never the token itself';
comment on column public.tradovate_tokens.token_length is 'The token''s length in characters';
comment on column public.tradovate_tokens.expires_at is
  'When the token expires; null if neither the token nor Redis says so';
comment on column public.tradovate_tokens.is_active is
  'Whether the token may be given out, unless expires_at has passed: the cleanup may run later';
comment on column public.tradovate_tokens.metadata is 'redis_key, and ttl_s when the token was stored (null: none)';
comment on column public.tradovate_tokens.source is 'The Redis of the token, by its name in VAULT_SOURCE';
comment on column public.tradovate_tokens.token_number is 'The row''s id in token_sync_pages, shorter than id';
comment on column public.tradovate_tokens.fingerprint is
  'A keyed digest of the value in Redis: shows whether the value has changed';
comment on column public.tradovate_tokens.expiry_source is
  'Where expires_at comes from: the JWT''s exp, a field beside the token, the TTL in Redis, or nowhere';
comment on column public.tradovate_tokens.inactive_reason is
  'Why the token is inactive. A sync never activates a row with the reason operator, or without a reason';
comment on column public.tradovate_tokens.key_id is 'The id of the encryption key of access_token';

create index tradovate_tokens_active_updated_at on public.tradovate_tokens (updated_at desc) where is_active;
create index tradovate_tokens_active_main_account on public.tradovate_tokens (main_account) where is_active;
create index tradovate_tokens_active_expires_at on public.tradovate_tokens (expires_at) where is_active;

create table public.token_key_mappings (
  id uuid primary key default gen_random_uuid(),
  main_account text collate "C" not null,
  redis_key text collate "C" not null unique,
  key_type text not null check (key_type in ('main', 'sub_account', 'auth')),
  created_at timestamptz not null default clock_timestamp()
);

comment on table public.token_key_mappings is
  'Which key in Redis belongs to which main account; kept when the key disappears';
comment on column public.token_key_mappings.main_account is 'The main account, as in tradovate_tokens';
comment on column public.token_key_mappings.redis_key is 'The whole key, with the prefix token:';
comment on column public.token_key_mappings.key_type is
  'Whether it is the key of a main account or of a sub-account, or opens sessions';

create index token_key_mappings_main_account on public.token_key_mappings (main_account);

create table private.token_syncs (
  source text primary key check (length(source) between 1 and 100),
  fence bigint not null default 0,
  lease_until timestamptz,
  scan_number bigint not null default 0,
  next_cursor text,
  server_id text not null default '',
  scan_started_at timestamptz,
  completed_at timestamptz,
  completed_key_count bigint
);

comment on table private.token_syncs is 'The state of each Redis''s copy; at most one sync per Redis runs at a time';
comment on column private.token_syncs.source is 'The Redis, by its name in VAULT_SOURCE';
comment on column private.token_syncs.fence is
  'The fencing number of the sync that may write; a sync with a lower number has lost its lease';
comment on column private.token_syncs.lease_until is 'Until then no other sync may begin; null: no sync is running';
comment on column private.token_syncs.scan_number is 'The number of the newest scan; a scan may take several syncs';
comment on column private.token_syncs.next_cursor is
  'Where the unfinished scan continues; null: no scan is unfinished';
comment on column private.token_syncs.server_id is 'The server of the cursor, which is meaningless to another server';
comment on column private.token_syncs.scan_started_at is 'When the newest scan began';
comment on column private.token_syncs.completed_at is 'When a scan was last completed';
comment on column private.token_syncs.completed_key_count is 'How many keys that scan found';

create table private.token_sync_pages (
  source text not null references private.token_syncs (source) on delete cascade,
  page_number bigint not null generated always as identity,
  token_numbers bigint[] not null,
  primary key (source, page_number)
);

-- A few KB that are read once: compressing them took a tenth of a scan.
alter table private.token_sync_pages alter column token_numbers set storage external;

comment on table private.token_sync_pages is
  'The rows whose keys an unfinished scan has found, as lists: marking each unchanged row would cost a write per row';
comment on column private.token_sync_pages.source is 'The source of the scan';
comment on column private.token_sync_pages.page_number is 'Distinguishes the lists; their order does not matter';
comment on column private.token_sync_pages.token_numbers is 'The token_number of each row that was found';

create table private.token_rejections (
  account_name text collate "C" primary key,
  source text not null,
  reason text not null,
  fingerprint text not null,
  scan_number bigint not null,
  rejected_at timestamptz not null default clock_timestamp()
);

comment on table private.token_rejections is
  'Keys in Redis whose value is not a token; a token that was stored before stays';
comment on column private.token_rejections.account_name is 'The key without the prefix token:';
comment on column private.token_rejections.source is 'The Redis of the key';
comment on column private.token_rejections.reason is 'What is wrong with the value; the value itself is not quoted';
comment on column private.token_rejections.fingerprint is
  'Digest of the value: it is not fetched again until it changes';
comment on column private.token_rejections.scan_number is 'The newest scan that found it';
comment on column private.token_rejections.rejected_at is 'When this value was first rejected';

create table private.token_encryption_keys (
  key_id text primary key,
  proof text not null,
  created_at timestamptz not null default clock_timestamp()
);

comment on table private.token_encryption_keys is
  'The ids of the keys that tokens were encrypted with; not the keys themselves';
comment on column private.token_encryption_keys.key_id is 'The id in TOKEN_ENCRYPTION_KEYS';
comment on column private.token_encryption_keys.proof is
  'An envelope that only this key opens, so that another key with the same id is detected before it is used';

create table private.token_access_log (
  request_id text not null,
  id bigint generated always as identity primary key,
  action text not null check (action in ('get', 'rotate')),
  account_name text,
  key_name text not null,
  outcome text not null,
  created_at timestamptz not null default clock_timestamp()
);

comment on table private.token_access_log is
  'Who read which token and when; append-only, also for the table''s owner; only prune_token_access_log deletes';
comment on column private.token_access_log.action is
  'get: one token was read; rotate: a batch was read for re-encryption';
comment on column private.token_access_log.account_name is 'The requested account; null for a batch';
comment on column private.token_access_log.key_name is 'The name of the secret key that was used, or of the program';
comment on column private.token_access_log.outcome is 'given, or why not; for a batch, the number of rows';

create index token_access_log_account_name on private.token_access_log (account_name, id desc);

create table private.token_manager_settings (
  is_only_row boolean primary key default true check (is_only_row),
  access_log_days integer default 400 check (access_log_days >= 30),
  token_expiry_lead interval not null default '15 minutes' check (token_expiry_lead >= '0')
);

insert into private.token_manager_settings default values;

comment on table private.token_manager_settings is
  'Settings of the token manager; one row, which an operator changes in SQL';
comment on column private.token_manager_settings.is_only_row is 'Always true: there is only one row';
comment on column private.token_manager_settings.access_log_days is
  'How long token_access_log keeps a line, at least 30 days; null: forever';
comment on column private.token_manager_settings.token_expiry_lead is
  'How long before its expiry a token that was not renewed is alerted';

-- Nobody but the functions below, and an operator in SQL.
alter table public.tradovate_tokens enable row level security;
alter table public.token_key_mappings enable row level security;
alter table private.token_syncs enable row level security;
alter table private.token_sync_pages enable row level security;
alter table private.token_rejections enable row level security;
alter table private.token_encryption_keys enable row level security;
alter table private.token_access_log enable row level security;
alter table private.token_manager_settings enable row level security;

create policy "closed to users" on public.tradovate_tokens to anon, authenticated using (false);
create policy "closed to users" on public.token_key_mappings to anon, authenticated using (false);
create policy "closed to users" on private.token_syncs to anon, authenticated using (false);
create policy "closed to users" on private.token_sync_pages to anon, authenticated using (false);
create policy "closed to users" on private.token_rejections to anon, authenticated using (false);
create policy "closed to users" on private.token_encryption_keys to anon, authenticated using (false);
create policy "closed to users" on private.token_access_log to anon, authenticated using (false);
create policy "closed to users" on private.token_manager_settings to anon, authenticated using (false);

-- The audit -----------------------------------------------------------------------------------------------------

create function private.forbid_token_access_log_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- A row that is old enough may go, whoever deletes it; nothing else may.
  if tg_op = 'DELETE' and tg_level = 'ROW' then
    if old.created_at < clock_timestamp() - (
      select make_interval(days => access_log_days) from private.token_manager_settings
    ) then
      return old;
    end if;
  end if;
  raise exception 'token_access_log is append-only: % is not possible', lower(tg_op)
    using errcode = 'insufficient_privilege';
end
$$;

comment on function private.forbid_token_access_log_change() is
  'Refuses changes of the access log, also by the table''s owner; lines older than access_log_days may be deleted.';

create trigger token_access_log_append_only
  before update or truncate on private.token_access_log
  for each statement execute function private.forbid_token_access_log_change();

create trigger token_access_log_kept
  before delete on private.token_access_log
  for each row execute function private.forbid_token_access_log_change();

create function private.prune_token_access_log(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_before constant timestamptz := clock_timestamp() - (
    select make_interval(days => access_log_days) from private.token_manager_settings);
  v_count integer;
begin
  -- Lines are written in the order of their ids: the oldest are the first, and no index of times is needed.
  delete from private.token_access_log
  where id = any(array(
    select oldest.id
    from (select id, created_at from private.token_access_log order by id limit p_limit) as oldest
    where oldest.created_at < v_before
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.prune_token_access_log(integer) is
  'Deletes lines of token_access_log that are older than access_log_days: the oldest, at most p_limit. Returns how '
  'many.';

-- Sync ----------------------------------------------------------------------------------------------------------

create function public.prove_token_key(p_key_id text, p_proof text)
returns text
language sql
security definer
set search_path = ''
as $$
  insert into private.token_encryption_keys (key_id, proof)
  select p_key_id, p_proof
  where not exists (select from private.token_encryption_keys where key_id = p_key_id)
    and p_key_id is not null and p_proof is not null
  on conflict (key_id) do nothing;
  select proof from private.token_encryption_keys where key_id = p_key_id;
$$;

comment on function public.prove_token_key(text, text) is
  'The first envelope that was sealed with this key id; p_proof if there was none. A program that cannot open it has '
  'another key with the same id.';

create function public.begin_token_sync(p_source text, p_server_id text, p_lease_s integer default 30)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_sync private.token_syncs;
  v_continues boolean;
begin
  insert into private.token_syncs (source) values (p_source) on conflict (source) do nothing;
  select * into v_sync from private.token_syncs where source = p_source for update;
  v_now := clock_timestamp();
  if v_sync.lease_until > v_now then
    return jsonb_build_object('started', false,
      'retry_after_s', greatest(1, ceil(extract(epoch from v_sync.lease_until - v_now))));
  end if;
  -- A scan that rested for long says little about what is there now.
  v_continues := v_sync.next_cursor is not null and v_sync.server_id = p_server_id
    and v_sync.scan_started_at > v_now - interval '1 hour';
  if not v_continues then
    delete from private.token_sync_pages where source = p_source;
  end if;
  update private.token_syncs set
    fence = fence + 1,
    lease_until = v_now + make_interval(secs => p_lease_s),
    scan_number = scan_number + case when v_continues then 0 else 1 end,
    next_cursor = case when v_continues then next_cursor else '0' end,
    server_id = p_server_id,
    scan_started_at = case when v_continues then scan_started_at else v_now end
  where source = p_source
  returning * into v_sync;
  return jsonb_build_object('started', true, 'continues', v_continues, 'fence', v_sync.fence,
    'cursor', v_sync.next_cursor, 'scan_number', v_sync.scan_number);
end
$$;

comment on function public.begin_token_sync(text, text, integer) is
  'Begins a sync of a source, with a lease of p_lease_s seconds that each further call renews. An unfinished scan of '
  'the same server continues, unless it began more than an hour ago. Returns { "started": true, "continues", '
  '"fence", "cursor", "scan_number" }, or { "started": false, "retry_after_s" } while another sync is running.';

create function private.renew_token_sync(p_source text, p_fence bigint)
returns boolean
language sql
security definer
set search_path = ''
as $$
  with renewed as (
    update private.token_syncs set lease_until = clock_timestamp() + interval '30 seconds'
    where source = p_source and fence = p_fence and lease_until is not null
    returning 1
  )
  select exists (select from renewed);
$$;

comment on function private.renew_token_sync(text, bigint) is
  'A part of diff_, put_ and finish_: renews the lease and locks it until the transaction ends. Returns false if '
  'another sync has taken over.';

create function public.diff_provider_tokens(
  p_source text,
  p_fence bigint,
  p_names text,
  p_fingerprints text,
  p_ttls_ms text,
  p_next_cursor text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_custom_plan' -- a plan from when the table was empty would be kept
as $$
declare
  -- Two clocks and a way between them: what moves by less has not moved.
  c_drift constant interval := '5 seconds'::interval;
  v_now timestamptz;
  v_seen bigint[];
  v_changed text;
  v_unchanged_count integer;
  v_expired_count integer;
begin
  if not private.renew_token_sync(p_source, p_fence) then
    return jsonb_build_object('held', false);
  end if;
  v_now := clock_timestamp();
  -- SCAN may give a key twice: the same row is then in the page twice, and no row is in the answer twice.
  with compared as materialized (
    select page.name, page.ttl_ms, token.token_number, token.is_active, token.expires_at, token.expiry_source,
      token.inactive_reason,
      coalesce(token.fingerprint = page.fingerprint and token.source = p_source, false) as is_same,
      coalesce(rejection.fingerprint = page.fingerprint and rejection.source = p_source, false) as is_rejected
    from unnest(string_to_array(p_names, ','), string_to_array(p_fingerprints, ','),
      string_to_array(p_ttls_ms, ',')::bigint[]) as page (name, fingerprint, ttl_ms)
    left join public.tradovate_tokens as token on token.account_name = page.name
    left join private.token_rejections as rejection on rejection.account_name = page.name
  ),
  judged as (
    select *, expires_at is null and fresh_expires_at is null
        or coalesce(expires_at between fresh_expires_at - c_drift and fresh_expires_at + c_drift, false) as is_same_time,
      coalesce((is_active or inactive_reason in ('expired', 'gone')) and coalesce(fresh_expires_at > v_now, true), false)
        as fresh_is_active
    from (
      select *, case
          when expiry_source in ('jwt', 'field') then expires_at
          when ttl_ms >= 0 then v_now + ttl_ms * interval '1 millisecond'
        end as fresh_expires_at
      from compared
      where is_same and not is_rejected
    ) as same
  ),
  touched as (
    update public.tradovate_tokens as token set
      expires_at = judged.fresh_expires_at,
      is_active = judged.fresh_is_active,
      inactive_reason = case
        when judged.fresh_is_active then null
        when token.is_active then 'expired'
        else token.inactive_reason
      end,
      updated_at = v_now
    from judged
    where token.token_number = judged.token_number
      and (judged.is_active <> judged.fresh_is_active or not judged.is_same_time)
    returning token.inactive_reason
  ),
  rejected_again as (
    update private.token_rejections as rejection
    set scan_number = (select sync.scan_number from private.token_syncs as sync where sync.source = p_source)
    from compared
    where rejection.account_name = compared.name and compared.is_rejected
  )
  select array_agg(token_number) filter (where token_number is not null and (is_same or is_rejected)),
    (select string_agg(distinct name, ',') from compared where not is_same and not is_rejected),
    count(distinct token_number) filter (where is_same and not is_rejected),
    (select count(*) from touched where inactive_reason = 'expired')
  into v_seen, v_changed, v_unchanged_count, v_expired_count
  from compared;
  if v_seen is not null then
    insert into private.token_sync_pages (source, token_numbers) values (p_source, v_seen);
  end if;
  if v_changed is null then
    update private.token_syncs set next_cursor = p_next_cursor where source = p_source;
  end if;
  return jsonb_build_object('held', true, 'changed', coalesce(v_changed, ''), 'unchanged_count', v_unchanged_count,
    'expired_count', v_expired_count);
end
$$;

comment on function public.diff_provider_tokens(text, bigint, text, text, text, text) is
  'Compares a page of keys with the stored tokens. p_names, p_fingerprints and p_ttls_ms are comma-separated lists '
  'of the same length; a TTL below 0 means none. Rows with an unchanged value get a new expires_at if only Redis '
  'knows it and it moved by more than 5 s, and become active again if only expiry or absence had deactivated them. '
  'Returns { "held", "changed": comma-separated names, "unchanged_count", "expired_count" }; held is false for a '
  'sync that has lost its lease. The scan continues at p_next_cursor: now if nothing has changed, otherwise after '
  'put_provider_tokens.';

create function public.put_provider_tokens(
  p_source text,
  p_fence bigint,
  p_tokens jsonb,
  p_rejections jsonb,
  p_next_cursor text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_custom_plan' -- a plan from when the table was empty would be kept
as $$
declare
  v_now timestamptz;
  v_seen bigint[];
  v_put_count integer;
begin
  if not private.renew_token_sync(p_source, p_fence) then
    return jsonb_build_object('held', false);
  end if;
  v_now := clock_timestamp();
  with given as materialized (
    select name, main_account, key_type, envelope, length, fingerprint, ttl_ms, exp_s, exp_source,
      case
        when exp_s <> '' then to_timestamp(exp_s::double precision)
        when ttl_ms >= 0 then v_now + ttl_ms * interval '1 millisecond'
      end as expires_at
    from unnest(
      string_to_array(p_tokens ->> 'names', ','),
      string_to_array(p_tokens ->> 'main_accounts', ','),
      string_to_array(p_tokens ->> 'key_types', ','),
      string_to_array(p_tokens ->> 'envelopes', ','),
      string_to_array(p_tokens ->> 'lengths', ',')::integer[],
      string_to_array(p_tokens ->> 'fingerprints', ','),
      string_to_array(p_tokens ->> 'ttls_ms', ',')::bigint[],
      string_to_array(p_tokens ->> 'exps_s', ','),
      string_to_array(p_tokens ->> 'exp_sources', ',')
    ) as token (name, main_account, key_type, envelope, length, fingerprint, ttl_ms, exp_s, exp_source)
    where name is not null
  ),
  mapped as (
    insert into public.token_key_mappings as mapping (main_account, redis_key, key_type)
    select main_account, 'token:' || name, key_type from given
    order by name
    on conflict (redis_key) do update set main_account = excluded.main_account, key_type = excluded.key_type
      where (mapping.main_account, mapping.key_type) is distinct from (excluded.main_account, excluded.key_type)
  ),
  put as (
    insert into public.tradovate_tokens as token (account_name, main_account, token_type, access_token, token_length,
      expires_at, updated_at, is_active, metadata, source, fingerprint, expiry_source, inactive_reason)
    select name, main_account, case key_type when 'auth' then 'auth' else 'bearer' end, envelope, length, expires_at,
      v_now, coalesce(expires_at > v_now, true),
      jsonb_build_object('redis_key', 'token:' || name, 'ttl_s', case when ttl_ms >= 0 then ttl_ms / 1000 end),
      p_source, fingerprint,
      case when exp_s <> '' then coalesce(nullif(exp_source, ''), 'jwt') when ttl_ms >= 0 then 'ttl' else 'none' end,
      case when expires_at <= v_now then 'expired' end
    from given
    order by name
    on conflict (account_name) do update set
      main_account = excluded.main_account,
      token_type = excluded.token_type,
      access_token = excluded.access_token,
      token_length = excluded.token_length,
      expires_at = excluded.expires_at,
      updated_at = excluded.updated_at,
      metadata = token.metadata || excluded.metadata,
      source = excluded.source,
      fingerprint = excluded.fingerprint,
      expiry_source = excluded.expiry_source,
      is_active = excluded.is_active
        and (token.is_active or coalesce(token.inactive_reason in ('expired', 'gone'), false)),
      inactive_reason = case
        when token.is_active or token.inactive_reason in ('expired', 'gone') then excluded.inactive_reason
        else token.inactive_reason
      end
    returning token.token_number
  ),
  rejected as (
    insert into private.token_rejections as rejection (account_name, source, reason, fingerprint, scan_number, rejected_at)
    select new.name, p_source, new.reason, new.fingerprint, sync.scan_number, v_now
    from jsonb_to_recordset(p_rejections) as new (name text, reason text, fingerprint text)
    cross join (select scan_number from private.token_syncs where source = p_source) as sync
    order by new.name
    on conflict (account_name) do update set source = excluded.source, reason = excluded.reason,
      fingerprint = excluded.fingerprint, scan_number = excluded.scan_number, rejected_at = excluded.rejected_at
    returning rejection.account_name
  ),
  mended as (
    delete from private.token_rejections where account_name in (select name from given)
  )
  select (select count(*) from put), array(
    select token_number from put
    union all
    select token.token_number from public.tradovate_tokens as token
    where token.account_name in (select account_name from rejected) and token.source = p_source
  )
  into v_put_count, v_seen;
  if cardinality(v_seen) > 0 then
    insert into private.token_sync_pages (source, token_numbers) values (p_source, v_seen);
  end if;
  if p_next_cursor is not null then
    update private.token_syncs set next_cursor = p_next_cursor where source = p_source;
  end if;
  return jsonb_build_object('held', true, 'put_count', v_put_count);
end
$$;

comment on function public.put_provider_tokens(text, bigint, jsonb, jsonb, text) is
  'Stores tokens and their key mappings. p_tokens has comma-separated lists of the same length: { "names", '
  '"main_accounts", "key_types", "envelopes", "lengths", "fingerprints", "ttls_ms": below 0 for none, "exps_s": the '
  'expiry that the value states, in seconds since 1970, or empty, "exp_sources": jwt or field }; p_rejections has [{ '
  '"name", "reason", "fingerprint" }] for values that are not tokens. With p_next_cursor the scan continues there. '
  'Returns { "held", "put_count" }; held is false, and nothing stored, for a sync that has lost its lease.';

create function public.finish_token_sync(p_source text, p_fence bigint, p_is_complete boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_custom_plan' -- a plan from when the table was empty would be kept
as $$
declare
  v_gone_count integer := 0;
begin
  if not private.renew_token_sync(p_source, p_fence) then
    return jsonb_build_object('held', false);
  end if;
  if p_is_complete then
    with seen as materialized (
      select distinct token_number
      from private.token_sync_pages as page, unnest(page.token_numbers) as token_number
      where page.source = p_source
    ),
    gone as (
      update public.tradovate_tokens as token set is_active = false, inactive_reason = 'gone',
        updated_at = clock_timestamp()
      where token.source = p_source and token.is_active
        and not exists (select from seen where seen.token_number = token.token_number)
      returning 1
    ),
    mended as (
      delete from private.token_rejections as rejection
      using private.token_syncs as sync
      where sync.source = p_source and rejection.source = p_source and rejection.scan_number <> sync.scan_number
    ),
    completed as (
      update private.token_syncs as sync set next_cursor = null, completed_at = clock_timestamp(),
        completed_key_count = (select count(*) from seen) + (
          select count(*) from private.token_rejections as rejection
          where rejection.source = p_source and rejection.scan_number = sync.scan_number
            and not exists (select from public.tradovate_tokens as token
              where token.account_name = rejection.account_name and token.source = p_source)
        )
      where sync.source = p_source
    )
    select count(*) into v_gone_count from gone;
    delete from private.token_sync_pages where source = p_source;
  end if;
  update private.token_syncs set lease_until = null where source = p_source;
  return jsonb_build_object('held', true, 'gone_count', v_gone_count,
    'mapping_count', (select count(*) from public.token_key_mappings),
    'active_count', (select count(*) from public.tradovate_tokens where is_active));
end
$$;

comment on function public.finish_token_sync(text, bigint, boolean) is
  'Ends a sync. If its scan is complete, rows whose keys were not found become inactive; otherwise the next sync '
  'continues the scan. Returns { "held", "gone_count", "mapping_count", "active_count" }; held is false, and nothing '
  'changed, for a sync that has lost its lease.';

-- Reading -------------------------------------------------------------------------------------------------------

create function public.read_provider_token(p_account_name text, p_key_name text, p_request_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_token public.tradovate_tokens;
  v_outcome text;
begin
  select * into v_token from public.tradovate_tokens where account_name = p_account_name;
  v_now := clock_timestamp();
  v_outcome := case
    when v_token.id is null then 'not_found'
    when v_token.expires_at <= v_now then 'expired'
    when not v_token.is_active then coalesce(v_token.inactive_reason, 'operator')
    else 'given'
  end;
  insert into private.token_access_log (action, account_name, key_name, request_id, outcome)
  values ('get', p_account_name, coalesce(p_key_name, ''), coalesce(p_request_id, ''), v_outcome);
  if v_outcome = 'not_found' then
    return jsonb_build_object('outcome', v_outcome);
  end if;
  return jsonb_build_object('outcome', v_outcome,
    'account_name', v_token.account_name, 'main_account', v_token.main_account, 'token_type', v_token.token_type,
    'expires_at', v_token.expires_at, 'updated_at', v_token.updated_at,
    'expires_in_s', floor(extract(epoch from v_token.expires_at - v_now)),
    'envelope', case when v_outcome = 'given' then v_token.access_token end);
end
$$;

comment on function public.read_provider_token(text, text, text) is
  'Returns an account''s token as an envelope, and records the access in token_access_log in the same transaction. '
  'Returns { "outcome", "account_name", "main_account", "token_type", "expires_at", "expires_in_s", "updated_at", '
  '"envelope" }; outcome is given, not_found, expired, gone or operator, and envelope is only set for given.';

create function public.provider_token_status(p_source text, p_key_ids text[], p_limit integer default 20)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  return (
    with judged as materialized (
      select token.account_name, token.main_account, token.expires_at, token.updated_at, token.key_id,
        case
          when token.expires_at <= v_now then 'expired'
          when not token.is_active then coalesce(token.inactive_reason, 'operator')
          when not token.key_id = any(p_key_ids) then 'unknown_key'
        end as problem
      from public.tradovate_tokens as token
    ),
    unusable as materialized (
      select account_name, problem, case problem
          when 'expired' then expires_at
          when 'unknown_key' then null
          else updated_at
        end as since, key_id, null as detail
      from judged where problem is not null
      union all
      select account_name, 'not_a_token', rejected_at, null, reason from private.token_rejections
    )
    select jsonb_build_object(
      'now', v_now,
      'token_count', (select count(*) from judged),
      'usable_count', (select count(*) from judged where problem is null),
      'main_account_count', (select count(distinct main_account) from judged where problem is null),
      'mapping_count', (select count(*) from public.token_key_mappings),
      'last_updated_at', (select max(updated_at) from judged),
      'recent', (select coalesce(jsonb_agg(one), '[]') from (
        select account_name, main_account, expires_at, updated_at from judged
        where problem is null order by updated_at desc, account_name limit p_limit
      ) as one),
      'expiring_count', (select count(*) from judged
        where problem is null and expires_at < v_now + interval '10 minutes'),
      'expiring', (select coalesce(jsonb_agg(one), '[]') from (
        select account_name, expires_at, floor(extract(epoch from expires_at - v_now)) as expires_in_s from judged
        where problem is null and expires_at < v_now + interval '10 minutes'
        order by expires_at, account_name limit p_limit
      ) as one),
      'unusable_counts', (select coalesce(jsonb_object_agg(problem, problem_count), '{}') from (
        select problem, count(*) as problem_count from unusable group by problem
      ) as one),
      'unusable', (select coalesce(jsonb_agg(one), '[]') from (
        select account_name, problem, since, key_id, detail from unusable
        order by row_number() over (partition by problem order by since desc, account_name), problem limit p_limit
      ) as one),
      'key_counts', (select coalesce(jsonb_object_agg(key_id, key_count), '{}') from (
        select key_id, count(*) as key_count from judged group by key_id
      ) as one),
      'proofs', (select coalesce(jsonb_object_agg(key_id, proof), '{}') from private.token_encryption_keys),
      'sync', (
        select jsonb_build_object('is_running', coalesce(lease_until > v_now, false),
          'is_unfinished', next_cursor is not null, 'scan_started_at', scan_started_at,
          'completed_at', completed_at, 'completed_key_count', completed_key_count,
          'found_count', (select coalesce(sum(cardinality(token_numbers)), 0)
            from private.token_sync_pages as page where page.source = p_source))
        from private.token_syncs where source = p_source
      )
    )
  );
end
$$;

comment on function public.provider_token_status(text, text[], integer) is
  'Counts, the newest tokens, tokens that expire within 10 minutes, and unusable tokens with the reason: expired, '
  'gone from Redis, operator, not_a_token, or unknown_key (encrypted with a key that is not in p_key_ids). Lists '
  'have at most p_limit entries; among unusable tokens the newest of each reason come first. sync is the state of '
  'p_source, null if it was never synced.';

create function public.cleanup_provider_tokens(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.tradovate_tokens
  set is_active = false, inactive_reason = 'expired', updated_at = clock_timestamp()
  where ctid = any(array(
    select ctid from public.tradovate_tokens
    where is_active and expires_at <= clock_timestamp()
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function public.cleanup_provider_tokens(integer) is
  'Deactivates at most p_limit expired tokens; no read depends on it. Returns how many.';

-- Key rotation --------------------------------------------------------------------------------------------------

create function public.provider_tokens_to_rotate(
  p_key_id text,
  p_after text,
  p_limit integer,
  p_key_name text,
  p_request_id text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_custom_plan' -- a plan from when the table was empty would be kept
as $$
declare
  v_tokens jsonb;
begin
  select jsonb_agg(one) into v_tokens from (
    select account_name, access_token as envelope from public.tradovate_tokens
    where account_name > coalesce(p_after, '') and key_id <> p_key_id
    order by account_name
    limit p_limit
  ) as one;
  if v_tokens is not null then
    insert into private.token_access_log (action, key_name, request_id, outcome)
    values ('rotate', coalesce(p_key_name, ''), coalesce(p_request_id, ''), jsonb_array_length(v_tokens)::text);
  end if;
  return coalesce(v_tokens, '[]');
end
$$;

comment on function public.provider_tokens_to_rotate(text, text, integer, text, text) is
  'The next p_limit envelopes, after the account p_after, that are not encrypted with the key p_key_id; recorded in '
  'token_access_log as one batch. Returns [{ "account_name", "envelope" }] in the order of the names.';

create function public.rotate_provider_tokens(p_replacements jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_custom_plan' -- a plan from when the table was empty would be kept
as $$
declare
  v_count integer;
begin
  -- Rows that somebody else writes are left for the next round: a rotation never waits while it holds locks.
  update public.tradovate_tokens as token set access_token = replacement.new
  from jsonb_to_recordset(p_replacements) as replacement (account_name text, old text, new text)
  where token.account_name = replacement.account_name and token.access_token = replacement.old
    and token.ctid = any(array(
      select locked.ctid from public.tradovate_tokens as locked
      where locked.account_name in (
        select one.account_name from jsonb_to_recordset(p_replacements) as one (account_name text)
      )
      for update skip locked
    ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function public.rotate_provider_tokens(jsonb) is
  'Replaces envelopes: [{ "account_name", "old", "new" }]. A row that no longer has the old envelope has a newer '
  'token and stays unchanged. Returns how many were replaced.';

create function private.scan_ending_tokens()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lead interval;
  v_token record;
  v_count integer := 0;
begin
  select token_expiry_lead into v_lead from private.token_manager_settings;
  -- What ended long ago is no news when the scan begins to run.
  for v_token in
    select account_name, token_type, expires_at from public.tradovate_tokens
    where is_active and expires_at between now() - interval '1 day' and now() + v_lead
    order by expires_at
  loop
    if (private.emit_alert('token_about_to_expire', 'token:' || left(v_token.account_name, 200),
      jsonb_build_object('account_name', v_token.account_name, 'token_type', v_token.token_type,
        'expires_at', v_token.expires_at),
      concat_ws(' ', left(v_token.account_name, 200), v_token.token_type, extract(epoch from v_token.expires_at)))
      ->> 'emitted')::boolean
    then
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end;
$$;

comment on function private.scan_ending_tokens() is
  'A part of scan_alerts: active provider tokens that expire soon and were not renewed, once per expiry. Returns how '
  'many alerts.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke all on function
  private.forbid_token_access_log_change(),
  private.prune_token_access_log(integer),
  public.prove_token_key(text, text),
  public.begin_token_sync(text, text, integer),
  private.renew_token_sync(text, bigint),
  public.diff_provider_tokens(text, bigint, text, text, text, text),
  public.put_provider_tokens(text, bigint, jsonb, jsonb, text),
  public.finish_token_sync(text, bigint, boolean),
  public.read_provider_token(text, text, text),
  public.provider_token_status(text, text[], integer),
  public.cleanup_provider_tokens(integer),
  public.provider_tokens_to_rotate(text, text, integer, text, text),
  public.rotate_provider_tokens(jsonb),
  private.scan_ending_tokens()
from public, anon, authenticated;
grant execute on function
  public.prove_token_key(text, text),
  public.begin_token_sync(text, text, integer),
  public.diff_provider_tokens(text, bigint, text, text, text, text),
  public.put_provider_tokens(text, bigint, jsonb, jsonb, text),
  public.finish_token_sync(text, bigint, boolean),
  public.read_provider_token(text, text, text),
  public.provider_token_status(text, text[], integer),
  public.cleanup_provider_tokens(integer),
  public.provider_tokens_to_rotate(text, text, integer, text, text),
  public.rotate_provider_tokens(jsonb)
to service_role;

-- Types of alerts -----------------------------------------------------------------------------------------------

insert into public.alert_types (alert_type, scan, description)
values ('token_about_to_expire', 'scan_ending_tokens', 'An active provider token expires soon and was not renewed');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('sync_tokens', '*/30 * * * *', 'http', 'token-manager?action=sync&if_configured=true', true, null, 140000, '2 hours',
    'Copies the provider tokens from the session store into the vault'),
  ('cleanup_provider_tokens', '7 * * * *', 'sql', 'public.cleanup_provider_tokens', true, null, 300000, '3 hours',
    'Deactivates expired provider tokens'),
  ('prune_token_access_log', '27 3 * * *', 'sql', 'private.prune_token_access_log', true, null, 300000, '2 days',
    'Deletes old rows of the token access log');

select private.install_schedule();
