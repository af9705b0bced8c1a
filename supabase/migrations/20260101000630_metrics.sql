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
    jsonb_build_array('alerts_not_fanned_out', '{}'::text[],
      (select count(*) from private.alert_outbox where not is_fanned_out)::text),
    jsonb_build_array('alerts_oldest_undelivered_seconds', '{}'::text[],
      coalesce((select round(extract(epoch from now() - min(undelivered.created_at)), 3) from (
        select alerts.created_at from private.alert_outbox as alerts where not alerts.is_fanned_out
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
  'All metrics for a scrape, in one snapshot: samples as [name, label values, value], histograms as [name, label '
  'values, buckets, count, seconds], and the catalog. Values are texts, so that no number is rounded.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function public.read_metrics() from public, anon, authenticated;

grant execute on function public.read_metrics() to service_role;

-- Catalog -------------------------------------------------------------------------------------------------------

insert into metrics.catalog (name, type, labels, help)
values
  ('requests_total', 'counter', '{function, status}', 'Completed requests, as counted by the functions.'),
  ('request_duration_seconds', 'histogram', '{function, status}',
    'Duration of requests, up to the last byte of a stream.'),
  ('request_errors_total', 'counter', '{function, code}',
    'Refused and failed requests, by the error code in the response.'),
  ('requests_replayed_total', 'counter', '{function}',
    'Requests that were replayed from the stored response, free of charge.'),
  ('provider_calls_total', 'counter', '{model, outcome}',
    'Calls to AI models, each attempt counted: ok, stopped, timeout, or why it failed.'),
  ('provider_call_duration_seconds', 'histogram', '{model, outcome}',
    'Duration of calls to AI models, per attempt.'),
  ('alert_deliveries', 'gauge', '{status}', 'Alert deliveries that are pending or dead.'),
  ('alerts_not_fanned_out', 'gauge', '{}', 'Alerts that are not yet fanned out to their endpoints.'),
  ('alerts_oldest_undelivered_seconds', 'gauge', '{}', 'Age of the oldest pending alert delivery.'),
  ('job_overdue', 'gauge', '{job}', '1 if the job is overdue.'),
  ('job_failed', 'gauge', '{job}', '1 if the job''s last run failed, was cut off or found a problem.'),
  ('job_last_done_timestamp_seconds', 'gauge', '{job}', 'When the job last completed its work.'),
  ('job_last_duration_seconds', 'gauge', '{job}', 'Duration of the job''s last run.'),
  ('database_connections', 'gauge', '{state}', 'Connections to the database.'),
  ('database_connections_max', 'gauge', '{}', 'Maximum number of connections to the database.'),
  ('database_bytes', 'gauge', '{}', 'Size of the database.'),
  ('database_time_seconds', 'gauge', '{}', 'The database''s clock, which decides every expiry.'),
  ('table_bytes', 'gauge', '{table}', 'Size of a table with its indexes and partitions.');
