-- What somebody must hear of: written here in the transaction of what it tells, so that both are there, or neither is.
-- Who delivers it is another's business (the module operations); what nobody takes is forgotten in time.

-- Tables --------------------------------------------------------------------------------------------------------

create table public.alert_types (
  alert_type text not null,
  scan text,
  lost_without_receiver text,
  description text not null,
  constraint alert_types_pkey primary key (alert_type),
  constraint alert_types_type_plain check (alert_type ~ '^[a-z][a-z0-9_]{2,50}$'),
  constraint alert_types_scan_a_name check (scan ~ '^[a-z][a-z0-9_]{0,62}$')
);

comment on table public.alert_types is 'Every type of alert; each module adds its own.';
comment on column public.alert_types.alert_type is 'As in docs/alerts.md.';
comment on column public.alert_types.scan is
  'A function of schema private without arguments that looks for such alerts, emits them and returns how many; it is called '
  'every minute. Null for those that are emitted where they arise.';
comment on column public.alert_types.lost_without_receiver is
  'What is lost as long as nobody receives such alerts, in a sentence for operators; null where nothing is.';
comment on column public.alert_types.description is 'What the alert reports.';

create table private.alert_outbox (
  webhook_id text not null default 'msg_' || replace(gen_random_uuid()::text, '-', ''),
  id bigint generated always as identity,
  alert_type text not null,
  ordering_key text not null,
  dedupe_key text,
  payload jsonb not null,
  is_spread boolean not null default false,
  created_at timestamptz not null default now(),
  constraint alert_outbox_pkey primary key (id),
  constraint alert_outbox_emitted_once unique (alert_type, dedupe_key)
);

create index alert_outbox_not_spread_idx on private.alert_outbox (id) where not is_spread;
create index alert_outbox_created_at_idx on private.alert_outbox (created_at);
create index alert_outbox_ordering_key_idx on private.alert_outbox (ordering_key); -- For forget_alerts.

comment on table private.alert_outbox is 'Every alert, written in the transaction that it reports.';
comment on column private.alert_outbox.webhook_id is
  'Names the alert to its receivers, the same at every try, so that they can tell a repetition.';
comment on column private.alert_outbox.alert_type is 'As in docs/alerts.md.';
comment on column private.alert_outbox.ordering_key is
  'Alerts of the same key arrive one after the other, the older first: what the alert is about.';
comment on column private.alert_outbox.dedupe_key is
  'The same type and key are emitted once; null for an alert that is always another.';
comment on column private.alert_outbox.payload is 'The receiver gets it as "data".';
comment on column private.alert_outbox.is_spread is 'Whether its deliveries have been made, one for each endpoint.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.alert_types enable row level security;
alter table private.alert_outbox enable row level security;

create policy "servers read the types of alerts" on public.alert_types for select to service_role using (true);

-- For functions alone, whoever may be granted something one day.
create policy "nobody reads the outbox" on private.alert_outbox for select to public using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.emit_alert(p_type text, p_key text, p_payload jsonb, p_dedupe_key text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id bigint;
  v_webhook_id text;
begin
  if not exists (select from public.alert_types where alert_type = p_type)
    or coalesce(char_length(p_key), 0) not between 1 and 300
    or char_length(p_dedupe_key) not between 1 and 300
    or coalesce(jsonb_typeof(p_payload), '') <> 'object' or pg_column_size(p_payload) > 65536
  then
    return jsonb_build_object('emitted', false, 'duplicate', false, 'error', 'invalid_request', 'message',
      format('Expected are a type of %s, keys of 1 to 300 characters and a payload that is an object of at most 64 KiB',
        (select string_agg(alert_type, ', ' order by alert_type) from public.alert_types)));
  end if;
  insert into private.alert_outbox (alert_type, ordering_key, dedupe_key, payload)
  values (p_type, p_key, p_dedupe_key, p_payload)
  on conflict do nothing
  returning id, webhook_id into v_id, v_webhook_id;
  return jsonb_build_object('emitted', v_id is not null, 'duplicate', v_id is null, 'error', null,
    'alert_id', v_id, 'webhook_id', v_webhook_id);
end;
$$;

comment on function private.emit_alert(text, text, jsonb, text) is
  'Writes an alert; it is told when, and only when, the transaction commits. key: alerts of one key arrive in their '
  'order. dedupe_key: the same type with the same one is emitted once. Returns emitted, duplicate, error, alert_id, '
  'webhook_id.';

create function private.forget_alerts(p_key text, p_fields text[], p_except jsonb[] default '{}')
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_key constant text := split_part(p_key, ':', 1) || ':' || gen_random_uuid();
begin
  -- In one order, so that two calls cannot wait for each other in a circle.
  perform 1 from private.alert_outbox where ordering_key = p_key order by id for update;
  update private.alert_outbox
  set payload = payload - p_fields, ordering_key = v_key, dedupe_key = null
  where ordering_key = p_key and not payload @> any(p_except);
end;
$$;

comment on function private.forget_alerts(text, text[], jsonb[]) is
  'Takes from the alerts of a key whom they are about: the fields, and the key itself, in whose place they get one that leads to '
  'nobody. They are still sent, in their order. Alerts whose payload has one of p_except in it stay as they are.';

create function private.cleanup_alert_outbox(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.alert_outbox
  where id = any(array(
    select outbox.id from private.alert_outbox as outbox
    where not outbox.is_spread and outbox.created_at < now() - interval '90 days'
    order by outbox.created_at
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cleanup_alert_outbox(integer) is
  'Deletes at most p_limit alerts that no worker has taken for 90 days. Returns how many.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.alert_types to service_role;

revoke execute on function
  private.emit_alert(text, text, jsonb, text),
  private.forget_alerts(text, text[], jsonb[]),
  private.cleanup_alert_outbox(integer)
from public, anon, authenticated;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_alert_outbox', '52 3 * * *', 'sql', 'private.cleanup_alert_outbox', true, null, 300000, '2 days',
    'Deletes alerts that nobody has taken for 90 days');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.alert_outbox where not is_spread order by id limit 1;
  perform 1 from private.alert_outbox where created_at < '-infinity';
  perform 1 from private.alert_outbox where ordering_key = '';
end;
$$;
