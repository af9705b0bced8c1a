-- What of the community is live: who may hear and speak on which topic, what is told when members and salons change, and the
-- tables that earlier clients listen to.
--
-- salon:<id> is for its members. Only the database broadcasts there, so that no client speaks for another; members show their
-- presence. salon:<id>:typing is for what members tell each other and nobody keeps. user:<id> is for that user alone. Who may
-- not write in a salon speaks on neither of its topics.

-- Functions that policies ask -----------------------------------------------------------------------------------

create function private.may_use_topic(p_topic text, p_extension text, p_is_speaking boolean)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_parts constant text[] :=
    regexp_match(p_topic, '^(salon|user):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(:typing)?$');
begin
  if v_parts is null then
    return false;
  elsif v_parts[1] = 'user' then
    return v_parts[3] is null and not p_is_speaking and coalesce(v_parts[2]::uuid = (select auth.uid()), false);
  elsif not private.is_salon_member(v_parts[2]::uuid) then
    return false;
  elsif p_is_speaking and not exists (
    select from public.salons
    join public.salon_members as members on members.salon_id = salons.id
    where salons.id = v_parts[2]::uuid and salons.is_active
      and members.user_id = (select auth.uid()) and (members.muted_until > now()) is not true)
  then
    -- What one says of its presence is said, too.
    return false;
  end if;
  return not p_is_speaking or p_extension = case when v_parts[3] is null then 'presence' else 'broadcast' end;
end;
$$;

comment on function private.may_use_topic(text, text, boolean) is
  'Whether the caller may hear on a topic, or speak: in an archived salon nobody does, nor who is muted. False for a topic of others, which other policies may open; never an error, '
  'which would break those too.';

-- Policies ------------------------------------------------------------------------------------------------------

do $do$
begin
  create policy "members hear their salons, users their own topic" on realtime.messages for select to authenticated
    using (extension in ('broadcast', 'presence')
      and (select private.may_use_topic((select realtime.topic()), null, false)));
  create policy "members are present in their salons, and tell that they type" on realtime.messages for insert to authenticated
    with check (private.may_use_topic((select realtime.topic()), extension, true));
exception
  when undefined_table or invalid_schema_name or undefined_function then
    raise notice 'There is no Realtime here: nothing is broadcast';
end;
$do$;

-- Functions: what is told ---------------------------------------------------------------------------------------

create function private.tell_of_members()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_salon_id uuid;
begin
  for v_salon_id in select distinct salon_id from changed_members loop
    perform private.tell('salon:' || v_salon_id, 'members_changed', jsonb_build_object('salon_id', v_salon_id));
  end loop;
  -- A salon that ends has thousands of members, who all heard of it on its own topic.
  if (select count(*) from (select from changed_members limit 101) as first) <= 100 then
    perform private.tell('user:' || user_id, case tg_op when 'INSERT' then 'salon_joined' else 'salon_left' end,
      jsonb_build_object('salon_id', salon_id))
    from changed_members;
  end if;
  return null;
end;
$$;

comment on function private.tell_of_members() is 'Tells a salon, and those concerned, who came or went.';

create trigger tell_of_new_members after insert on public.salon_members
  referencing new table as changed_members
  for each statement execute function private.tell_of_members();

create trigger tell_of_gone_members after delete on public.salon_members
  referencing old table as changed_members
  for each statement execute function private.tell_of_members();

create function private.tell_of_membership()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.tell('salon:' || new.salon_id, 'members_changed', jsonb_build_object('salon_id', new.salon_id));
  perform private.tell('user:' || new.user_id, 'membership_changed', jsonb_build_object('salon_id', new.salon_id));
  return null;
end;
$$;

comment on function private.tell_of_membership() is 'Tells of a new role, and of a mute.';

create trigger tell_of_membership after update of role, muted_until on public.salon_members
  for each row when (old.role is distinct from new.role or old.muted_until is distinct from new.muted_until)
  execute function private.tell_of_membership();

create function private.tell_of_salon()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.tell('salon:' || new.id, 'salon_changed', jsonb_build_object('salon_id', new.id));
  return null;
end;
$$;

comment on function private.tell_of_salon() is 'Tells that a salon looks different, is archived, is slow or is gone.';

create trigger tell_of_salon after update on public.salons
  for each row when (
    (old.name, old.description, old.avatar_url, old.category, old.city, old.color_theme, old.visibility, old.is_active,
      old.deleted_at, old.slow_mode_s)
    is distinct from
    (new.name, new.description, new.avatar_url, new.category, new.city, new.color_theme, new.visibility, new.is_active,
      new.deleted_at, new.slow_mode_s))
  execute function private.tell_of_salon();

-- Publication ---------------------------------------------------------------------------------------------------

-- Only tables whose key says nothing: a DELETE is told to all who listen, with the key and whatever the policies say. That of
-- salon_members is who is in which salon.
do $$
declare
  v_table text;
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime' and not puballtables) then
    raise notice 'There is no publication supabase_realtime to add tables to';
    return;
  end if;
  foreach v_table in array array['chat_messages', 'message_reactions', 'profiles'] loop
    if not exists (
      select from pg_catalog.pg_publication_tables
      where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = v_table)
    then
      -- Without the archive, which inherits.
      execute format('alter publication supabase_realtime add table only public.%I', v_table);
    end if;
  end loop;
end;
$$;

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.may_use_topic(text, text, boolean),
  private.tell_of_members(),
  private.tell_of_membership(),
  private.tell_of_salon()
from public, anon, authenticated;

grant execute on function private.may_use_topic(text, text, boolean) to authenticated;
