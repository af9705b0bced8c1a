-- Metrics of the ledger.
--
-- Money comes from the ledger's own rows. What is old is summed once (rollup_metrics), what is new is read at each scrape,
-- in one snapshot, so that a sum neither misses an entry nor counts it twice. An entry's time is never before the start of
-- its transaction: once every transaction that began before a time has ended, nothing can appear before it any more.

-- Tables --------------------------------------------------------------------------------------------------------

create table metrics.ledger_totals (
  name text not null,
  label_values text[] not null,
  count bigint not null,
  tokens numeric not null,
  constraint ledger_totals_pkey primary key (name, label_values)
);

comment on table metrics.ledger_totals is
  'Sums over the ledger''s rows before ledger_progress.counted_until. They only grow, and include archived months.';
comment on column metrics.ledger_totals.name is 'charges (by function), grants or anomalies (by type and severity).';
comment on column metrics.ledger_totals.label_values is 'The values of the metric''s labels, in their order.';
comment on column metrics.ledger_totals.count is 'How many rows.';
comment on column metrics.ledger_totals.tokens is 'The sum of their tokens; positive for charges, too.';

create table metrics.ledger_progress (
  id boolean not null default true,
  counted_until timestamptz not null default '-infinity',
  constraint ledger_progress_pkey primary key (id),
  constraint ledger_progress_one_row check (id)
);

comment on table metrics.ledger_progress is 'How far ledger_totals reaches; one row.';
comment on column metrics.ledger_progress.counted_until is 'All rows before this time are in ledger_totals.';

insert into metrics.ledger_progress default values;

create index token_balance_history_created_at_idx on public.token_balance_history
  using brin (created_at) with (autosummarize = on);
create index token_anomalies_created_at_idx on public.token_anomalies
  using brin (created_at) with (autosummarize = on);
create index token_anomalies_open_idx on public.token_anomalies (anomaly_type, severity)
  where resolved_at is null;

-- Policies ------------------------------------------------------------------------------------------------------

alter table metrics.ledger_totals enable row level security;
alter table metrics.ledger_progress enable row level security;

create policy "nobody but the functions" on metrics.ledger_totals using (false);
create policy "nobody but the functions" on metrics.ledger_progress using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function metrics.count_ledger(p_from timestamptz, p_until timestamptz)
returns table (name text, label_values text[], count bigint, tokens numeric)
language plpgsql
stable
set search_path = ''
as $$
begin
  -- First by the texts as they are: a label is made once for each of them, not once for each row.
  return query
  select case when entries.is_charge then 'charges'
      when entries.operation_type = 'clawback' and entries.is_gain then 'given_back'
      else kinds.name end,
    case when entries.is_charge then array[metrics.label_value(entries.operation_type)] else '{}' end,
    sum(entries.count)::bigint, sum(entries.tokens)
  from (
    select history.operation_type <> all(private.operations_of_grants()) as is_charge, history.operation_type,
      history.delta > 0 as is_gain, count(*) as count, abs(sum(history.delta)) as tokens
    from public.token_balance_history as history
    where history.created_at >= p_from and history.created_at < p_until
    group by 1, 2, 3
  ) as entries
  left join (
    values ('grant', 'grants'), ('expiry', 'expiries'), ('refund', 'refunds'), ('clawback', 'clawbacks'),
      ('debt_payment', 'debt_payments'), ('rollover', 'rollovers')
  ) as kinds (operation_type, name) using (operation_type)
  group by 1, 2
  union all
  select 'anomalies', array[metrics.label_value(found.anomaly_type), found.severity], sum(found.count)::bigint, 0
  from (
    select anomalies.anomaly_type, anomalies.severity, count(*) as count
    from public.token_anomalies as anomalies
    where anomalies.created_at >= p_from and anomalies.created_at < p_until
    group by 1, 2
  ) as found
  group by 1, 2;
end;
$$;

comment on function metrics.count_ledger(timestamptz, timestamptz) is
  'Counts and sums the ledger''s rows from a time (inclusive) to another (exclusive), in the reader''s snapshot.';

