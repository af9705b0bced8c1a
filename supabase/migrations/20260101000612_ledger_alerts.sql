-- Alerts of the ledger: anomalies, balances that went low, grants that end soon, a provider that fails.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.ledger_alert_settings (
  id boolean not null default true,
  anomaly_window interval not null default '1 hour',
  low_balance_window interval not null default '1 hour',
  low_balance_tokens bigint not null default 20,
  wallet_low_tokens bigint not null default 200,
  low_balance_scanned_at timestamptz not null default now(),
  grant_expiring_before interval not null default '3 days',
  provider_window interval not null default '5 minutes',
  provider_least_failures integer not null default 10,
  provider_failure_share numeric not null default 0.5,
  provider_repeat interval not null default '30 minutes',
  constraint ledger_alert_settings_pkey primary key (id),
  constraint ledger_alert_settings_one_row check (id),
  constraint ledger_alert_settings_windows_sensible check (
    least(anomaly_window, low_balance_window, provider_window, provider_repeat) >= '1 minute'
    and greatest(anomaly_window, low_balance_window, provider_window, provider_repeat) <= '30 days'),
  constraint ledger_alert_settings_grant_expiring_sensible check (grant_expiring_before between '0' and '90 days'),
  constraint ledger_alert_settings_provider_sensible check (
    provider_least_failures >= 1 and provider_failure_share > 0 and provider_failure_share <= 1)
);

comment on table private.ledger_alert_settings is
  'Which ledger events are alerted, and how often; one row, which an operator changes in SQL.';
comment on column private.ledger_alert_settings.anomaly_window is
  'At most one alert per user, type and severity of anomaly in this time.';
comment on column private.ledger_alert_settings.low_balance_window is
  'At most one low-balance alert per wallet in this time.';
comment on column private.ledger_alert_settings.low_balance_tokens is 'A user''s balance below this is low; 0: no alert.';
comment on column private.ledger_alert_settings.wallet_low_tokens is
  'The balance of a team''s wallet below this is low; 0: no alert.';
comment on column private.ledger_alert_settings.grant_expiring_before is
  'How long before its end a grant that has tokens left is alerted; 0: no alert.';
comment on column private.ledger_alert_settings.low_balance_scanned_at is
  'The time up to which the ledger was scanned for low balances.';
comment on column private.ledger_alert_settings.provider_window is
  'The time window in which provider failures are counted.';
comment on column private.ledger_alert_settings.provider_least_failures is
  'The number of failures in the window below which there is no alert.';
comment on column private.ledger_alert_settings.provider_failure_share is
  'The share of failed requests in the window from which there is an alert, above 0 and at most 1.';
comment on column private.ledger_alert_settings.provider_repeat is
  'At most one alert about a failing provider in this time.';

insert into private.ledger_alert_settings default values;

create table private.grant_expiry_alerts (
  grant_id bigint not null,
  expires_at timestamptz not null,
  constraint grant_expiry_alerts_pkey primary key (grant_id)
);

create index grant_expiry_alerts_expires_at_idx on private.grant_expiry_alerts (expires_at);

comment on table private.grant_expiry_alerts is
  'Grants that have been looked at as their end is near: each once, whatever happens to it until then.';
comment on column private.grant_expiry_alerts.grant_id is 'The grant, of public.token_grants.';
comment on column private.grant_expiry_alerts.expires_at is 'That end; then the row goes.';

-- A provider's failures are few, and looked for every minute: the index costs a charge nothing.
create index token_consumption_locks_released_idx on public.token_consumption_locks (expires_at)
  where status = 'released';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.ledger_alert_settings enable row level security;
alter table private.grant_expiry_alerts enable row level security;

create policy "nobody but the functions" on private.grant_expiry_alerts using (false);

create policy "servers read the alert settings of the ledger" on private.ledger_alert_settings
  for select to service_role using (true);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.alert_of_token_anomaly()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_window interval;
begin
  if new.severity in ('warning', 'critical') then
    select anomaly_window into v_window from private.ledger_alert_settings;
    perform private.emit_alert('anomaly', 'user:' || new.user_id,
      jsonb_build_object('anomaly_id', new.id, 'anomaly_type', new.anomaly_type, 'severity', new.severity,
        'user_id', new.user_id, 'details', case when pg_column_size(new.details) <= 32768 then new.details else '{}' end,
        'recorded_at', new.created_at),
      left(concat_ws(' ', new.user_id, new.severity, floor(extract(epoch from now()) / extract(epoch from v_window)),
        new.anomaly_type), 300));
  end if;
  return null;
end;
$$;

comment on function private.alert_of_token_anomaly() is
  'Emits an alert for a warning or critical anomaly, once per user, type, severity and window.';

