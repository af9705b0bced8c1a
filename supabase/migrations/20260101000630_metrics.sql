-- Metrics: what the modules, the queues and the database say at a scrape, and what the functions counted.
--
-- All of it is read in one snapshot, so that what one says fits what another does.

-- Tables --------------------------------------------------------------------------------------------------------

create table metrics.request_totals (
  name text not null,
  label_values text[] not null,
  count bigint not null,
  seconds double precision,
  buckets bigint[],
  constraint request_totals_pkey primary key (name, label_values)
) with (fillfactor = 50); -- Each flush rewrites its rows: room on the page keeps that off the index.

comment on table metrics.request_totals is
  'What the functions counted of their requests: in memory, added here every few seconds by each isolate.';
comment on column metrics.request_totals.name is
  'requests (function, status), errors (function, code), replays (function) or provider_calls (model, outcome).';
comment on column metrics.request_totals.label_values is
  'The values of the metric''s labels, in their order; other for those over the limit of 500 series.';
comment on column metrics.request_totals.count is 'How many.';
comment on column metrics.request_totals.seconds is 'How long all of them took together; null where that is not measured.';
comment on column metrics.request_totals.buckets is
  'How many took how long, each counted once: up to the bounds of LATENCY_BOUNDS_S, and longer.';

create table metrics.flushes (
  flush_id uuid not null,
  flushed_at timestamptz not null default now(),
  constraint flushes_pkey primary key (flush_id)
);

comment on table metrics.flushes is 'Flushes that were added to request_totals, for a day, so that none is added twice.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table metrics.request_totals enable row level security;
alter table metrics.flushes enable row level security;