create function metrics.bounded(p_name text, p_label_values text[], p_limit bigint)
returns text[]
language sql
stable
set search_path = ''
as $$
  select case
    when p_label_values = '{}' or p_name = 'anomalies' and p_label_values[1] = 'other' then p_label_values
    when exists (select from metrics.ledger_totals where name = p_name and label_values = p_label_values)
      or (select count(*) from metrics.ledger_totals where name = p_name) < p_limit then p_label_values
    else array['other'] || p_label_values[2:]
  end;
$$;

comment on function metrics.bounded(text, text[], bigint) is
  'The label values under which rows are summed: their own if the series is known or there is room, otherwise '
  '"other".';

create function private.rollup_metrics(p_margin interval default '1 minute')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_series_limit constant bigint := 200;
  v_rows_per_run constant bigint := 5000000;
  v_from timestamptz;
  v_until timestamptz;
  v_end timestamptz;
  v_step_count bigint;
  v_row_count bigint := 0;
  v_one record;
begin
  if p_margin is null or p_margin not between '0' and '1 day' then
    return jsonb_build_object('success', false, 'error', 'invalid_request',
      'message', 'margin must be between 0 and 1 day');
  elsif current_setting('transaction_isolation') <> 'read committed' then
    -- The snapshot must be younger than the look at who is running.
    return jsonb_build_object('success', false, 'error', 'invalid_request',
      'message', 'The transaction must be read committed');
  elsif not pg_has_role('pg_read_all_stats', 'usage') then
    return jsonb_build_object('success', false, 'error', 'forbidden',
      'message', 'The function''s owner must see all transactions: grant pg_read_all_stats to it');
  end if;

  select counted_until into v_from from metrics.ledger_progress for update;
  -- Up to when nothing can appear any more. The margin is for a clock that is set back, as at a failover.
  select least(now() - p_margin, min(xact_start)) into v_end
  from pg_catalog.pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()
    and backend_type not in ('autovacuum worker', 'walsender', 'parallel worker');
  if exists (select from pg_catalog.pg_prepared_xacts where database = current_database()) then
    v_end := v_from; -- When a prepared transaction began nobody can tell.
  end if;

  while v_from < v_end and v_row_count < v_rows_per_run loop
    v_until := case when v_from = '-infinity' then v_end else least(v_end, v_from + interval '6 hours') end;
    v_step_count := 0;
    for v_one in
      select * from metrics.count_ledger(v_from, v_until) as counted order by counted.name, counted.label_values
    loop
      insert into metrics.ledger_totals as known (name, label_values, count, tokens)
      values (v_one.name, metrics.bounded(v_one.name, v_one.label_values, v_series_limit), v_one.count, v_one.tokens)
      on conflict (name, label_values) do update
      set count = known.count + excluded.count, tokens = known.tokens + excluded.tokens;
      v_step_count := v_step_count + v_one.count;
    end loop;
    v_row_count := v_row_count + v_step_count;
    v_from := v_until;
  end loop;
  update metrics.ledger_progress set counted_until = v_from where counted_until < v_from;

  return jsonb_build_object('success', true, 'error', null, 'counted_rows', v_row_count, 'counted_until', v_from,
    'is_complete', v_from >= v_end);
end;
$$;

comment on function private.rollup_metrics(interval) is
  'Sums the older rows of the ledger, so that a scrape only reads the newest ones. To be run every minute. Of two at '
  'once the second waits and finds nothing; a killed run changes nothing, and a later one catches up, about '
  '5,000,000 rows per run. p_margin: how long a row stays unsummed at least; longer while older transactions run. '
  'Returns success, error, counted_rows, counted_until and is_complete. Errors: invalid_request, forbidden.';

create function metrics.ledger_samples()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_counted_until timestamptz;
  v_samples jsonb;
