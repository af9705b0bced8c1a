-- Anomalies: what looks wrong is looked for on a schedule, resolved by somebody, and may pause an account by rule.
--
-- A scan takes up where the last one ended, so that one which did not run for a while, or was killed, misses nothing;
-- each case is recorded under the time window it belongs to, so that two scans at once find it once.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.anomaly_settings (
  id boolean not null default true,
  scanned_until timestamptz not null default now(),
  frequency_window interval not null default '1 minute',
  frequency_threshold integer not null default 60,
  spike_window interval not null default '1 hour',
  spike_factor numeric not null default 10,
  spike_least_tokens bigint not null default 1000,
  spike_history interval not null default '7 days',
  refund_window interval not null default '7 days',
  refund_share numeric not null default 0.5,
  refund_least_tokens bigint not null default 100,
  networks_window interval not null default '1 hour',
  networks_threshold integer not null default 10,
  keep_anomalies interval not null default '180 days',
  constraint anomaly_settings_pkey primary key (id),
  constraint anomaly_settings_one_row check (id),
  constraint anomaly_settings_windows_sensible check (
    frequency_window between '10 seconds' and '1 day' and spike_window between '1 minute' and '1 day'
    and spike_history between '1 hour' and '90 days' and networks_window between '1 minute' and '1 day'
    and refund_window between '1 hour' and '90 days'),
  constraint anomaly_settings_thresholds_sensible check (
    frequency_threshold >= 1 and spike_factor >= 1 and spike_least_tokens >= 1
    and networks_threshold >= 1 and refund_share > 0 and refund_share <= 1 and refund_least_tokens >= 1),
  constraint anomaly_settings_keep_anomalies_sensible check (keep_anomalies >= '30 days')
);

comment on table private.anomaly_settings is
  'Thresholds of the anomaly scans; one row, which an operator changes in SQL.';
comment on column private.anomaly_settings.scanned_until is 'The time up to which scan_token_anomalies() has looked.';
comment on column private.anomaly_settings.frequency_window is 'The time window of high_frequency.';
comment on column private.anomaly_settings.frequency_threshold is
  'high_frequency: more charges than this within frequency_window.';
comment on column private.anomaly_settings.spike_window is 'The time window of cost_spike, whose charges are summed.';
comment on column private.anomaly_settings.spike_factor is
  'cost_spike: more than this multiple of what the user spends in an average window of spike_history, idle windows '
  'aside.';
comment on column private.anomaly_settings.spike_least_tokens is 'cost_spike: a smaller sum is never a spike.';
comment on column private.anomaly_settings.spike_history is
  'cost_spike: how far back the user''s usual spending is measured.';
comment on column private.anomaly_settings.refund_window is 'The time window of refund_rate.';
comment on column private.anomaly_settings.refund_share is
  'refund_rate: at least this share of what was charged within refund_window was refunded, above 0 and at most 1.';
comment on column private.anomaly_settings.refund_least_tokens is 'refund_rate: a smaller refunded sum never counts.';
comment on column private.anomaly_settings.networks_window is 'The time window of many_networks.';
comment on column private.anomaly_settings.networks_threshold is
  'many_networks: one user calls from more networks than this within networks_window.';

comment on column private.anomaly_settings.keep_anomalies is
  'How long an anomaly is kept; a critical one is kept until somebody resolves it.';

insert into private.anomaly_settings default values;

create table private.anomaly_rules (
  anomaly_type text not null,
  pauses_account boolean not null,
  constraint anomaly_rules_pkey primary key (anomaly_type)
);

comment on table private.anomaly_rules is
  'What happens automatically when a critical anomaly is recorded; an operator changes it in SQL.';
comment on column private.anomaly_rules.pauses_account is
  'Whether the user''s account is paused. Only a person ends a pause.';

insert into private.anomaly_rules (anomaly_type, pauses_account)
values ('ledger_mismatch', false), ('ledger_tampered', false), ('cost_spike', false);

-- Apart from the anomaly, as its user may read that.
create table private.anomaly_resolutions (
  resolved_by text not null,
  anomaly_id bigint not null,
  note text not null,
  resolved_at timestamptz not null default now(),
  constraint anomaly_resolutions_pkey primary key (anomaly_id),
  constraint anomaly_resolutions_anomaly_fkey foreign key (anomaly_id)
    references public.token_anomalies (id) on delete cascade
);