create policy "nobody but the functions" on metrics.request_totals using (false);
create policy "nobody but the functions" on metrics.flushes using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function public.record_request_metrics(p_flush_id uuid, p_series jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_series_limit constant bigint := 500;
  v_bucket_count constant integer := 15;
  v_one record;
  v_labels text[];
begin
  if p_flush_id is null or jsonb_typeof(p_series) is distinct from 'array' or jsonb_array_length(p_series) > 2000 then
    return jsonb_build_object('success', false, 'duplicate', false, 'error', 'invalid_request',
      'message', 'Expected are flush_id and series, an array of at most 2000');
  elsif exists (
    select from jsonb_to_recordset(p_series) as one (name text, labels jsonb, count numeric, seconds numeric, buckets jsonb)
    where name is null
      or (name, jsonb_array_length(case jsonb_typeof(labels) when 'array' then labels else '[]' end)) not in
        (('requests', 2), ('errors', 2), ('replays', 1), ('provider_calls', 2))
      or count is null or count not between 0 and 1e12 or count <> trunc(count)
      or seconds not between 0 and 1e12
      or jsonb_typeof(buckets) not in ('array', 'null')
      or jsonb_typeof(buckets) = 'array' and jsonb_array_length(buckets) <> v_bucket_count
  ) then
    return jsonb_build_object('success', false, 'duplicate', false, 'error', 'invalid_request',
      'message', format('Each of series is { name: requests | errors | replays | provider_calls, labels, count, seconds?, '
        'buckets? }, with %s buckets', v_bucket_count));
  end if;
  insert into metrics.flushes (flush_id) values (p_flush_id) on conflict do nothing;
  if not found then
    return jsonb_build_object('success', true, 'duplicate', true, 'error', null);
  end if;
  -- In the order of the series, so that two flushes cannot wait for each other in a circle.
  for v_one in
    select one.name, one.count::bigint as count, one.seconds::double precision as seconds, one.buckets,
      array(select metrics.label_value(value) from jsonb_array_elements_text(one.labels)) as label_values
    from jsonb_to_recordset(p_series) as one (name text, labels jsonb, count numeric, seconds numeric, buckets bigint[])
    order by one.name, label_values
  loop
    v_labels := v_one.label_values;
    if not exists (select from metrics.request_totals where name = v_one.name and label_values = v_labels)
      and (select count(*) from metrics.request_totals where name = v_one.name) >= v_series_limit
    then
      v_labels := array_fill('other'::text, array[cardinality(v_labels)]);
    end if;
    insert into metrics.request_totals as known (name, label_values, count, seconds, buckets)
    values (v_one.name, v_labels, v_one.count, v_one.seconds, v_one.buckets)
    on conflict (name, label_values) do update
    set count = known.count + excluded.count,
      seconds = coalesce(known.seconds + excluded.seconds, known.seconds, excluded.seconds),
      buckets = coalesce(
        (select array_agg(coalesce(old, 0) + coalesce(new, 0) order by place)
         from rows from (unnest(known.buckets), unnest(excluded.buckets)) with ordinality as both_of (old, new, place)),
        known.buckets);
  end loop;
  return jsonb_build_object('success', true, 'duplicate', false, 'error', null);
end;
$$;

comment on function public.record_request_metrics(uuid, jsonb) is
  'Adds what an isolate counted since its last flush, once per flush id, however often it is sent within a day. series: '
  '[{ name: requests | errors | replays | provider_calls, labels: [text], count, seconds?, buckets? }]. Over 500 series of '
  'a name further ones are added up as other. Returns success, duplicate, error. Errors: invalid_request.';

create function public.read_metrics()
returns jsonb
language plpgsql
stable -- All of it is read in one snapshot.
security definer
set search_path = ''
as $$
declare
  v_source metrics.sources;
  v_samples jsonb;
  v_more jsonb;
  v_histograms jsonb;
begin
  with connections as (
    select coalesce(state, 'none') as state, count(*) as count
    from pg_catalog.pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'
    group by 1
  ),
  sizes as (
    select schemas.nspname || '.' || coalesce(parents.relname, tables.relname) as name,
      sum(pg_total_relation_size(tables.oid)) as bytes
    from pg_catalog.pg_class as tables
    left join pg_catalog.pg_inherits on pg_inherits.inhrelid = tables.oid
    left join pg_catalog.pg_class as parents on parents.oid = pg_inherits.inhparent
    join pg_catalog.pg_namespace as schemas on schemas.oid = coalesce(parents.relnamespace, tables.relnamespace)
    where tables.relkind in ('r', 'm') and tables.relpersistence <> 't'
      and tables.relowner = (select relowner from pg_catalog.pg_class where oid = 'metrics.request_totals'::regclass)
    group by 1
    order by bytes desc
    limit 100
  ),
  samples (name, label_values, value) as (
    select 'database_time_seconds', '{}', round(extract(epoch from clock_timestamp()), 3)::text
    union all select 'database_connections', array[state], count::text from connections
    union all select 'database_connections_max', '{}', current_setting('max_connections')
    union all select 'database_bytes', '{}', pg_database_size(current_database())::text
    union all select 'table_bytes', array[name], bytes::text from sizes
    union all select 'requests_total', label_values, count::text from metrics.request_totals where name = 'requests'
    union all select 'request_errors_total', label_values, count::text from metrics.request_totals where name = 'errors'
    union all select 'requests_replayed_total', label_values, count::text
      from metrics.request_totals where name = 'replays'
    union all select 'provider_calls_total', label_values, count::text
      from metrics.request_totals where name = 'provider_calls'
  )
  select jsonb_agg(jsonb_build_array(name, label_values, value)) into v_samples from samples;

  select coalesce(jsonb_agg(jsonb_build_array(
      case name when 'requests' then 'request_duration_seconds' else 'provider_call_duration_seconds' end,
      label_values, buckets, count::text, seconds::text) order by name, label_values), '[]')
  into v_histograms
  from metrics.request_totals
  where buckets is not null and name in ('requests', 'provider_calls');

  select jsonb_build_array(
    jsonb_build_array('alert_deliveries', array['pending'],
      (select count(*) from public.alert_deliveries where status = 'pending')::text),
    jsonb_build_array('alert_deliveries', array['dead'],
      (select count(*) from public.alert_deliveries where status = 'dead')::text),
    jsonb_build_array('alerts_unspread', '{}'::text[],
      (select count(*) from public.alert_outbox where not is_spread)::text),
    jsonb_build_array('alerts_oldest_undelivered_seconds', '{}'::text[],
      coalesce((select round(extract(epoch from now() - min(undelivered.created_at)), 3) from (
        select alerts.created_at from public.alert_outbox as alerts where not alerts.is_spread
        union all
        select alerts.created_at from public.alert_deliveries as deliveries
        join public.alert_outbox as alerts on alerts.id = deliveries.alert_id
        where deliveries.status = 'pending'
      ) as undelivered), 0)::text))
  into v_more;
  v_samples := v_samples || v_more;
  select jsonb_agg(jsonb_build_array(facts.name, array[jobs.name], facts.value))
  into v_more
  from public.job_status as jobs, lateral (values
    ('job_overdue', jobs.is_overdue::integer::text),
    ('job_failed', coalesce(jobs.last_outcome not in ('succeeded', 'problem'), false)::integer::text),
    ('job_last_done_timestamp_seconds', round(extract(epoch from jobs.last_done_at), 3)::text),
    ('job_last_duration_seconds', round(jobs.last_duration_ms / 1000.0, 3)::text)
  ) as facts (name, value)
  where jobs.state <> 'disabled' and facts.value is not null;
  v_samples := v_samples || coalesce(v_more, '[]');
  -- The sources are stable, as this is: they read the same snapshot.
  for v_source in select * from metrics.sources order by name loop
    execute format('select metrics.%I()', v_source.samples) into v_more;
    v_samples := v_samples || coalesce(v_more, '[]');
  end loop;
  select jsonb_agg(sample order by sample ->> 0, sample -> 1) into v_samples from jsonb_array_elements(v_samples) as sample;
  return jsonb_build_object('samples', v_samples, 'histograms', v_histograms);
end;
$$;

comment on function public.read_metrics() is
  'Everything that a scrape is told, in one snapshot: samples as [name, label values, value], histograms as [name, label '
  'values, buckets, count, seconds]. Values are texts, so that no number is rounded on the way.';

create function public.prune_metric_flushes(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from metrics.flushes
  where ctid = any(array(
    select ctid from metrics.flushes
    where flushed_at < now() - interval '1 day'
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function public.prune_metric_flushes(integer) is
  'Forgets which flushes were added more than a day ago, at most p_limit of them. Returns how many.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  public.record_request_metrics(uuid, jsonb),
  public.read_metrics(),
  public.prune_metric_flushes(integer)
from public, anon, authenticated;

grant execute on function
  public.record_request_metrics(uuid, jsonb),
  public.read_metrics(),
  public.prune_metric_flushes(integer)
to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into public.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('prune_metric_flushes', '35 * * * *', 'sql', 'prune_metric_flushes', true, null, 60000, '3 hours',
    'Forgets which counts of the functions were added more than a day ago');

select public.install_schedule();
