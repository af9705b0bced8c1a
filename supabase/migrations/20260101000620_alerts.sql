-- Alerts: what somebody must hear of, told to receivers outside by signed webhooks.
--
-- What is to be told stands in alert_outbox, from whatever module (emit_alert). A deliverer fans it out to the endpoints that
-- want it, and leases what it sends: one that is killed loses nothing, since a lease ends by itself, and two at once do not
-- send the same. Each endpoint gets the alerts of one ordering key one after the other; a receiver that is down keeps
-- nobody else waiting.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.alert_settings (
  id boolean not null default true,
  first_retry_after interval not null default '10 seconds',
  longest_retry_after interval not null default '15 minutes',
  give_up_after interval not null default '3 days',
  keep_delivered interval not null default '30 days',
  keep_dead interval not null default '90 days',
  constraint alert_settings_pkey primary key (id),
  constraint alert_settings_one_row check (id),
  constraint alert_settings_retries_sensible check (
    first_retry_after >= '1 second' and longest_retry_after between first_retry_after and '1 day'
    and give_up_after between '1 hour' and '30 days'),
  constraint alert_settings_kept_long_enough check (least(keep_delivered, keep_dead) >= '2 days')
);

comment on table private.alert_settings is 'Settings of the alerts; one row, which an operator changes in SQL.';
comment on column private.alert_settings.first_retry_after is
  'The delay before the first retry; it doubles with each further retry.';
comment on column private.alert_settings.longest_retry_after is 'The longest delay between two attempts.';
comment on column private.alert_settings.give_up_after is
  'A delivery that still fails this long after its first attempt becomes a dead letter.';
comment on column private.alert_settings.keep_delivered is 'How long a finished alert is kept.';
comment on column private.alert_settings.keep_dead is 'How long a dead letter can be replayed.';
insert into private.alert_settings default values;

create table private.alert_endpoints (
  id uuid not null,
  host text not null,
  sealed text not null,
  alert_types text[] not null,
  description text not null,
  previous_secret_until timestamptz,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  is_gone boolean not null default false,
  constraint alert_endpoints_pkey primary key (id)
);

comment on table private.alert_endpoints is
  'Receivers of alerts. A row is never deleted, because deliveries refer to it.';
comment on column private.alert_endpoints.host is 'The host of its address; the rest of the address may be a secret.';
comment on column private.alert_endpoints.sealed is
  'Address and signing secrets, encrypted with TOKEN_ENCRYPTION_KEYS, which the database does not have.';
comment on column private.alert_endpoints.alert_types is 'The types of alert that it gets.';
comment on column private.alert_endpoints.description is 'What the endpoint is for.';
comment on column private.alert_endpoints.previous_secret_until is
  'Until then each delivery is also signed with the previous secret.';
comment on column private.alert_endpoints.ended_at is 'When it was unsubscribed or found gone; null: it gets alerts.';
comment on column private.alert_endpoints.is_gone is 'Whether it ended because the receiver responded 410 Gone.';

create table private.alert_deliveries (
  endpoint_id uuid not null,
  alert_id bigint not null,
  ordering_key text not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  lease_id uuid,
  leased_until timestamptz,
  first_attempt_at timestamptz,
  last_attempt_at timestamptz,
  last_http_status integer,
  last_error text,
  delivered_at timestamptz,
  constraint alert_deliveries_pkey primary key (alert_id, endpoint_id),
  constraint alert_deliveries_alert_fkey foreign key (alert_id) references private.alert_outbox (id) on delete cascade,
  constraint alert_deliveries_endpoint_fkey foreign key (endpoint_id) references private.alert_endpoints (id),
  constraint alert_deliveries_status_known check (status in ('pending', 'delivered', 'dead', 'cancelled'))
) with (fillfactor = 70);

create index alert_deliveries_line_idx on private.alert_deliveries (endpoint_id, ordering_key, alert_id);
create index alert_deliveries_due_idx on private.alert_deliveries (endpoint_id, next_attempt_at, alert_id)
  where status = 'pending';
create index alert_deliveries_dead_idx on private.alert_deliveries (alert_id) where status = 'dead';

comment on table private.alert_deliveries is 'One row per alert and receiving endpoint.';
comment on column private.alert_deliveries.alert_id is 'The alert.';
comment on column private.alert_deliveries.endpoint_id is 'The receiver.';
comment on column private.alert_deliveries.ordering_key is 'The alert''s ordering key.';
comment on column private.alert_deliveries.status is
  'pending; delivered: the receiver confirmed it; dead: given up, can be replayed; cancelled: its endpoint ended.';
