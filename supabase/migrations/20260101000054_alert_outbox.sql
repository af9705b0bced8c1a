-- The outbox of alerts: an alert is written in the same transaction as its event, so that both exist or neither does.
-- The module operations delivers alerts; those that nobody takes are deleted in time.

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
comment on column public.alert_types.alert_type is 'A name from docs/alerts.md.';
comment on column public.alert_types.scan is
  'A function of schema private without arguments, called every minute: it looks for such alerts, emits them and '
  'returns how many. Null for alerts that are emitted where they arise.';
comment on column public.alert_types.lost_without_receiver is
  'What is lost while nobody receives such alerts, as a sentence for operators; null if nothing is.';
comment on column public.alert_types.description is 'What the alert reports.';

create table private.alert_outbox (
  webhook_id text not null default 'msg_' || replace(gen_random_uuid()::text, '-', ''),
  id bigint generated always as identity,
  alert_type text not null,
  ordering_key text not null,
  dedupe_key text,
  payload jsonb not null,
  is_fanned_out boolean not null default false,
  created_at timestamptz not null default now(),
  constraint alert_outbox_pkey primary key (id),
  constraint alert_outbox_emitted_once unique (alert_type, dedupe_key)
);

create index alert_outbox_not_fanned_out_idx on private.alert_outbox (id) where not is_fanned_out;
create index alert_outbox_created_at_idx on private.alert_outbox (created_at);
create index alert_outbox_ordering_key_idx on private.alert_outbox (ordering_key); -- For forget_alerts.

comment on table private.alert_outbox is 'Every alert, written in the same transaction as the event that it reports.';
comment on column private.alert_outbox.webhook_id is
  'The alert''s id for receivers; every attempt has the same one, so that they can recognize duplicates.';
comment on column private.alert_outbox.alert_type is 'A name from docs/alerts.md.';
comment on column private.alert_outbox.ordering_key is
  'What the alert is about. Alerts with the same key are delivered one by one, oldest first.';
comment on column private.alert_outbox.dedupe_key is
  'The same type and key are emitted once; null: the alert is never a duplicate.';
comment on column private.alert_outbox.payload is 'Receivers get it as "data".';
comment on column private.alert_outbox.is_fanned_out is
  'Whether the alert has been fanned out: one delivery per endpoint.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.alert_types enable row level security;
alter table private.alert_outbox enable row level security;

create policy "servers read the types of alerts" on public.alert_types for select to service_role using (true);

-- Only for functions, whatever is granted later.
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
      format('Expected a type of %s, keys of 1 to 300 characters and a payload that is an object of at most 64 KiB',
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
  'Writes an alert, which is sent only if the transaction commits. Alerts with the same key are delivered in order. '
  'The same type and dedupe_key are emitted once. Returns emitted, duplicate, error, alert_id, webhook_id.';

create function private.forget_alerts(p_key text, p_fields text[], p_except jsonb[] default '{}')
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_key constant text := split_part(p_key, ':', 1) || ':' || gen_random_uuid();
begin
  -- In a fixed order, so that two calls cannot deadlock.
  perform 1 from private.alert_outbox where ordering_key = p_key order by id for update;
  update private.alert_outbox
  set payload = payload - p_fields, ordering_key = v_key, dedupe_key = null
  where ordering_key = p_key and not payload @> any(p_except);
end;
$$;

comment on function private.forget_alerts(text, text[], jsonb[]) is
  'Removes the person from the alerts of a key: deletes the given fields, and replaces the key by one that leads to '
  'nobody. The alerts are still sent, in order. Alerts whose payload contains one of p_except stay unchanged.';

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
    where not outbox.is_fanned_out and outbox.created_at < now() - interval '90 days'
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
  perform 1 from private.alert_outbox where not is_fanned_out order by id limit 1;
  perform 1 from private.alert_outbox where created_at < '-infinity';
  perform 1 from private.alert_outbox where ordering_key = '';
end;
$$;
