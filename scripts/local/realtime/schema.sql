-- The schema `realtime` as the platform makes it: names, owners and grants, so that a migration which works here works hosted.
-- Run as the superuser, and every statement bears being run again.

do $$ begin
  if not exists (select from pg_roles where rolname = 'supabase_realtime_admin') then
    create role supabase_realtime_admin;
  end if;
end $$;
alter role supabase_realtime_admin nologin noinherit noreplication;
grant anon, authenticated, service_role to supabase_realtime_admin;
-- A hosted project lets postgres make policies on messages through an extension; here it is a member, and a trigger below
-- refuses the rest.
grant supabase_realtime_admin to postgres;

create schema if not exists realtime;
grant usage on schema realtime to postgres, anon, authenticated, service_role;
grant all on schema realtime to supabase_realtime_admin;

create table if not exists realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp without time zone default now() not null,
  inserted_at timestamp without time zone default now() not null,
  id uuid default gen_random_uuid() not null,
  binary_payload bytea,
  constraint messages_payload_exclusive check (payload is null or binary_payload is null),
  constraint messages_pkey primary key (id, inserted_at)
) partition by range (inserted_at);
create index if not exists messages_inserted_at_topic_index on realtime.messages (inserted_at desc, topic)
  where extension = 'broadcast' and private is true;
alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.messages enable row level security;
grant all on realtime.messages to postgres;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;

create or replace function realtime.topic() returns text language sql stable as $$
select nullif(current_setting('realtime.topic', true), '')::text;
$$;

create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql as $$
declare
  generated_id uuid;
  final_payload jsonb;
begin
  begin
    generated_id := gen_random_uuid();
    if payload ? 'id' then
      final_payload := payload;
    else
      final_payload := jsonb_set(payload, '{id}', to_jsonb(generated_id));
    end if;
    execute format('set local realtime.topic to %L', topic);
    insert into realtime.messages (id, payload, event, topic, private, extension)
    values (generated_id, final_payload, event, topic, private, 'broadcast');
  exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
  end;
end;
$$;

create or replace function realtime.send_binary(payload bytea, event text, topic text, private boolean default true)
returns void language plpgsql as $$
declare
  generated_id uuid;
begin
  begin
    generated_id := gen_random_uuid();
    execute format('set local realtime.topic to %L', topic);
    insert into realtime.messages (id, binary_payload, event, topic, private, extension)
    values (generated_id, payload, event, topic, private, 'broadcast');
  exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
  end;
end;
$$;

create or replace function realtime.broadcast_changes(
  topic_name text,
  event_name text,
  operation text,
  table_name text,
  table_schema text,
  new record,
  old record,
  level text default 'ROW'
) returns void language plpgsql as $$
declare
  row_data jsonb := '{}'::jsonb;
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  end if;
  if operation = 'INSERT' or operation = 'UPDATE' or operation = 'DELETE' then
    row_data := jsonb_build_object(
      'old_record', old, 'record', new, 'operation', operation, 'table', table_name, 'schema', table_schema
    );
    perform realtime.send(row_data, event_name, topic_name);
  else
    raise exception 'Unexpected operation type: %', operation;
  end if;
exception when others then
  raise exception 'Failed to process the row: %', sqlerrm;
end;
$$;

-- Asks the policies: a row is inserted for each extension to be read, and looked for as the caller; for each to be
-- written, one is inserted as the caller. All of it is undone.
create or replace function realtime.authorize(
  role_name text,
  topic_name text,
  claims text,
  sub text,
  headers text,
  read_extensions text[],
  write_extensions text[],
  out read_allowed boolean[],
  out write_allowed boolean[]
) language plpgsql volatile as $$
declare
  probe_ids uuid[];
  probe_inserted_at timestamp := now() at time zone 'utc';
  visible_ids uuid[];
  ext text;
  allowed boolean;