comment on column private.alert_deliveries.attempts is 'The number of attempts, counted before each one.';
comment on column private.alert_deliveries.next_attempt_at is 'The next attempt is not made before then.';
comment on column private.alert_deliveries.lease_id is
  'The lease of the last attempt; only its holder may record the outcome.';
comment on column private.alert_deliveries.leased_until is
  'Until then no other worker may deliver it; null: not leased.';
comment on column private.alert_deliveries.first_attempt_at is 'The first attempt since the last replay.';
comment on column private.alert_deliveries.last_attempt_at is 'The last attempt.';
comment on column private.alert_deliveries.last_http_status is
  'The status of the receiver''s last response; null: there was none.';
comment on column private.alert_deliveries.last_error is 'Why the last attempt failed.';
comment on column private.alert_deliveries.delivered_at is 'When the receiver confirmed it.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.alert_settings enable row level security;
alter table private.alert_endpoints enable row level security;
alter table private.alert_deliveries enable row level security;

create policy "servers read the alert settings" on private.alert_settings
  for select to service_role using (true);

-- These are for the functions below alone, whoever may be granted something one day.
create policy "nobody reads endpoints" on private.alert_endpoints for select to public using (false);
create policy "nobody reads deliveries" on private.alert_deliveries for select to public using (false);

-- Emitting ------------------------------------------------------------------------------------------------------

create function private.scan_overdue_jobs()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job jsonb;
  v_count integer := 0;
begin
  for v_job in
    select to_jsonb(overdue) from (
      select name, description, state, schedule, last_started_at, last_done_at, last_outcome, last_error
      from public.job_status where is_overdue order by name
    ) as overdue
  loop
    if (private.emit_alert('job_overdue', 'job:' || (v_job ->> 'name'), v_job,
      concat_ws(' ', v_job ->> 'name', 'not since', coalesce(v_job ->> 'last_done_at', 'ever'))) ->> 'emitted')::boolean
    then
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end;
$$;

comment on function private.scan_overdue_jobs() is
  'A part of scan_alerts: overdue jobs, one alert each until they run again. Returns how many alerts.';

create function private.scan_alerts()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_type public.alert_types;
  v_count integer;
  v_counts jsonb := '{}'::jsonb;
  v_errors jsonb := '{}'::jsonb;
begin
  for v_type in select * from public.alert_types where scan is not null order by alert_type loop
    -- A scan that fails must not silence the others, nor undo what they have emitted.
    begin
      execute format('select private.%I()', v_type.scan) into v_count;
      v_counts := v_counts || jsonb_build_object(v_type.alert_type, v_count);
    exception when others then
      v_errors := v_errors || jsonb_build_object(v_type.alert_type, sqlerrm);
    end;
  end loop;
  -- Told by what works, once a day for the same ones: the run has done its work, so that nobody would miss it.
  perform private.emit_alert('job_overdue', 'job:scan_alerts',
    to_jsonb(job) || jsonb_build_object('state', 'problem', 'last_error', left(v_errors::text, 2000)),
    concat_ws(' ', 'scan_alerts fails for', array(select jsonb_object_keys(v_errors)), current_date))
  from (
    select name, description, state, schedule, last_started_at, last_done_at, last_outcome, last_error
    from public.job_status where name = 'scan_alerts'
  ) as job
  where v_errors <> '{}';
  return v_counts || jsonb_build_object('is_whole', v_errors = '{}', 'errors', v_errors);
end;
$$;

comment on function private.scan_alerts() is
  'Runs every scan listed in alert_types, for events that no trigger reports. To be run every minute. Returns how '
  'many alerts of each type it emitted, is_whole, and the error of each failed scan, which is itself alerted as '
  'job_overdue of scan_alerts, once a day.';

create function private.follow_alert_ordering_key()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.alert_deliveries set ordering_key = new.ordering_key where alert_id = new.id;
  return null;
end;
$$;

comment on function private.follow_alert_ordering_key() is
  'Copies a changed ordering key of an alert to its deliveries.';

create trigger alert_outbox_ordering_key_followed
  after update of ordering_key on private.alert_outbox
  for each row when (old.ordering_key is distinct from new.ordering_key)
  execute function private.follow_alert_ordering_key();

