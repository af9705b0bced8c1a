-- Metrics: what the modules, the queues and the database say at a scrape, and what the functions counted (request_counts).
--
-- All of it is read in one snapshot, so that what one says fits what another does.

-- Functions -----------------------------------------------------------------------------------------------------

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
      (select count(*) from private.alert_deliveries where status = 'pending')::text),
    jsonb_build_array('alert_deliveries', array['dead'],
      (select count(*) from private.alert_deliveries where status = 'dead')::text),
    jsonb_build_array('alerts_unspread', '{}'::text[],
      (select count(*) from private.alert_outbox where not is_spread)::text),
    jsonb_build_array('alerts_oldest_undelivered_seconds', '{}'::text[],
      coalesce((select round(extract(epoch from now() - min(undelivered.created_at)), 3) from (
        select alerts.created_at from private.alert_outbox as alerts where not alerts.is_spread
        union all
        select alerts.created_at from private.alert_deliveries as deliveries
        join private.alert_outbox as alerts on alerts.id = deliveries.alert_id
        where deliveries.status = 'pending'
      ) as undelivered), 0)::text))
  into v_more;
  v_samples := v_samples || v_more;
  select jsonb_agg(jsonb_build_array(facts.name, array[jobs.name], facts.value))
  into v_more
  from public.job_status as jobs, lateral (values
    ('job_overdue', jobs.is_overdue::integer::text),
    ('job_failed', coalesce(jobs.last_outcome <> 'succeeded', false)::integer::text),
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
  return jsonb_build_object('samples', v_samples, 'histograms', v_histograms, 'catalog', (
    select jsonb_agg(jsonb_build_object('name', name, 'type', type, 'labels', labels, 'help', help) order by position)
    from metrics.catalog));
end;
$$;

comment on function public.read_metrics() is
  'Everything that a scrape is told, in one snapshot: samples as [name, label values, value], histograms as [name, label '
  'values, buckets, count, seconds], and the catalog of all metrics. Values are texts, so that no number is rounded on the way.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function public.read_metrics() from public, anon, authenticated;

grant execute on function public.read_metrics() to service_role;

-- Catalog -------------------------------------------------------------------------------------------------------

insert into metrics.catalog (name, type, labels, help)
values
  ('requests_total', 'counter', '{function, status}', 'Requests answered, as their functions counted them.'),
  ('request_duration_seconds', 'histogram', '{function, status}',
    'How long requests took, until the last byte of a stream.'),
  ('request_errors_total', 'counter', '{function, code}',
    'Requests refused or failed, by the error code that the caller got.'),
  ('requests_replayed_total', 'counter', '{function}', 'Requests answered again from the stored answer, for nothing.'),
  ('provider_calls_total', 'counter', '{model, outcome}',
    'Calls of AI models, each try counted: ok, stopped, timeout, or why it failed.'),
  ('provider_call_duration_seconds', 'histogram', '{model, outcome}',
    'How long calls of AI models took, each try measured.'),
  ('alert_deliveries', 'gauge', '{status}', 'Alerts that wait for a receiver, or were given up.'),
  ('alerts_unspread', 'gauge', '{}', 'Alerts that were not passed to their receivers'' queues yet.'),
  ('alerts_oldest_undelivered_seconds', 'gauge', '{}', 'How old the oldest alert is that a receiver still waits for.'),
  ('job_overdue', 'gauge', '{job}', '1 where a job was not done for longer than it may be.'),
  ('job_failed', 'gauge', '{job}', '1 where a job''s last run failed, was cut off or found a problem.'),
  ('job_last_done_timestamp_seconds', 'gauge', '{job}', 'When a job last did its work to the end.'),
  ('job_last_duration_seconds', 'gauge', '{job}', 'How long a job''s last run took.'),
  ('database_connections', 'gauge', '{state}', 'Connections to the database.'),
  ('database_connections_max', 'gauge', '{}', 'Connections that the database allows.'),
  ('database_bytes', 'gauge', '{}', 'Size of the database.'),
  ('database_time_seconds', 'gauge', '{}', 'The database''s clock, which every expiry goes by.'),
  ('table_bytes', 'gauge', '{table}', 'Size of a table with its indexes, all its months.');