begin
  select counted_until into v_counted_until from metrics.ledger_progress;
  with ledger as (
    select both_of.name, both_of.label_values, sum(both_of.count) as count, sum(both_of.tokens) as tokens
    from (
      select totals.name, totals.label_values, totals.count, totals.tokens from metrics.ledger_totals as totals
      union all
      select live.name, metrics.bounded(live.name, live.label_values, 200), live.count, live.tokens
      from metrics.count_ledger(v_counted_until, 'infinity') as live
    ) as both_of
    group by both_of.name, both_of.label_values
  ),
  holds as (
    select metrics.bounded('charges', array[metrics.label_value(operation_type)], 200) as label_values,
      count(*) as count, sum(amount) as tokens, count(*) filter (where expires_at <= now()) as overdue_count,
      max(now() - expires_at) as overdue_for
    from public.token_consumption_locks
    where status = 'held'
    group by 1
  ),
  releases as (
    select array[metrics.label_value(coalesce(metadata ->> 'released_for', 'other'))] as label_values, count(*) as count
    from public.token_consumption_locks
    where status = 'released' and expires_at > now() - interval '15 minutes'
    group by 1
  ),
  debts as (
    select count(distinct payments.wallet_id) as wallets, coalesce(sum(payments.debt), 0) as tokens
    from private.token_payments as payments
    where payments.debt > 0
  ),
  -- What running requests keep of a grant that has ended is not late.
  due as (
    select min(events.due_at) as first_at
    from (
      select ended.wallet_id, ended.expires_at as due_at from public.token_grants as ended
      where ended.remaining > 0 and ended.expires_at <= now()
      union all
      select pending.wallet_id, pending.effective_at from public.token_grants as pending
      where pending.entry_number is null and pending.effective_at <= now()
    ) as events
    join public.token_balances as balances on balances.user_id = events.wallet_id
    where balances.held = 0
  ),
  open_anomalies as (
    select array[metrics.label_value(anomaly_type), severity] as label_values, count(*) as count
    from public.token_anomalies
    where resolved_at is null
    group by 1
  ),
  samples (name, label_values, value) as (
    select 'tokens_charged_total', label_values, tokens::text from ledger where name = 'charges'
    union all select 'charges_total', label_values, count::text from ledger where name = 'charges'
    union all select 'tokens_granted_total', '{}', coalesce(sum(tokens), 0)::text from ledger where name = 'grants'
    union all select 'grants_total', '{}', coalesce(sum(count), 0)::text from ledger where name = 'grants'
    union all select 'tokens_expired_total', '{}', coalesce(sum(tokens), 0)::text from ledger where name = 'expiries'
    union all select 'tokens_refunded_total', '{}', coalesce(sum(tokens), 0)::text from ledger where name = 'refunds'
    union all select 'refunds_total', '{}', coalesce(sum(count), 0)::text from ledger where name = 'refunds'
    union all select 'tokens_clawed_back_total', '{}', coalesce(sum(tokens), 0)::text from ledger where name = 'clawbacks'
    union all select 'tokens_given_back_total', '{}', coalesce(sum(tokens), 0)::text from ledger where name = 'given_back'
    union all select 'tokens_debt_paid_total', '{}', coalesce(sum(tokens), 0)::text from ledger where name = 'debt_payments'
    union all select 'tokens_debt', '{}', tokens::text from debts
    union all select 'wallets_in_debt', '{}', wallets::text from debts
    union all select 'grants_due_seconds', '{}',
      coalesce(round(extract(epoch from greatest(now() - first_at, '0')), 3), 0)::text from due
    union all select 'anomalies_total', label_values, count::text from ledger where name = 'anomalies'
    union all select 'anomalies_open', label_values, count::text from open_anomalies
    union all select 'tokens_held', label_values, sum(tokens)::text from holds group by 2
    union all select 'holds_open', label_values, sum(count)::text from holds group by 2
    union all select 'requests_released', label_values, count::text from releases
    union all select 'holds_overdue', '{}', coalesce(sum(overdue_count), 0)::text from holds
    union all select 'holds_overdue_seconds', '{}',
      coalesce(round(extract(epoch from greatest(max(overdue_for), '0')), 3), 0)::text from holds
    union all select 'ledger_counted_until_timestamp_seconds', '{}',
      case when isfinite(v_counted_until) then round(extract(epoch from v_counted_until), 3)::text else '0' end
  )
  select jsonb_agg(jsonb_build_array(name, label_values, value)) into v_samples from samples;
  return v_samples;
end;
$$;

comment on function metrics.ledger_samples() is 'The ledger''s metrics for a scrape; listed in metrics.sources.';

create function private.verify_metrics()
returns jsonb
language plpgsql
stable -- Both sides in one snapshot.
security definer
set search_path = ''
as $$
declare
  v_charged numeric;
  v_granted numeric;
  v_ended numeric;
  v_owned numeric;
