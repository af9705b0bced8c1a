-- The personal data of all modules: each module registers how its part is forgotten and exported.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.user_data (
  name text not null,
  forget text not null,
  export text,
  description text not null,
  constraint user_data_pkey primary key (name),
  constraint user_data_name_plain check (name ~ '^[a-z][a-z0-9_]{1,50}$'),
  constraint user_data_forget_a_name check (forget ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint user_data_export_a_name check (export ~ '^[a-z][a-z0-9_]{0,62}$')
);

comment on table private.user_data is 'Which modules keep data of users; each module adds itself.';
comment on column private.user_data.name is 'Names the part, also in an export.';
comment on column private.user_data.forget is
  'A function of schema private that takes a user''s id and deletes whatever identifies the person. It may be called '
  'again.';
comment on column private.user_data.export is
  'A function of schema private that takes a user''s id and returns the person''s data as jsonb; null: there is '
  'nothing to export.';
comment on column private.user_data.description is 'The kind of data.';

alter table private.user_data enable row level security;

create policy "servers read who keeps user data" on private.user_data for select to service_role using (true);

-- Functions -----------------------------------------------------------------------------------------------------

create function public.forget_user(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_part private.user_data;
begin
  if p_user_id is null then
    return;
  end if;
  -- In a fixed order, so that two calls cannot deadlock.
  for v_part in select * from private.user_data order by name loop
    execute format('select private.%I($1)', v_part.forget) using p_user_id;
  end loop;
end;
$$;

comment on function public.forget_user(uuid) is
  'Deletes a person''s data, all or nothing: calls each part in user_data. Data that must stay, such as the '
  'ledger''s history, stays under an id that identifies nobody. May be repeated.';

create function public.export_user_data(p_user_id uuid)
returns jsonb
language plpgsql
stable -- All of it as it is at one moment.
security definer
set search_path = ''
as $$
declare
  v_part private.user_data;
  v_export jsonb;
  v_exports jsonb := '{}'::jsonb;
begin
  if p_user_id is null then
    return null;
  end if;
  for v_part in select * from private.user_data where export is not null order by name loop
    execute format('select private.%I($1)', v_part.export) into v_export using p_user_id;
    v_exports := v_exports || jsonb_build_object(v_part.name, v_export);
  end loop;
  return v_exports;
end;
$$;

comment on function public.export_user_data(uuid) is
  'A person''s data, one entry per name in user_data. Null for an unknown user.';

create function public.export_next_user_data(p_user_id uuid, p_after text default '')
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  -- A function of the platform has 256 MB, and holds a part of it several times.
  v_limit_bytes constant integer := 16777216;
  v_part private.user_data;
  v_export jsonb;
begin
  select * into v_part from private.user_data
  where p_user_id is not null and export is not null and name > p_after
  order by name limit 1;
  if not found then
    return null;
  end if;
  execute format('select private.%I($1)', v_part.export) into v_export using p_user_id;
  if octet_length(v_export::text) > v_limit_bytes then
    raise exception 'The part % of an export has more than % bytes: what may be long needs an export of its own',
      v_part.name, v_limit_bytes using errcode = 'program_limit_exceeded';
  end if;
  return jsonb_build_object('name', v_part.name, 'data', v_export);
end;
$$;

comment on function public.export_next_user_data(uuid, text) is
  'The next part of a person''s data after the part p_after, by name: { "name", "data" }; null after the last one. '
  'For callers that export one part at a time.';

create function private.forget_deleted_user()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform public.forget_user(old.id);
  return null;
end;
$$;

comment on function private.forget_deleted_user() is 'Runs forget_user for an account that Auth has deleted.';

-- Triggers run in the order of their names, those of foreign keys as RI_…: a part of the data that a cascade took first would
-- be locked before what forget_user locks first. After the statement, so that all accounts it deletes are locked by then.
do $$
begin
  create trigger "A_forget_deleted_user" after delete on auth.users
    for each row execute function private.forget_deleted_user();
exception
  when undefined_table or insufficient_privilege or invalid_schema_name then
    raise notice 'auth.users takes no trigger here: call forget_user() when a user is deleted';
end;
$$;

-- Grants --------------------------------------------------------------------------------------------------------

grant select on private.user_data to service_role;

revoke execute on function
  public.forget_user(uuid),
  public.export_user_data(uuid),
  public.export_next_user_data(uuid, text),
  private.forget_deleted_user()
from public, anon, authenticated;

grant execute on function
  public.forget_user(uuid),
  public.export_user_data(uuid),
  public.export_next_user_data(uuid, text)
to service_role;