-- Endpoints -----------------------------------------------------------------------------------------------------

create function public.create_alert_endpoint(
  p_endpoint_id uuid,
  p_host text,
  p_alert_types text[],
  p_sealed text,
  p_description text default ''
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_most constant integer := 20;
begin
  if p_endpoint_id is null or coalesce(p_host, '') = '' or coalesce(p_sealed, '') = ''
    or coalesce(cardinality(p_alert_types), 0) = 0 or not p_alert_types <@ array(select alert_type from public.alert_types)
  then
    return jsonb_build_object('success', false, 'error', 'invalid_request', 'message',
      format('Expected an id, a host, a sealed address, and types of %s',
        (select string_agg(alert_type, ', ' order by alert_type) from public.alert_types)));
  elsif (select count(*) from private.alert_endpoints where ended_at is null) >= v_most then
    return jsonb_build_object('success', false, 'error', 'too_many',
      'message', format('There are %s endpoints already: unsubscribe one first', v_most));
  end if;
  insert into private.alert_endpoints (id, host, alert_types, sealed, description)
  values (p_endpoint_id, p_host, p_alert_types, p_sealed, coalesce(p_description, ''))
  on conflict do nothing;
  return jsonb_build_object('success', true, 'error', null);
end;
$$;

comment on function public.create_alert_endpoint(uuid, text, text[], text, text) is
  'Adds a receiver: it gets the alerts that are emitted from now on. Returns success, error (invalid_request, '
  'too_many).';

create function public.list_alert_endpoints()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('endpoint_id', endpoints.id, 'host', endpoints.host,
      'alert_types', endpoints.alert_types, 'description', endpoints.description, 'sealed', endpoints.sealed,
      'created_at', endpoints.created_at, 'pending', coalesce(counts.pending, 0), 'dead', coalesce(counts.dead, 0))
    order by endpoints.created_at, endpoints.id), '[]')
  from private.alert_endpoints as endpoints
  left join (
    select deliveries.endpoint_id, count(*) filter (where deliveries.status = 'pending') as pending,
      count(*) filter (where deliveries.status = 'dead') as dead
    from private.alert_deliveries as deliveries
    where deliveries.status in ('pending', 'dead')
    group by deliveries.endpoint_id
  ) as counts on counts.endpoint_id = endpoints.id
  where endpoints.ended_at is null;
$$;

comment on function public.list_alert_endpoints() is
  'The receivers, with the numbers of their pending deliveries and dead letters. sealed stays on the server.';

create function public.list_gone_alert_endpoints()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('endpoint_id', gone.id, 'host', gone.host,
      'alert_types', gone.alert_types, 'description', gone.description, 'ended_at', gone.ended_at)
    order by gone.ended_at desc, gone.id), '[]')
  from (
    select * from private.alert_endpoints as endpoints
    where endpoints.is_gone and endpoints.ended_at > now() - interval '90 days'
    order by endpoints.ended_at desc, endpoints.id
    limit 100
  ) as gone;
$$;

comment on function public.list_gone_alert_endpoints() is
  'The newest 100 receivers that ended in the last 90 days because they responded 410 Gone.';

create function public.reseal_alert_endpoint(
  p_endpoint_id uuid,
  p_old_sealed text,
  p_sealed text,
  p_keep_previous_secret interval default null
)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.alert_endpoints
  set sealed = p_sealed,
    previous_secret_until = coalesce(now() + p_keep_previous_secret, previous_secret_until)
  where id = p_endpoint_id and sealed = p_old_sealed and ended_at is null and p_sealed <> '';
  return found;
end;
$$;

comment on function public.reseal_alert_endpoint(uuid, text, text, interval) is
  'Replaces sealed, unless somebody else has done so meanwhile; for a new secret it sets how long the previous one '
  'stays valid. Returns whether it replaced it.';

create function public.end_alert_endpoint(p_endpoint_id uuid)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.alert_endpoints set ended_at = now() where id = p_endpoint_id and ended_at is null;
  if not found then
    return false;
  end if;
  update private.alert_deliveries
  set status = 'cancelled', lease_id = null, leased_until = null
  where endpoint_id = p_endpoint_id and status in ('pending', 'dead');
  return true;
end;
$$;

comment on function public.end_alert_endpoint(uuid) is
  'Unsubscribes a receiver and cancels its pending deliveries. Returns whether there was one.';

