-- Counts of the functions' requests, and the networks from which users call. Both are collected in memory and
-- reported from time to time, so that no request waits for it; metrics and anomalies read them here.

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
  'What the functions counted of their requests. Each isolate counts in memory and adds its counts here every few '
  'seconds.';
comment on column metrics.request_totals.name is
  'requests (function, status), errors (function, code), replays (function) or provider_calls (model, outcome).';
comment on column metrics.request_totals.label_values is
  'The values of the metric''s labels, in their order; "other" beyond the limit of 2,000 series.';
comment on column metrics.request_totals.count is 'How many requests or calls.';
comment on column metrics.request_totals.seconds is 'Their total duration; null where it is not measured.';
comment on column metrics.request_totals.buckets is
  'Requests per latency bucket (not cumulative): one per bound in LATENCY_BOUNDS_S, and a last one for slower '
  'requests.';

create table metrics.flushes (
  flush_id uuid not null,
  flushed_at timestamptz not null default now(),
  constraint flushes_pkey primary key (flush_id)
);

comment on table metrics.flushes is
  'Flushes that were added to request_totals, kept for a day so that none is added twice.';

-- Unlogged, like the counters of rate_limits: a crash loses an hour of it.
create unlogged table private.caller_networks (
  subject uuid not null,
  network text not null,
  seen_at timestamptz not null default now(),
  constraint caller_networks_pkey primary key (subject, network)
);

comment on table private.caller_networks is 'The networks from which each user called within the last day.';
comment on column private.caller_networks.subject is 'The user.';
comment on column private.caller_networks.network is
  'A keyed digest of user and network. It distinguishes the networks of one user, and reveals nothing without the '
  'key.';
comment on column private.caller_networks.seen_at is
  'When the user last called from there, as the functions reported it.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table metrics.request_totals enable row level security;
alter table metrics.flushes enable row level security;
alter table private.caller_networks enable row level security;

create policy "nobody but the functions" on metrics.request_totals using (false);
create policy "nobody but the functions" on metrics.flushes using (false);
create policy "nobody reads networks" on private.caller_networks for select to public using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function public.record_request_metrics(p_flush_id uuid, p_series jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_series_limit constant bigint := 2000;
  v_bucket_count constant integer := 15;
  v_one record;
  v_labels text[];
begin
  if p_flush_id is null or jsonb_typeof(p_series) is distinct from 'array' or jsonb_array_length(p_series) > 2000 then
    return jsonb_build_object('success', false, 'duplicate', false, 'error', 'invalid_request',
      'message', 'Expected flush_id and series, an array of at most 2000');
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
  -- In the order of the series, so that two flushes cannot deadlock.
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
  'Adds what an isolate counted since its last flush; a flush id counts once, even if it is sent again within a day. '
  'series: [{ name: requests | errors | replays | provider_calls, labels: [text], count, seconds?, buckets? }]. '
  'Beyond 2,000 series of a name, further ones are added as "other". Returns success, duplicate, error. Errors: '
  'invalid_request.';

create function private.prune_metric_flushes(p_limit integer default 10000)
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

comment on function private.prune_metric_flushes(integer) is
  'Deletes at most p_limit flush ids that are older than a day. Returns how many.';

create function public.note_caller_networks(p_seen jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  if coalesce(jsonb_typeof(p_seen), '') <> 'array' then
    return 0;
  end if;
  insert into private.caller_networks as known (subject, network)
  select distinct (entries.value ->> 'user_id')::uuid as subject, networks.value as network
  from jsonb_array_elements(p_seen) as entries
  cross join jsonb_array_elements_text(
    case when jsonb_typeof(entries.value -> 'networks') = 'array' then entries.value -> 'networks' else '[]' end)
    as networks
  where entries.value ->> 'user_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    and char_length(networks.value) between 1 and 64
  order by subject, network -- So that two reports at once cannot wait for each other in a circle.
  on conflict (subject, network) do update set seen_at = excluded.seen_at;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function public.note_caller_networks(jsonb) is
  'Records the networks from which users called, [{ "user_id", "networks": [digest] }], as each process reports them '
  'from time to time. Invalid entries are skipped. Returns how many networks it recorded.';

create function private.cleanup_caller_networks(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.caller_networks
  where ctid = any(array(
    select networks.ctid
    from private.caller_networks as networks
    where networks.seen_at < now() - interval '1 day'
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cleanup_caller_networks(integer) is
  'Deletes at most p_limit networks from which a user has not called for a day. To be run every hour. Returns how '
  'many.';

create function private.forget_caller_networks(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from private.caller_networks where subject = p_user_id;
end;
$$;

comment on function private.forget_caller_networks(uuid) is
  'A part of forget_user: the networks from which the user called.';

create function private.export_caller_networks(p_user_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('seen_at', networks.seen_at) order by networks.seen_at), '[]')
    from private.caller_networks as networks where networks.subject = p_user_id);
end;
$$;

comment on function private.export_caller_networks(uuid) is
  'A part of export_user_data: when the user last called from each network of the last day. The digests themselves '
  'are not exported.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  public.record_request_metrics(uuid, jsonb),
  private.prune_metric_flushes(integer),
  public.note_caller_networks(jsonb),
  private.cleanup_caller_networks(integer),
  private.forget_caller_networks(uuid),
  private.export_caller_networks(uuid)
from public, anon, authenticated;

grant execute on function
  public.record_request_metrics(uuid, jsonb),
  public.note_caller_networks(jsonb)
to service_role;

-- User data -----------------------------------------------------------------------------------------------------

insert into private.user_data (name, forget, export, description)
values ('caller_networks', 'forget_caller_networks', 'export_caller_networks',
  'Digests of the networks from which a user called, for a day');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('prune_metric_flushes', '35 * * * *', 'sql', 'private.prune_metric_flushes', true, null, 60000, '3 hours',
    'Deletes the ids of metric flushes after a day'),
  ('cleanup_caller_networks', '27 * * * *', 'sql', 'private.cleanup_caller_networks', true, null, 300000, '3 hours',
    'Deletes records of users'' networks that are older than a day');

select private.install_schedule();