comment on table private.anomaly_resolutions is
  'Who examined an anomaly, and the result; not visible to the user concerned.';
comment on column private.anomaly_resolutions.anomaly_id is 'The anomaly; its resolved_at is set as well.';
comment on column private.anomaly_resolutions.resolved_by is 'Who resolved it, by the name that the person gave.';
comment on column private.anomaly_resolutions.note is 'What was found and done.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.anomaly_settings enable row level security;
alter table private.anomaly_rules enable row level security;
alter table private.anomaly_resolutions enable row level security;

create policy "servers read the anomaly settings" on private.anomaly_settings
  for select to service_role using (true);
create policy "servers read the anomaly rules" on private.anomaly_rules
  for select to service_role using (true);
create policy "servers read resolutions" on private.anomaly_resolutions
  for select to service_role using (true);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.apply_anomaly_rule()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if new.severity = 'critical'
    and exists (
      select from private.anomaly_rules as rules where rules.anomaly_type = new.anomaly_type and rules.pauses_account)
  then
    -- The order of locks: a user's balance comes before its account.
    perform 1 from public.token_balances where user_id = new.user_id for update;
    perform public.pause_account(new.user_id, 'anomaly: ' || new.anomaly_type);
  end if;
  return null;
end;
$$;

comment on function private.apply_anomaly_rule() is
  'Pauses the account when a critical anomaly is recorded and anomaly_rules says so, in the same transaction.';

create trigger token_anomalies_apply_rule
  after insert on public.token_anomalies
  for each row execute function private.apply_anomaly_rule();

create function private.anomaly_window(p_time_window interval, p_at timestamptz)
returns timestamptz
language sql
immutable
set search_path = ''
as $$
  select to_timestamp(floor(extract(epoch from p_at) / extract(epoch from p_time_window))
    * extract(epoch from p_time_window));
$$;

comment on function private.anomaly_window(interval, timestamptz) is
  'The start of the time window that contains a time; windows are counted from 1970-01-01 UTC.';

create function private.scan_token_anomalies()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_settings private.anomaly_settings;
  v_now constant timestamptz := now();
  v_since timestamptz;
  v_soon constant timestamptz := v_now + interval '1 hour'; -- No month after this one need be looked at.
  v_frequency_s double precision;
  v_spike_s double precision;
  v_frequency_from timestamptz;
  v_spike_from timestamptz;
  v_found record;
  v_frequency_count integer := 0;
  v_spike_count integer := 0;
  v_refund_count integer := 0;