-- Delivering ----------------------------------------------------------------------------------------------------

create function private.fan_out_alerts()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- One at a time: a second one would find the same alerts, and wait for the first.
  if not pg_try_advisory_xact_lock(hashtext('private.fan_out_alerts')) then
    return 0;
  end if;
  with news as (
    select outbox.id, outbox.alert_type, outbox.ordering_key
    from private.alert_outbox as outbox
    where not outbox.is_fanned_out
    order by outbox.id
    limit 1000
  ),
  fanned_out as (
    insert into private.alert_deliveries (alert_id, endpoint_id, ordering_key)
    select news.id, endpoints.id, news.ordering_key
    from news
    join private.alert_endpoints as endpoints
      on endpoints.ended_at is null and news.alert_type = any(endpoints.alert_types)
    on conflict do nothing
  )
  update private.alert_outbox as outbox
  set is_fanned_out = true
  from news
  where outbox.id = news.id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.fan_out_alerts() is
  'A part of claim_alert_deliveries: fans out each new alert, one delivery for each subscribed endpoint. Returns the '
  'number of alerts.';

create function public.claim_alert_deliveries(
  p_limit integer,
  p_lease interval,
  p_endpoint_id uuid,
  p_without uuid[]
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_endpoint private.alert_endpoints;
  v_claimed jsonb := '[]'::jsonb;
  v_of_endpoint jsonb;
begin
  if coalesce(p_limit, 0) not between 1 and 100 or coalesce(p_lease, '0') not between '1 second' and '5 minutes' then
    return jsonb_build_object('success', false, 'error', 'invalid_request',
      'message', 'Expected a limit from 1 to 100 and a lease from 1 second to 5 minutes', 'deliveries', v_claimed);
  end if;
  perform private.fan_out_alerts();
  for v_endpoint in
    select * from private.alert_endpoints
    where ended_at is null and id = coalesce(p_endpoint_id, id) and id <> all(coalesce(p_without, '{}'))
  loop
    with claimable as (
      select due.alert_id
      from private.alert_deliveries as due
      where due.endpoint_id = v_endpoint.id and due.status = 'pending' and due.next_attempt_at <= clock_timestamp()
        and (due.leased_until is null or due.leased_until <= clock_timestamp())
        and not exists (
          select from private.alert_deliveries as other
          where other.endpoint_id = due.endpoint_id and other.ordering_key = due.ordering_key
            and other.status = 'pending' and other.alert_id <> due.alert_id
            and (other.alert_id < due.alert_id or other.leased_until > clock_timestamp())
        )
      order by due.next_attempt_at, due.alert_id
      limit p_limit
      for update of due skip locked
    ),
    leased as (
      update private.alert_deliveries as deliveries
      set lease_id = gen_random_uuid(), leased_until = clock_timestamp() + p_lease, attempts = attempts + 1,
        first_attempt_at = coalesce(first_attempt_at, clock_timestamp()), last_attempt_at = clock_timestamp()
      from claimable
      where deliveries.alert_id = claimable.alert_id and deliveries.endpoint_id = v_endpoint.id
      returning deliveries.*
    )
    select jsonb_agg(jsonb_build_object('alert_id', leased.alert_id, 'endpoint_id', leased.endpoint_id,
        'lease_id', leased.lease_id, 'attempt', leased.attempts, 'webhook_id', outbox.webhook_id,
        'alert_type', outbox.alert_type, 'payload', outbox.payload, 'created_at', outbox.created_at,
        'sealed', v_endpoint.sealed,
        'signs_with_previous', coalesce(v_endpoint.previous_secret_until > clock_timestamp(), false))
      order by leased.alert_id)
    into v_of_endpoint
    from leased
    join private.alert_outbox as outbox on outbox.id = leased.alert_id;
    v_claimed := v_claimed || coalesce(v_of_endpoint, '[]');
  end loop;
  return jsonb_build_object('success', true, 'error', null, 'deliveries', v_claimed);
end;
$$;

comment on function public.claim_alert_deliveries(integer, interval, uuid, uuid[]) is
  'Leases due deliveries: for each endpoint (or the named one, or all but some) at most limit, and only the oldest '
  'of each ordering key. The caller must complete or fail each before the lease ends; afterwards another worker may '
  'deliver it.';

create function public.complete_alert_delivery(
  p_alert_id bigint,
  p_endpoint_id uuid,
  p_lease_id uuid,
  p_http_status integer
)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.alert_deliveries
  set status = 'delivered', delivered_at = clock_timestamp(), lease_id = null, leased_until = null,
    last_http_status = p_http_status, last_error = null
  where alert_id = p_alert_id and endpoint_id = p_endpoint_id and lease_id = p_lease_id and status = 'pending';
  if not found then
    return false;
  end if;
  -- The receiver is there again: what could not reach it need not wait any longer.
  update private.alert_deliveries as deliveries
  set next_attempt_at = clock_timestamp()
  from (
    select waiting.alert_id
    from private.alert_deliveries as waiting
    where waiting.endpoint_id = p_endpoint_id and waiting.status = 'pending'
      and waiting.next_attempt_at > clock_timestamp() and waiting.attempts > 0
      and coalesce(waiting.last_http_status, 503) in (502, 503, 504)
    for update skip locked
  ) as waiting
  where deliveries.endpoint_id = p_endpoint_id and deliveries.alert_id = waiting.alert_id;
  return true;
end;
$$;

comment on function public.complete_alert_delivery(bigint, uuid, uuid, integer) is
  'Records that the receiver took the alert. Deliveries to the same receiver that waited for a retry become due at '
  'once. Returns whether the lease was still the caller''s; if not, the alert may be sent again.';

create function public.fail_alert_delivery(
  p_alert_id bigint,
  p_endpoint_id uuid,
  p_lease_id uuid,
  p_error text,
  p_http_status integer default null,
  p_retry_after_s integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_settings private.alert_settings;
  v_delivery private.alert_deliveries;
begin
  if p_http_status = 410 and exists (
    select from private.alert_deliveries
    where alert_id = p_alert_id and endpoint_id = p_endpoint_id and lease_id = p_lease_id and status = 'pending'
  ) then
    -- The endpoint first and its deliveries then, as whoever ends one locks them.
    perform public.end_alert_endpoint(p_endpoint_id);
    update private.alert_endpoints set is_gone = true where id = p_endpoint_id;
    update private.alert_deliveries set last_error = left(p_error, 300), last_http_status = p_http_status
    where alert_id = p_alert_id and endpoint_id = p_endpoint_id;
    return jsonb_build_object('success', true, 'status', 'cancelled', 'next_attempt_at', null);
  end if;
  select * into v_settings from private.alert_settings;
  update private.alert_deliveries
  set lease_id = null, leased_until = null, last_error = left(p_error, 300), last_http_status = p_http_status,
    status = case when v_now - first_attempt_at >= v_settings.give_up_after then 'dead' else status end,
    -- Half of it by chance, so that those which failed together do not come back together.
    next_attempt_at = v_now + greatest(
      make_interval(secs => least(coalesce(p_retry_after_s, 0), 86400)),
      least(v_settings.longest_retry_after,
        v_settings.first_retry_after * power(2, least(attempts - 1, 20)) * (0.5 + random() / 2)))
  where alert_id = p_alert_id and endpoint_id = p_endpoint_id and lease_id = p_lease_id and status = 'pending'
  returning * into v_delivery;
  if not found then
    return jsonb_build_object('success', false, 'status', null, 'next_attempt_at', null);
  end if;
  return jsonb_build_object('success', true, 'status', v_delivery.status, 'next_attempt_at', v_delivery.next_attempt_at);
end;
$$;

comment on function public.fail_alert_delivery(bigint, uuid, uuid, text, integer, integer) is
  'Records a failed attempt. The delivery is retried with a doubling delay, not before retry_after_s (at most a '
  'day), or becomes a dead letter (alert_settings). Status 410 means that the receiver is gone: its endpoint ends, '
  'and its pending deliveries are cancelled. Returns success (whether the lease was still the caller''s), status, '
  'next_attempt_at.';

create function public.emit_test_alert(p_endpoint_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_alert private.alert_outbox;
begin
  if not exists (select from private.alert_endpoints where id = p_endpoint_id and ended_at is null) then
    return jsonb_build_object('success', false, 'error', 'not_found', 'message', 'There is no such endpoint');
  end if;
  insert into private.alert_outbox (alert_type, ordering_key, payload, is_fanned_out)
  values ('test', 'test:' || gen_random_uuid(), jsonb_build_object('endpoint_id', p_endpoint_id, 'sent_at', now()), true)
  returning * into v_alert;
  insert into private.alert_deliveries (alert_id, endpoint_id, ordering_key)
  values (v_alert.id, p_endpoint_id, v_alert.ordering_key);
  return jsonb_build_object('success', true, 'error', null, 'alert_id', v_alert.id, 'webhook_id', v_alert.webhook_id);
end;
$$;

comment on function public.emit_test_alert(uuid) is
  'Writes an alert of type ''test'' for one endpoint. Returns success, error (not_found), alert_id, webhook_id.';

create function public.replay_alerts(p_endpoint_id uuid, p_alert_ids bigint[], p_limit integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_replayed_count integer;
  v_added_count integer := 0;
begin
  if coalesce(p_limit, 0) not between 1 and 10000 then
    return jsonb_build_object('success', false, 'error', 'invalid_request',
      'message', 'Expected a limit from 1 to 10000', 'replayed', 0);
  end if;
  if p_alert_ids is not null then -- Somebody wants these again, and where they have never been.
    insert into private.alert_deliveries (alert_id, endpoint_id, ordering_key)
    select outbox.id, endpoints.id, outbox.ordering_key
    from private.alert_outbox as outbox
    join private.alert_endpoints as endpoints
      on endpoints.ended_at is null and outbox.alert_type = any(endpoints.alert_types)
    where outbox.id = any(p_alert_ids) and outbox.is_fanned_out and endpoints.id = coalesce(p_endpoint_id, endpoints.id)
    on conflict do nothing;
    get diagnostics v_added_count = row_count;
  end if;
  update private.alert_deliveries as deliveries
  set status = 'pending', attempts = 0, next_attempt_at = clock_timestamp(), first_attempt_at = null,
    delivered_at = null, lease_id = null, leased_until = null
  from (
    select chosen.alert_id, chosen.endpoint_id
    from private.alert_deliveries as chosen
    join private.alert_endpoints as endpoints on endpoints.id = chosen.endpoint_id and endpoints.ended_at is null
    where chosen.endpoint_id = coalesce(p_endpoint_id, chosen.endpoint_id)
      and case when p_alert_ids is null then chosen.status = 'dead'
        else chosen.alert_id = any(p_alert_ids) and chosen.status in ('dead', 'delivered') end
    order by chosen.alert_id
    limit p_limit
    for update of chosen skip locked
  ) as chosen
  where deliveries.alert_id = chosen.alert_id and deliveries.endpoint_id = chosen.endpoint_id;
  get diagnostics v_replayed_count = row_count;
  return jsonb_build_object('success', true, 'error', null, 'replayed', v_replayed_count + v_added_count);
end;
$$;

comment on function public.replay_alerts(uuid, bigint[], integer) is
  'Makes dead letters due again, oldest first: all, or those of one endpoint. With alert ids: those alerts, '
  'delivered or not, for every subscribed endpoint or the given one. Returns success, error, replayed.';

create function public.list_alert_deliveries(
  p_status text,
  p_endpoint_id uuid,
  p_before_alert_id bigint,
  p_limit integer
)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(listed) order by listed.alert_id desc, listed.endpoint_id), '[]')
  from (
    select deliveries.alert_id, deliveries.endpoint_id, endpoints.host, outbox.webhook_id, outbox.alert_type,
      outbox.payload as data, outbox.created_at, deliveries.status, deliveries.attempts, deliveries.last_attempt_at,
      case when deliveries.status = 'pending' then deliveries.next_attempt_at end as next_attempt_at,
      deliveries.last_http_status, deliveries.last_error, deliveries.delivered_at
    from private.alert_deliveries as deliveries
    join private.alert_outbox as outbox on outbox.id = deliveries.alert_id
    join private.alert_endpoints as endpoints on endpoints.id = deliveries.endpoint_id
    where deliveries.status = p_status and deliveries.endpoint_id = coalesce(p_endpoint_id, deliveries.endpoint_id)
      and deliveries.alert_id < coalesce(p_before_alert_id, 9223372036854775807)
    order by deliveries.alert_id desc, deliveries.endpoint_id
    limit least(greatest(p_limit, 1), 1000)
  ) as listed;
$$;

comment on function public.list_alert_deliveries(text, uuid, bigint, integer) is
  'Deliveries of one status with their alerts, newest first; optionally of one endpoint, or older than an alert.';

create function public.alert_queue()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'not_fanned_out', (select count(*) from private.alert_outbox where not is_fanned_out),
    'pending', count(*) filter (where deliveries.status = 'pending'),
    'dead', count(*) filter (where deliveries.status = 'dead'),
    'oldest_pending_s', coalesce(extract(epoch from now() - min(outbox.created_at)
      filter (where deliveries.status = 'pending'))::bigint, 0))
  from private.alert_deliveries as deliveries
  join private.alert_outbox as outbox on outbox.id = deliveries.alert_id
  where deliveries.status in ('pending', 'dead');
$$;

comment on function public.alert_queue() is
  'The backlog: alerts that are not yet fanned out (not_fanned_out), deliveries pending and dead, and the age of the '
  'oldest pending one.';

create function private.cleanup_alerts(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_settings private.alert_settings;
  v_count integer;
begin
  select * into v_settings from private.alert_settings;
  delete from private.alert_outbox
  where id = any(array(
    select outbox.id
    from private.alert_outbox as outbox
    where outbox.is_fanned_out and outbox.created_at < now() - v_settings.keep_delivered
      and not exists (
        select from private.alert_deliveries as deliveries
        where deliveries.alert_id = outbox.id
          and (deliveries.status = 'pending'
            or (deliveries.status = 'dead' and outbox.created_at >= now() - v_settings.keep_dead)
            or deliveries.delivered_at >= now() - v_settings.keep_delivered)
      )
    order by outbox.created_at
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cleanup_alerts(integer) is
  'Deletes at most p_limit alerts past their retention, which is longer for dead letters than for delivered alerts. '
  'To be run once a day. Returns how many.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on private.alert_settings to service_role;

revoke execute on function
  private.scan_overdue_jobs(),
  private.scan_alerts(),
  private.follow_alert_ordering_key(),
  public.create_alert_endpoint(uuid, text, text[], text, text),
  public.list_alert_endpoints(),
  public.list_gone_alert_endpoints(),
  public.reseal_alert_endpoint(uuid, text, text, interval),
  public.end_alert_endpoint(uuid),
  private.fan_out_alerts(),
  public.claim_alert_deliveries(integer, interval, uuid, uuid[]),
  public.complete_alert_delivery(bigint, uuid, uuid, integer),
  public.fail_alert_delivery(bigint, uuid, uuid, text, integer, integer),
  public.emit_test_alert(uuid),
  public.replay_alerts(uuid, bigint[], integer),
  public.list_alert_deliveries(text, uuid, bigint, integer),
  public.alert_queue(),
  private.cleanup_alerts(integer)
from public, anon, authenticated;

grant execute on function
  public.create_alert_endpoint(uuid, text, text[], text, text),
  public.list_alert_endpoints(),
  public.list_gone_alert_endpoints(),
  public.reseal_alert_endpoint(uuid, text, text, interval),
  public.end_alert_endpoint(uuid),
  public.claim_alert_deliveries(integer, interval, uuid, uuid[]),
  public.complete_alert_delivery(bigint, uuid, uuid, integer),
  public.fail_alert_delivery(bigint, uuid, uuid, text, integer, integer),
  public.emit_test_alert(uuid),
  public.replay_alerts(uuid, bigint[], integer),
  public.list_alert_deliveries(text, uuid, bigint, integer),
  public.alert_queue()
to service_role;

-- Types of alerts -----------------------------------------------------------------------------------------------

insert into public.alert_types (alert_type, scan, description)
values ('job_overdue', 'scan_overdue_jobs', 'A job is overdue');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('deliver_alerts', '* * * * *', 'http', 'alerts/deliver', false, null, 50000, '10 minutes',
    'Delivers the alerts in the outbox'),
  ('scan_alerts', '* * * * *', 'sql', 'private.scan_alerts', false, '{"is_whole": true}', 50000, '10 minutes',
    'Runs the scans of all alert types'),
  ('cleanup_alerts', '50 3 * * *', 'sql', 'private.cleanup_alerts', true, null, 300000, '2 days',
    'Deletes alerts past their retention');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.alert_deliveries where endpoint_id = gen_random_uuid() and ordering_key = '';
  perform 1 from private.alert_deliveries where endpoint_id = gen_random_uuid() and status = 'pending'
    order by next_attempt_at limit 1;
  perform 1 from private.alert_deliveries where status = 'dead' order by alert_id limit 1;
end;
$$;