begin
  select coalesce(sum(both_of.tokens) filter (where both_of.name = 'charges'), 0),
    coalesce(sum(both_of.tokens) filter (where both_of.name in ('grants', 'refunds', 'given_back')), 0),
    coalesce(sum(both_of.tokens) filter (where both_of.name in ('expiries', 'clawbacks', 'debt_payments')), 0)
  into v_charged, v_granted, v_ended
  from (
    select name, tokens from metrics.ledger_totals
    union all
    select live.name, live.tokens
    from metrics.count_ledger((select counted_until from metrics.ledger_progress), 'infinity') as live
  ) as both_of;
  select coalesce(sum(balance), 0) into v_owned from public.token_balances;
  return jsonb_build_object('matches', v_granted - v_ended - v_charged = v_owned, 'granted', v_granted, 'charged', v_charged,
    'ended', v_ended, 'owned', v_owned);
end;
$$;

comment on function private.verify_metrics() is
  'Whether the metrics match the ledger: tokens granted, refunded and given back, minus tokens charged, expired, clawed '
  'back and paid for debts, must equal the sum of all balances. Returns matches, granted, charged, ended and owned. '
  'Reads every balance: for a nightly check, not for a scrape.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  metrics.count_ledger(timestamptz, timestamptz),
  metrics.bounded(text, text[], bigint),
  metrics.ledger_samples(),
  private.rollup_metrics(interval),
  private.verify_metrics()
from public, anon, authenticated;

-- Sources of metrics --------------------------------------------------------------------------------------------

insert into metrics.sources (name, samples, description)
values ('ledger', 'ledger_samples', 'Charges, grants, what became of them, debts, holds and anomalies');

insert into metrics.catalog (name, type, labels, help)
values
  ('tokens_charged_total', 'counter', '{function}', 'Tokens charged: the ledger''s own sum.'),
  ('charges_total', 'counter', '{function}', 'Ledger entries that are charges.'),
  ('tokens_granted_total', 'counter', '{}', 'Tokens granted: the ledger''s own sum.'),
  ('grants_total', 'counter', '{}', 'Ledger entries that are grants.'),
  ('tokens_expired_total', 'counter', '{}', 'Tokens that were left in grants when they ended.'),
  ('tokens_refunded_total', 'counter', '{}', 'Tokens of charges that were refunded.'),
  ('refunds_total', 'counter', '{}', 'Ledger entries that are refunds.'),
  ('tokens_clawed_back_total', 'counter', '{}', 'Tokens taken back for reversed payments, without debts.'),
  ('tokens_given_back_total', 'counter', '{}', 'Tokens given back because a reversal was undone, without debts.'),
  ('tokens_debt_paid_total', 'counter', '{}', 'Tokens that paid debts.'),
  ('tokens_debt', 'gauge', '{}', 'Tokens that wallets owe for reversed payments.'),
  ('wallets_in_debt', 'gauge', '{}', 'Wallets that owe tokens.'),
  ('grants_due_seconds', 'gauge', '{}', 'How long ago the oldest grant should have begun or ended.'),
  ('tokens_held', 'gauge', '{function}', 'Tokens that running requests hold.'),
  ('holds_open', 'gauge', '{function}', 'Requests that hold tokens.'),
  ('holds_overdue', 'gauge', '{}', 'Expired holds that are not yet released.'),
  ('holds_overdue_seconds', 'gauge', '{}', 'How long ago the oldest unreleased hold expired.'),
  ('requests_released', 'gauge', '{reason}',
    'Requests of the last 15 minutes that failed, whose hold was released, and that did not run again.'),
  ('anomalies_total', 'counter', '{type, severity}', 'Anomalies recorded.'),
  ('anomalies_open', 'gauge', '{type, severity}', 'Anomalies that nobody has resolved yet.'),
  ('ledger_counted_until_timestamp_seconds', 'gauge', '{}',
    'The time up to which the ledger is summed; newer entries are read at each scrape.');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('rollup_metrics', '* * * * *', 'sql', 'private.rollup_metrics', true, null, 50000, '10 minutes',
    'Sums the ledger''s older entries for the metrics'),
  ('verify_metrics', '30 3 * * *', 'sql', 'private.verify_metrics', false, '{"matches": true}', 3600000, '2 days',
    'Compares the metrics with the ledger');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.token_balance_history where created_at > '-infinity';
  perform 1 from public.token_anomalies where created_at > '-infinity';
  perform 1 from public.token_anomalies where resolved_at is null;
end;
$$;