create trigger token_anomalies_alert
  after insert on public.token_anomalies
  for each row execute function private.alert_of_token_anomaly();

create function private.emit_low_balance_alert(p_wallet_id uuid, p_balance bigint, p_threshold bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_window interval;
  v_is_shared constant boolean := exists (select from private.wallets where id = p_wallet_id);
begin
  if p_wallet_id is null or p_balance is null or p_threshold is null then
    return jsonb_build_object('emitted', false, 'duplicate', false, 'error', 'invalid_request',
      'message', 'Expected a wallet''s id, its balance and the threshold');
  end if;
  select low_balance_window into v_window from private.ledger_alert_settings;
  return private.emit_alert(case when v_is_shared then 'wallet_low' else 'low_balance' end,
    case when v_is_shared then 'wallet:' else 'user:' end || p_wallet_id,
    jsonb_build_object(case when v_is_shared then 'wallet_id' else 'user_id' end, p_wallet_id, 'balance', p_balance,
      'threshold', p_threshold, 'seen_at', now()),
    concat_ws(' ', p_wallet_id, p_threshold, floor(extract(epoch from now()) / extract(epoch from v_window))));
end;
$$;

comment on function private.emit_low_balance_alert(uuid, bigint, bigint) is
  'Emits an alert that a balance fell below a threshold, once per wallet, threshold and window: low_balance for a '
  'user''s own wallet, wallet_low for a team''s. Returns what emit_alert returns.';

create function private.scan_low_balances()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := now();
  v_settings private.ledger_alert_settings;
  v_fall record;
  v_count integer := 0;
begin
  select * into v_settings from private.ledger_alert_settings for update;
  for v_fall in
    select distinct on (falls.user_id) falls.user_id, falls.balance_after, falls.threshold
    from (
      select history.user_id, history.entry_number, history.balance_after, history.delta,
        case when exists (select from private.wallets where id = history.user_id) then v_settings.wallet_low_tokens
          else v_settings.low_balance_tokens end as threshold
      from public.token_balance_history as history
      -- Ten minutes again, for entries that were committed after later ones: what was told before is not told twice.
      where history.created_at > v_settings.low_balance_scanned_at - interval '10 minutes'
        and history.delta < 0
        and history.balance_after < greatest(v_settings.low_balance_tokens, v_settings.wallet_low_tokens)
        and not exists (
          select from public.token_balances as balances
          where balances.user_id = history.user_id and balances.is_closed)
    ) as falls
    where falls.balance_after < falls.threshold and falls.balance_after - falls.delta >= falls.threshold
    order by falls.user_id, falls.entry_number desc
  loop
    if (private.emit_low_balance_alert(v_fall.user_id, v_fall.balance_after, v_fall.threshold) ->> 'emitted')::boolean then
      v_count := v_count + 1;
    end if;
  end loop;
  update private.ledger_alert_settings set low_balance_scanned_at = v_now;
  return v_count;
end;
$$;

comment on function private.scan_low_balances() is
  'Emits alerts for charges, expiries and clawbacks that took a balance below ledger_alert_settings.low_balance_tokens, '
  'or a team''s below wallet_low_tokens. Reads the ledger from where the last scan ended, so charges do not pay for '
  'it, and a late scan misses none. Returns how many.';

create function private.scan_expiring_grants()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_before interval;
  v_grant record;
  v_is_shared boolean;
  v_count integer := 0;
begin
  -- One scan at a time: each grant is told once.
  select grant_expiring_before into v_before from private.ledger_alert_settings for update;
  delete from private.grant_expiry_alerts where expires_at <= now();
  for v_grant in
    with near as (
      select grants.id, grants.wallet_id, grants.entry_number, grants.kind, grants.expires_at
      from public.token_grants as grants
      where grants.remaining > 0 and grants.expires_at > now() and grants.expires_at <= now() + v_before
        and not exists (select from private.grant_expiry_alerts as known where known.grant_id = grants.id)
      order by grants.expires_at
      limit 10000
    ),
    noted as (
      insert into private.grant_expiry_alerts (grant_id, expires_at) select id, expires_at from near
    )
    select near.*, left_of.tokens
    from near
    -- Once for each wallet, however many of its grants end.
    join (
      select own.*
      from (select distinct wallet_id from near) as wallets
      join public.token_balances as balances on balances.user_id = wallets.wallet_id and not balances.is_closed
      cross join lateral private.grants_left(balances.user_id, balances.granted - balances.balance) as own
      offset 0
    ) as left_of on left_of.grant_id = near.id
    where left_of.tokens > 0
    order by near.expires_at, near.id
  loop
    v_is_shared := exists (select from private.wallets where id = v_grant.wallet_id);
    perform private.emit_alert('grant_expiring', case when v_is_shared then 'wallet:' else 'user:' end || v_grant.wallet_id,
      jsonb_build_object(case when v_is_shared then 'wallet_id' else 'user_id' end, v_grant.wallet_id,
        'entry_number', v_grant.entry_number, 'kind', v_grant.kind, 'tokens', v_grant.tokens,
        'expires_at', v_grant.expires_at, 'seen_at', now()),
      v_grant.id::text);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

comment on function private.scan_expiring_grants() is
  'Emits alerts for grants that end within ledger_alert_settings.grant_expiring_before and have tokens left, once per '
  'grant, at most 10,000 in one scan. Returns how many.';

create function private.scan_failing_provider()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_settings private.ledger_alert_settings;
  v_since timestamptz;
  v_dedupe_key text;
  v_functions jsonb;
  v_failures bigint;
  v_successes bigint;
begin
  select * into v_settings from private.ledger_alert_settings;
  v_since := now() - v_settings.provider_window;
  select count(*) into v_failures
  from public.token_consumption_locks as locks
  where locks.status = 'released' and locks.expires_at > v_since
    and locks.metadata ->> 'released_for' in ('provider_error', 'provider_timeout');
  if v_failures < v_settings.provider_least_failures then
    return 0;
  end if;
  v_dedupe_key := floor(extract(epoch from now()) / extract(epoch from v_settings.provider_repeat))::text;
  if exists (
    select from private.alert_outbox where alert_type = 'provider_failing' and dedupe_key = v_dedupe_key
  ) then
    return 0; -- Told already: counting what went well is the expensive part.
  end if;

  with outcomes as (
    select locks.operation_type, true as has_failed
    from public.token_consumption_locks as locks
    where locks.status = 'released' and locks.expires_at > v_since
      and locks.metadata ->> 'released_for' in ('provider_error', 'provider_timeout')
    union all
    select entries.operation_type, false
    from public.token_balances as active
    cross join lateral (
      select history.operation_type
      from public.token_balance_history as history
      where history.user_id = active.user_id and history.created_at > v_since
        and history.created_at < now() + interval '1 hour'
        and history.delta < 0 and history.operation_type <> all(private.operations_of_grants())
      order by history.entry_number desc
      limit 1000
    ) as entries
    where active.updated_at > v_since
  ),
  functions as (
    select outcomes.operation_type, count(*) filter (where outcomes.has_failed) as failures,
      count(*) filter (where not outcomes.has_failed) as successes
    from outcomes
    group by outcomes.operation_type
  )
  select sum(functions.failures), sum(functions.successes),
    jsonb_agg(jsonb_build_object('function', functions.operation_type, 'failures', functions.failures,
      'successes', functions.successes) order by functions.failures desc, functions.operation_type)
      filter (where functions.failures > 0)
  into v_failures, v_successes, v_functions
  from functions;
  if v_failures < v_settings.provider_failure_share * (v_failures + v_successes) then
    return 0;
  end if;
  return ((private.emit_alert('provider_failing', 'provider',
    jsonb_build_object('failures', v_failures, 'successes', v_successes,
      'window_s', extract(epoch from v_settings.provider_window)::integer, 'functions', v_functions, 'seen_at', now()),
    v_dedupe_key) ->> 'emitted')::boolean)::integer;
end;
$$;

comment on function private.scan_failing_provider() is
  'A part of scan_alerts: alerts, once per window, when an unusual share of recent requests was released because the '
  'AI provider failed or timed out. Returns how many alerts.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on private.ledger_alert_settings to service_role;

revoke execute on function
  private.alert_of_token_anomaly(),
  private.emit_low_balance_alert(uuid, bigint, bigint),
  private.scan_low_balances(),
  private.scan_expiring_grants(),
  private.scan_failing_provider()
from public, anon, authenticated;

-- Types of alerts -----------------------------------------------------------------------------------------------

insert into public.alert_types (alert_type, scan, description)
values
  ('anomaly', null, 'An anomaly that is a warning or critical was recorded'),
  ('low_balance', 'scan_low_balances', 'A user''s balance fell below low_balance_tokens'),
  ('wallet_low', null, 'The balance of a team''s wallet fell below wallet_low_tokens: scan_low_balances tells it too'),
  ('grant_expiring', 'scan_expiring_grants', 'A grant of which something is left ends soon'),
  ('provider_failing', 'scan_failing_provider', 'More requests than usual fail at the AI provider');

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.token_consumption_locks where status = 'released' and expires_at > 'infinity';
  perform 1 from private.grant_expiry_alerts where expires_at <= '-infinity';
end;
$$;