begin
  -- Nothing that lasts is written, so that nothing need wait for the disk.
  perform set_config('synchronous_commit', 'off', true);
  begin
    probe_ids := array(select gen_random_uuid() from unnest(read_extensions));

    insert into realtime.messages (id, topic, extension, inserted_at, updated_at)
    select p.id, topic_name, p.extension, probe_inserted_at, probe_inserted_at
    from unnest(probe_ids, read_extensions) as p (id, extension);

    perform set_config('role', role_name, true),
      set_config('realtime.topic', topic_name, true),
      set_config('request.jwt.claims', claims, true),
      set_config('request.jwt.claim.sub', sub, true),
      set_config('request.jwt.claim.role', role_name, true),
      set_config('request.headers', headers, true);

    visible_ids := array(
      select m.id
      from realtime.messages m
      where m.inserted_at = probe_inserted_at and m.id = any(probe_ids)
    );
    read_allowed := array(
      select p.id = any(visible_ids)
      from unnest(probe_ids) with ordinality as p (id, n)
      order by p.n
    );

    write_allowed := '{}';
    foreach ext in array write_extensions loop
      begin
        insert into realtime.messages (topic, extension, inserted_at, updated_at)
        values (topic_name, ext, now() at time zone 'utc', now() at time zone 'utc');
        allowed := true;
      exception when insufficient_privilege then
        allowed := false;
      end;
      write_allowed := write_allowed || allowed;
    end loop;

    raise sqlstate 'RTA01';
  exception when sqlstate 'RTA01' then
    null;
  end;
end;
$$;

do $$
declare
  target record;
begin
  for target in
    select procedure.oid::regprocedure as signature
    from pg_proc procedure join pg_namespace namespace on namespace.oid = procedure.pronamespace
    where namespace.nspname = 'realtime'
  loop
    execute format('alter routine %s owner to supabase_realtime_admin', target.signature);
    execute format('grant all on routine %s to postgres', target.signature);
  end loop;
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
  end if;
  alter publication supabase_realtime owner to postgres;
  if not exists (select from pg_publication where pubname = 'supabase_realtime_messages_publication') then
    create publication supabase_realtime_messages_publication for table realtime.messages;
  end if;
end $$;

-- What a hosted project refuses with these words, as postgres does not own the schema's objects there.
create or replace function extensions.tessera_guard_realtime() returns event_trigger language plpgsql
set search_path = '' as $$
declare
  target record;
  expected constant text[] := array(
    select role || ' ' || privilege
    from unnest(array['anon', 'authenticated', 'service_role']) as role, unnest(array['INSERT', 'SELECT', 'UPDATE']) as privilege
    order by (role || ' ' || privilege) collate "C");
begin
  -- Realtime itself makes and drops the partitions.
  if current_setting('is_superuser') = 'on' or session_user = 'supabase_realtime_admin' then
    return;
  end if;
  if tg_event = 'sql_drop' then
    for target in
      select dropped.object_type, dropped.object_name from pg_event_trigger_dropped_objects() dropped
      where dropped.original and dropped.object_type <> 'policy'
        and (dropped.schema_name = 'realtime' or dropped.object_type = 'rule' and dropped.address_names[1] = 'realtime')
    loop
      raise exception 'must be owner of % %', target.object_type, target.object_name
        using errcode = 'insufficient_privilege';
    end loop;
  else
    for target in
      select command.object_type, command.object_identity from pg_event_trigger_ddl_commands() command
      where (command.schema_name = 'realtime' and command.object_type <> 'policy'
          and command.command_tag not in ('CREATE POLICY', 'ALTER POLICY'))
        or (command.classid = 'pg_catalog.pg_rewrite'::regclass and exists (
          select from pg_catalog.pg_rewrite as rule join pg_catalog.pg_class as class on class.oid = rule.ev_class
          where rule.oid = command.objid and class.relnamespace = 'realtime'::regnamespace))
    loop
      raise exception 'must be owner of % %', target.object_type, target.object_identity
        using errcode = 'insufficient_privilege';
    end loop;
    -- A hosted project warns that nothing was granted, and goes on.
    if tg_tag in ('GRANT', 'REVOKE') and array(
      select role.rolname || ' ' || rights.privilege_type
      from pg_catalog.pg_class as class
      cross join lateral pg_catalog.aclexplode(class.relacl) as rights
      left join pg_catalog.pg_roles as role on role.oid = rights.grantee
      where class.oid = 'realtime.messages'::regclass and rights.grantee <> class.relowner
        and role.rolname is distinct from 'postgres'
      order by (role.rolname || ' ' || rights.privilege_type) collate "C") is distinct from expected
    then
      raise exception 'permission denied for table messages' using errcode = 'insufficient_privilege';
    end if;
  end if;
end $$;
drop event trigger if exists tessera_guard_realtime;
create event trigger tessera_guard_realtime on ddl_command_end execute function extensions.tessera_guard_realtime();
drop event trigger if exists tessera_guard_realtime_drop;
create event trigger tessera_guard_realtime_drop on sql_drop execute function extensions.tessera_guard_realtime();