begin
  select * into v_settings from private.anomaly_settings for update skip locked;
  if not found then -- Another scan is at it.
    return jsonb_build_object('skipped', true, 'high_frequency', 0, 'cost_spike', 0, 'refund_rate', 0);
  end if;
  v_since := greatest(v_settings.scanned_until, v_now - v_settings.spike_history);
  v_frequency_s := extract(epoch from v_settings.frequency_window);
  v_spike_s := extract(epoch from v_settings.spike_window);
  v_frequency_from := private.anomaly_window(v_settings.frequency_window, v_since);
  v_spike_from := private.anomaly_window(v_settings.spike_window, v_since);

  -- All is read before the first case is recorded, as whoever records one of the same user waits for the end of this; in
  -- the order of the users, as a rule may lock their rows.
  for v_found in
    with frequencies as (
      select requests.user_id, requests.window_number, count(*)::integer as request_count
      from (
        select active.user_id, floor(extract(epoch from entries.created_at) / v_frequency_s) as window_number
        from public.token_balances as active
        cross join lateral (
          select history.created_at
          from public.token_balance_history as history
          where history.user_id = active.user_id
            and history.created_at >= v_frequency_from and history.created_at < v_soon
            and history.delta < 0 and history.operation_type <> all(private.operations_of_grants())
          order by history.entry_number desc
          limit 10000
        ) as entries
        where active.updated_at >= v_since
      ) as requests
      group by requests.user_id, requests.window_number
      having count(*) > v_settings.frequency_threshold
    ),
    spent as (
      select sums.user_id, sums.window_number, sums.tokens,
        avg(sums.tokens) over earlier as usual_tokens, count(*) over earlier as earlier_count
      from (
        select active.user_id, floor(extract(epoch from entries.created_at) / v_spike_s) as window_number,
          sum(-entries.delta) as tokens
        from public.token_balances as active
        cross join lateral (
          select history.created_at, history.delta
          from public.token_balance_history as history
          where history.user_id = active.user_id
            and history.created_at >= v_spike_from - v_settings.spike_history and history.created_at < v_soon
            and history.delta < 0 and history.operation_type <> all(private.operations_of_grants())
          order by history.entry_number desc
          limit 10000
        ) as entries
        where active.updated_at >= v_since
        group by 1, 2
      ) as sums
      window earlier as (
        partition by sums.user_id order by sums.window_number rows between unbounded preceding and 1 preceding)
    ),
    refunds as (
      select refunded.wallet_id, refunded.tokens, charged.tokens as charged_tokens
      from public.token_balances as active
      cross join lateral (
        select active.user_id as wallet_id, sum(given.tokens) as tokens, max(given.created_at) as last_at
        from private.token_refunds as given
        where given.wallet_id = active.user_id and given.charged_at >= v_now - v_settings.refund_window
      ) as refunded
      cross join lateral (
        select sum(-entries.delta) as tokens
        from (
          select history.delta
          from public.token_balance_history as history
          where history.user_id = refunded.wallet_id -- So of those alone who were refunded.
            and history.created_at >= v_now - v_settings.refund_window and history.created_at < v_soon
            and history.delta < 0 and history.operation_type <> all(private.operations_of_grants())
          order by history.entry_number desc
          limit 10000
        ) as entries
      ) as charged
      where active.updated_at >= v_since and refunded.last_at >= v_since
        and refunded.tokens >= v_settings.refund_least_tokens
        and refunded.tokens >= v_settings.refund_share * charged.tokens
    )
    select frequencies.user_id, 'high_frequency' as anomaly_type, 'warning' as severity, frequencies.window_number,
      -- The occurrence is that of detect_high_frequency_requests.
      v_settings.frequency_window || ' ' || frequencies.window_number as occurrence,
      jsonb_build_object('request_count', frequencies.request_count, 'threshold', v_settings.frequency_threshold,
        'time_window', v_settings.frequency_window) as details
    from frequencies
    union all
    select spent.user_id, 'cost_spike', 'critical', spent.window_number,
      'from ' || to_char(to_timestamp(spent.window_number * v_spike_s) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      jsonb_build_object('tokens', spent.tokens, 'usual_tokens', round(spent.usual_tokens),
        'factor', v_settings.spike_factor, 'time_window', v_settings.spike_window,
        'window_start', to_timestamp(spent.window_number * v_spike_s))
    from spent
    where spent.window_number >= extract(epoch from v_spike_from) / v_spike_s
      and spent.tokens >= v_settings.spike_least_tokens
      and spent.earlier_count >= 3 -- Less is no history.
      and spent.tokens > v_settings.spike_factor * spent.usual_tokens
    union all
    select refunds.wallet_id, 'refund_rate', 'warning', 0,
      'from ' || to_char(private.anomaly_window(v_settings.refund_window, v_now) at time zone 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      jsonb_build_object('refunded_tokens', refunds.tokens, 'charged_tokens', refunds.charged_tokens,
        'share', v_settings.refund_share, 'time_window', v_settings.refund_window)
    from refunds
    order by 1, 2, 4
  loop
    perform public.record_token_anomaly(v_found.user_id, v_found.anomaly_type, v_found.severity, v_found.occurrence,
      v_found.details);
    if v_found.anomaly_type = 'cost_spike' then
      v_spike_count := v_spike_count + 1;
    elsif v_found.anomaly_type = 'refund_rate' then
      v_refund_count := v_refund_count + 1;
    else
      v_frequency_count := v_frequency_count + 1;
    end if;
  end loop;

  update private.anomaly_settings set scanned_until = v_now;
  return jsonb_build_object('skipped', false, 'high_frequency', v_frequency_count, 'cost_spike', v_spike_count,
    'refund_rate', v_refund_count);
end;
$$;

comment on function private.scan_token_anomalies() is
  'Examines every user who was charged since the last scan, and records ''high_frequency'' (warning), '
  '''cost_spike'' (critical) and, for refunded charges, ''refund_rate'' (warning) once per user and time window, by anomaly_settings; a user''s newest 10,000 charges '
  'count. To be run every 5 minutes; after a gap it looks back as far as spike_history. Returns how many cases it '
  'found, new or already recorded, or skipped if another scan is running.';

create function private.watch_caller_networks()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_settings private.anomaly_settings;
  v_found record;
begin
  select * into v_settings from private.anomaly_settings;
  for v_found in
    select networks.subject, count(*)::integer as network_count
    from private.caller_networks as networks
    where networks.subject = any(array(select distinct noted.subject from noted))
      and networks.seen_at > now() - v_settings.networks_window
    group by networks.subject
    having count(*) > v_settings.networks_threshold
    order by networks.subject
  loop
    perform public.record_token_anomaly(v_found.subject, 'many_networks', 'warning',
      'from ' || to_char(private.anomaly_window(v_settings.networks_window, now()) at time zone 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      jsonb_build_object('network_count', v_found.network_count, 'threshold', v_settings.networks_threshold,
        'time_window', v_settings.networks_window));
  end loop;
  return null;
end;
$$;

comment on function private.watch_caller_networks() is
  'Records ''many_networks'', once per user and window, for users whose networks were just recorded and exceed '
  'networks_threshold (anomaly_settings).';

-- Two, as what was inserted and what was seen again come apart.
create trigger caller_networks_watch_new after insert on private.caller_networks
  referencing new table as noted for each statement execute function private.watch_caller_networks();
create trigger caller_networks_watch_known after update on private.caller_networks
  referencing new table as noted for each statement execute function private.watch_caller_networks();

create function private.refuse_networks_of_forgotten()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  return case when not exists (
    select from public.token_accounts as accounts
    where accounts.user_id = new.subject and accounts.forgotten_at is not null) then new end;
end;
$$;

comment on function private.refuse_networks_of_forgotten() is
  'Ignores the networks of a forgotten user, whose token may still be valid for a while.';

create trigger caller_networks_of_users_alone before insert on private.caller_networks
  for each row execute function private.refuse_networks_of_forgotten();

create function private.prune_token_anomalies(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.token_anomalies
  where id = any(array(
    select anomalies.id
    from public.token_anomalies as anomalies
    where anomalies.created_at < now() - (select settings.keep_anomalies from private.anomaly_settings as settings)
      and (anomalies.severity <> 'critical' or anomalies.resolved_at is not null)
      -- Recorded in the moment in which its user was forgotten.
      or anomalies.anomaly_type <> all(private.anomalies_about_ledger()) and exists (
        select from public.token_balances as balances where balances.user_id = anomalies.user_id and balances.is_closed)
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.prune_token_anomalies(integer) is
  'Deletes at most p_limit anomalies, with their resolutions, that are older than anomaly_settings.keep_anomalies; '
  'critical ones only once they are resolved, or if the user was forgotten. To be run every night. Returns how many.';

create function private.audit_token_ledger()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_day constant text := to_char(now() at time zone 'UTC', 'YYYY-MM-DD');
  v_found record;
  v_mismatch_count bigint := 0;
  v_tampered_count bigint := 0;
begin
  -- With a snapshot from before a month was archived, and without the month, every user of it would look wrong.
  lock table public.token_balance_history in access share mode;
  -- Both are read to their end before the first case is recorded, as a rule may lock what charges wait for.
  for v_found in
    with broken as materialized (
      select verified.user_id, 'ledger_mismatch' as anomaly_type,
        concat_ws(' / ', v_day, verified.invariant, verified.request_id, verified.details ->> 'entry_number') as occurrence,
        verified.details || jsonb_build_object('invariant', verified.invariant, 'request_id', verified.request_id) as details
      from public.verify_token_ledger() as verified
      union all
      select verified.user_id, 'ledger_tampered', concat_ws(' / ', v_day, verified.entry_number, verified.problem),
        jsonb_build_object('entry_number', verified.entry_number, 'request_id', verified.request_id,
          'problem', verified.problem)
      from public.verify_token_chain() as verified
    )
    select broken.*, count(*) filter (where broken.anomaly_type = 'ledger_mismatch') over () as mismatch_count,
      count(*) filter (where broken.anomaly_type = 'ledger_tampered') over () as tampered_count
    from broken
    order by broken.user_id, broken.anomaly_type, broken.occurrence
    limit 1000
  loop
    perform public.record_token_anomaly(v_found.user_id, v_found.anomaly_type, 'critical', v_found.occurrence,
      v_found.details);
    v_mismatch_count := v_found.mismatch_count;
    v_tampered_count := v_found.tampered_count;
  end loop;
  return jsonb_build_object('ledger_mismatch', v_mismatch_count, 'ledger_tampered', v_tampered_count);
end;
$$;

comment on function private.audit_token_ledger() is
  'Runs verify_token_ledger and verify_token_chain, and records the first 1,000 rows of each as critical anomalies '
  '''ledger_mismatch'' and ''ledger_tampered'', once a day while they persist. Reads everything: to be run once a '
  'night. Returns how many rows there are of each.';

create function public.resolve_token_anomaly(p_id bigint, p_by text, p_note text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_resolution private.anomaly_resolutions;
begin
  if coalesce(char_length(btrim(p_by)), 0) not between 1 and 200
    or coalesce(char_length(btrim(p_note)), 0) not between 1 and 2000
  then
    return jsonb_build_object('success', false, 'duplicate', false, 'error', 'invalid_request',
      'message', 'Expected who resolves it, 1 to 200 characters, and a note of 1 to 2000');
  end if;
  perform 1 from public.token_anomalies where id = p_id for update;
  if not found then
    return jsonb_build_object('success', false, 'duplicate', false, 'error', 'not_found',
      'message', 'There is no such anomaly');
  end if;
  insert into private.anomaly_resolutions (anomaly_id, resolved_by, note)
  values (p_id, btrim(p_by), btrim(p_note))
  on conflict do nothing;
  if found then
    update public.token_anomalies set resolved_at = now() where id = p_id;
    return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'resolved_by', btrim(p_by),
      'resolved_at', now());
  end if;
  select * into v_resolution from private.anomaly_resolutions where anomaly_id = p_id;
  return jsonb_build_object('success', true, 'duplicate', true, 'error', null,
    'resolved_by', v_resolution.resolved_by, 'resolved_at', v_resolution.resolved_at);
end;
$$;

comment on function public.resolve_token_anomaly(bigint, text, text) is
  'Records who examined an anomaly, and the result. Only the first resolution counts; repeating it returns who '
  'resolved it. Returns success, duplicate, error, resolved_by, resolved_at. Errors: invalid_request, not_found.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on private.anomaly_settings, private.anomaly_rules, private.anomaly_resolutions to service_role;

revoke execute on function
  private.apply_anomaly_rule(),
  private.anomaly_window(interval, timestamptz),
  private.scan_token_anomalies(),
  private.watch_caller_networks(),
  private.refuse_networks_of_forgotten(),
  private.prune_token_anomalies(integer),
  private.audit_token_ledger(),
  public.resolve_token_anomaly(bigint, text, text)
from public, anon, authenticated;

grant execute on function public.resolve_token_anomaly(bigint, text, text) to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('scan_token_anomalies', '*/5 * * * *', 'sql', 'private.scan_token_anomalies', false, null, 120000, '30 minutes',
    'Looks for suspicious use and records it'),
  ('audit_token_ledger', '20 3 * * *', 'sql', 'private.audit_token_ledger', false,
    '{"ledger_mismatch": 0, "ledger_tampered": 0}', 3600000, '2 days',
    'Verifies every invariant of the ledger and every history''s chain, and records what is broken'),
  ('prune_token_anomalies', '45 3 * * *', 'sql', 'private.prune_token_anomalies', true, null, 300000, '2 days',
    'Deletes anomalies past their retention');

select private.install_schedule();
