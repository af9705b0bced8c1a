-- Alerts of the ledger: anomalies, balances that went low, a provider that fails.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.ledger_alert_settings (
  id boolean not null default true,
  anomaly_window interval not null default '1 hour',
  low_balance_window interval not null default '1 hour',
  low_balance_tokens bigint not null default 20,
  low_balance_scanned_at timestamptz not null default now(),
  provider_window interval not null default '5 minutes',
  provider_least_failures integer not null default 10,
  provider_failure_share numeric not null default 0.5,
  provider_repeat interval not null default '30 minutes',
  constraint ledger_alert_settings_pkey primary key (id),
  constraint ledger_alert_settings_one_row check (id),
  constraint ledger_alert_settings_windows_sensible check (
    least(anomaly_window, low_balance_window, provider_window, provider_repeat) >= '1 minute'
    and greatest(anomaly_window, low_balance_window, provider_window, provider_repeat) <= '30 days'),
  constraint ledger_alert_settings_provider_sensible check (
    provider_least_failures >= 1 and provider_failure_share > 0 and provider_failure_share <= 1)
);

comment on table private.ledger_alert_settings is
  'Which ledger events are alerted, and how often; one row, which an operator changes in SQL.';
comment on column private.ledger_alert_settings.anomaly_window is
  'At most one alert per user, type and severity of anomaly in this time.';
comment on column private.ledger_alert_settings.low_balance_window is
  'At most one low-balance alert per user in this time.';
comment on column private.ledger_alert_settings.low_balance_tokens is 'A balance below this is low; 0: no alert.';
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

-- A provider's failures are few, and looked for every minute: the index costs a charge nothing.
create index token_consumption_locks_released_idx on public.token_consumption_locks (expires_at)
  where status = 'released';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.ledger_alert_settings enable row level security;

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

create function private.emit_low_balance_alert(p_user_id uuid, p_balance bigint, p_threshold bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_window interval;
begin
  if p_user_id is null or p_balance is null or p_threshold is null then
    return jsonb_build_object('emitted', false, 'duplicate', false, 'error', 'invalid_request',
      'message', 'Expected are a user_id, its balance and the threshold');
  end if;
  select low_balance_window into v_window from private.ledger_alert_settings;
  return private.emit_alert('low_balance', 'user:' || p_user_id,
    jsonb_build_object('user_id', p_user_id, 'balance', p_balance, 'threshold', p_threshold, 'seen_at', now()),
    concat_ws(' ', p_user_id, p_threshold, floor(extract(epoch from now()) / extract(epoch from v_window))));
end;
$$;

comment on function private.emit_low_balance_alert(uuid, bigint, bigint) is
  'Emits an alert that a charge took a balance below a threshold, once per user, threshold and window. Returns what '
  'emit_alert returns.';

create function private.scan_low_balances()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := now();
  v_settings private.ledger_alert_settings;
  v_charge record;
  v_count integer := 0;
begin
  select * into v_settings from private.ledger_alert_settings for update;
  for v_charge in
    select distinct on (user_id) user_id, balance_after
    from public.token_balance_history
    -- Ten minutes again, for charges that were committed after later ones: what was told before is not told twice.
    where created_at > v_settings.low_balance_scanned_at - interval '10 minutes'
      and delta < 0
      and balance_after < v_settings.low_balance_tokens
      and balance_after - delta >= v_settings.low_balance_tokens
      and not exists (
        select from public.token_balances as balances
        where balances.user_id = token_balance_history.user_id and balances.is_closed)
      and not exists (
        select from public.token_balances as balances
        where balances.user_id = token_balance_history.user_id and balances.is_closed)
    order by user_id, entry_number desc
  loop
    if (private.emit_low_balance_alert(v_charge.user_id, v_charge.balance_after, v_settings.low_balance_tokens)
      ->> 'emitted')::boolean
    then
      v_count := v_count + 1;
    end if;
  end loop;
  update private.ledger_alert_settings set low_balance_scanned_at = v_now;
  return v_count;
end;
$$;

comment on function private.scan_low_balances() is
  'Emits alerts for charges that took a balance below ledger_alert_settings.low_balance_tokens. Reads the ledger '
  'from where the last scan ended, so charges do not pay for it, and a late scan misses none. Returns how many.';

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
        and history.created_at < now() + interval '1 hour' and history.delta < 0
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
  private.scan_failing_provider()
from public, anon, authenticated;

-- Types of alerts -----------------------------------------------------------------------------------------------

insert into public.alert_types (alert_type, scan, description)
values
  ('anomaly', null, 'An anomaly that is a warning or critical was recorded'),
  ('low_balance', 'scan_low_balances', 'A charge took a balance below low_balance_tokens'),
  ('provider_failing', 'scan_failing_provider', 'More requests than usual fail at the AI provider');

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.token_consumption_locks where status = 'released' and expires_at > 'infinity';
end;
$$;
