-- Who is there: a narrow row of each user's last activity, and the status that follows from it.
--
-- A status is computed when it is asked for, so no job has to run for it to be right. `profiles` changes only when the
-- status does, for those who listen. The profile's row is locked before the presence's.

-- Tables --------------------------------------------------------------------------------------------------------

create unlogged table private.presence (
  user_id uuid not null,
  last_seen_at timestamptz not null,
  is_signed_out boolean not null default false,
  current_salon_id uuid,
  shown text not null default 'offline',
  shown_at timestamptz not null,
  constraint presence_pkey primary key (user_id),
  constraint presence_profile_fkey foreign key (user_id) references public.profiles (id) on delete cascade
) with (fillfactor = 50);

create index presence_shown_idx on private.presence (user_id) where shown <> 'offline';

comment on table private.presence is
  'When users were last active. Unlogged: after a crash everybody is offline until the next heartbeat.';
comment on column private.presence.last_seen_at is 'The last activity, up to a minute old: heartbeats in between write nothing.';
comment on column private.presence.is_signed_out is 'Whether the user left by signing out.';
comment on column private.presence.current_salon_id is 'Which salon the app had open. Nobody but the user sees it.';
comment on column private.presence.shown is 'The status that profiles shows.';
comment on column private.presence.shown_at is 'Since when it does.';

alter table private.presence enable row level security;

create policy "nobody but the functions" on private.presence using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.presence_at(
  p_private public.profile_private,
  p_last_seen_at timestamptz,
  p_is_signed_out boolean,
  p_now timestamptz
)
returns text
language sql
immutable
set search_path = ''
as $$
  select case
    when (p_is_signed_out or p_now - p_last_seen_at >= make_interval(secs => p_private.auto_offline_after)) is not false
      then 'offline'
    when p_private.manual_status is not null and coalesce(p_private.manual_until > p_now, true)
      then p_private.manual_status
    when p_now - p_last_seen_at >= make_interval(secs => greatest(120, p_private.auto_offline_after / 2)) then 'away'
    else 'online'
  end;
$$;

comment on function private.presence_at(public.profile_private, timestamptz, boolean, timestamptz) is
  'The status at a time: offline without activity for auto_offline_after seconds, else what the person chose, else away '
  'after half of that time. What was never seen is offline.';

create function private.enter_presence(p_user_id uuid, p_current_salon_id uuid, p_is_signed_out boolean, p_now timestamptz)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_private public.profile_private;
  v_presence private.presence;
  v_status text;
begin
  perform from public.profiles where id = p_user_id for no key update;
  select * into v_private from public.profile_private where user_id = p_user_id;
  if not found then
    return null;
  end if;
  insert into private.presence as known (user_id, last_seen_at, is_signed_out, current_salon_id, shown_at)
  values (p_user_id, p_now, p_is_signed_out, p_current_salon_id, p_now)
  on conflict (user_id) do update
  set last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at), is_signed_out = excluded.is_signed_out,
    current_salon_id = case when not p_is_signed_out then coalesce(excluded.current_salon_id, known.current_salon_id) end
  returning * into v_presence;
  v_status := private.presence_at(v_private, v_presence.last_seen_at, p_is_signed_out, greatest(p_now, v_presence.last_seen_at));
  if v_status <> v_presence.shown then
    update private.presence set shown = v_status, shown_at = p_now where user_id = p_user_id;
  end if;
  update public.profiles set presence_status = v_status where id = p_user_id and presence_status <> v_status;
  return v_status;
end;
$$;

comment on function private.enter_presence(uuid, uuid, boolean, timestamptz) is
  'Writes that a user is there, or signed out, and shows the status where it has changed. Null for who has no profile.';

create function private.note_activity(p_user_id uuid, p_current_salon_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_private public.profile_private;
  v_presence private.presence;
  v_status text;
begin
  select * into v_private from public.profile_private where user_id = p_user_id;
  select * into v_presence from private.presence where user_id = p_user_id;
  v_status := private.presence_at(v_private, v_now, false, v_now);
  if v_presence.shown = v_status and not v_presence.is_signed_out
    and (v_presence.last_seen_at > v_now - interval '5 seconds'
      or v_presence.last_seen_at > v_now - interval '55 seconds'
        and coalesce(p_current_salon_id = v_presence.current_salon_id, p_current_salon_id is null))
  then
    return private.community_done(jsonb_build_object('status', v_status));
  end if;
  v_status := private.enter_presence(p_user_id, p_current_salon_id, false, v_now);
  if v_status is null then
    return private.community_refusal('not_found', 'You have no profile: ensure_profile makes it');
  end if;
  return private.community_done(jsonb_build_object('status', v_status));
end;
$$;

comment on function private.note_activity(uuid, uuid) is
  'A heartbeat: writes one narrow row, at most once a minute, and every 5 seconds where the salon changes.';

create function private.change_presence(p_user_id uuid, p_is_signed_out boolean)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_refusal jsonb := private.community_limit(p_user_id, 'presence', 60, 3600);
  v_status text;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_status := private.enter_presence(p_user_id, null, p_is_signed_out, v_now);
  if v_status is null then
    return private.community_refusal('not_found', 'You have no profile: ensure_profile makes it');
  end if;
  return private.community_done(jsonb_build_object('status', v_status));
end;
$$;

comment on function private.change_presence(uuid, boolean) is 'Signs a user in or out, 60 times an hour.';

create function private.is_caller(p_user_id uuid)
returns boolean
language sql
stable
set search_path = ''
as $$
  select coalesce(p_user_id, (select auth.uid())) = (select auth.uid());
$$;

comment on function private.is_caller(uuid) is
  'Whether a user that a caller names is the caller; who names nobody means itself.';

create function public.rpc_update_activity(p_current_salon_id uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return private.note_activity((select auth.uid()), p_current_salon_id);
end;
$$;

comment on function public.rpc_update_activity(uuid) is
  'A heartbeat, to be sent each minute while the person is active; p_current_salon_id: the salon that the app shows. Returns '
  'success, error, status.';

create function public.update_user_activity(p_user_id uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if private.is_caller(p_user_id) is not true then
    return private.community_refusal('forbidden', 'Only your own activity is yours to report');
  end if;
  return private.note_activity((select auth.uid()), null);
end;
$$;

comment on function public.update_user_activity(uuid) is 'The same as rpc_update_activity, for earlier clients. p_user_id: the caller.';

create function public.handle_user_signin(p_user_id uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if private.is_caller(p_user_id) is not true then
    return private.community_refusal('forbidden', 'Nobody signs another user in');
  end if;
  return private.change_presence((select auth.uid()), false);
end;
$$;

comment on function public.handle_user_signin(uuid) is 'Shows the caller as it was before it signed out. p_user_id: the caller.';

create function public.handle_user_signout(p_user_id uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if private.is_caller(p_user_id) is not true then
    return private.community_refusal('forbidden', 'Nobody signs another user out');
  end if;
  return private.change_presence((select auth.uid()), true);
end;
$$;

comment on function public.handle_user_signout(uuid) is
  'Shows the caller as offline at once. The token stays valid: signing out of Auth is another call. p_user_id: the caller.';

create function public.rpc_set_manual_status(p_status text, p_until timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_user_id constant uuid := (select auth.uid());
  v_refusal jsonb;
  v_status text;
begin
  if p_status is not null and p_status not in ('online', 'away', 'busy', 'offline')
    or p_until is not null and (p_status is null or p_until not between v_now and v_now + interval '366 days')
  then
    return private.community_refusal('invalid_request',
      'Expected is online, away, busy, offline, or null to follow the activity; and an end within a year, if any');
  end if;
  v_refusal := private.community_limit(v_user_id, 'presence', 60, 3600);
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform from public.profiles where id = v_user_id for no key update;
  update public.profile_private set manual_status = p_status, manual_until = p_until where user_id = v_user_id;
  v_status := private.enter_presence(v_user_id, null, false, v_now);
  if v_status is null then
    return private.community_refusal('not_found', 'You have no profile: ensure_profile makes it');
  end if;
  return private.community_done(jsonb_build_object('status', v_status, 'until', p_until));
end;
$$;

comment on function public.rpc_set_manual_status(text, timestamptz) is
  'Shows the caller as it wants to be seen, until p_until or the next choice; null: as its activity says. Who is not active '
  'is offline all the same. Returns success, error, status, until. Errors: invalid_request, not_found, rate_limited.';

create function public.check_inactive_users(p_limit integer default 1000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_count integer;
begin
  with due as materialized (
    select profiles.id, private.presence_at(own, presence.last_seen_at, presence.is_signed_out, v_now) as status
    from private.presence
    join public.profile_private as own on own.user_id = presence.user_id
    join public.profiles on profiles.id = presence.user_id
    where presence.shown <> 'offline'
      and presence.shown <> private.presence_at(own, presence.last_seen_at, presence.is_signed_out, v_now)
    order by profiles.id
    limit least(greatest(p_limit, 1), 10000)
    for no key update of profiles skip locked
  ),
  passed as (
    -- A heartbeat that came meanwhile is seen here, as the row is read again.
    update private.presence
    set shown = due.status, shown_at = v_now
    from due, public.profile_private as own
    where presence.user_id = due.id and own.user_id = due.id
      and due.status = private.presence_at(own, presence.last_seen_at, presence.is_signed_out, v_now)
    returning presence.user_id, presence.shown
  )
  update public.profiles set presence_status = passed.shown
  from passed
  where profiles.id = passed.user_id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function public.check_inactive_users(integer) is
  'Shows in profiles who has become inactive, or whose chosen status has ended, at most p_limit. get_presence knows it without. '
  'Returns how many.';

create function public.rpc_check_inactive_users()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- To look for who is due costs as much as there are users, whoever asks.
  return private.community_done(jsonb_build_object('updated', 0));
end;
$$;

comment on function public.rpc_check_inactive_users() is
  'For earlier clients, which asked the database to look for who has become inactive: the job check_inactive_users does it each '
  'minute, and get_presence knows it without. Changes nothing. Returns success, error, updated (0).';

create function private.settle_presence(p_limit integer default 1000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_ids uuid[];
  v_count integer;
begin
  v_ids := array(
    select id from public.profiles
    where presence_status <> 'offline' and not exists (select from private.presence where user_id = profiles.id)
    order by id
    limit least(greatest(p_limit, 1), 10000)
    for no key update skip locked);
  -- Asked again now that nobody else enters: a heartbeat may have come before the lock.
  update public.profiles set presence_status = 'offline'
  where id = any(v_ids) and not exists (select from private.presence where user_id = profiles.id);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.settle_presence(integer) is
  'Shows as offline whose presence was lost in a crash of the database, at most p_limit. Returns how many.';

create function public.get_presence(p_user_ids uuid[])
returns table (user_id uuid, status text)
language sql
stable
security definer
set search_path = ''
as $$
  -- Of a block nothing is told: profiles shows the status to everybody, so that a difference would tell of it.
  select own.user_id, private.presence_at(own, presence.last_seen_at, presence.is_signed_out, now())
  from public.profile_private as own
  left join private.presence on presence.user_id = own.user_id
  -- Not by a slice, whose bounds a caller may set.
  where own.user_id = any(array(select asked.id from unnest(p_user_ids) as asked (id) limit 500));
$$;

comment on function public.get_presence(uuid[]) is
  'The status of the first 500 of these users as it is now, the same for everybody who asks';

create function private.my_presence()
returns table (presence_status text, last_activity timestamptz, status_updated_at timestamptz, current_salon_id uuid)
language sql
stable
security definer
set search_path = ''
as $$
  select private.presence_at(own, presence.last_seen_at, presence.is_signed_out, now()),
    presence.last_seen_at, presence.shown_at, presence.current_salon_id
  from public.profile_private as own
  left join private.presence on presence.user_id = own.user_id
  where own.user_id = (select auth.uid());
$$;

comment on function private.my_presence() is 'A part of my_profile: what only the caller may know of its presence.';

create view public.my_profile
with (security_invoker = true)
as
select profiles.id, profiles.full_name, profiles.avatar_url, profiles.cover_url, profiles.bio, profiles.city, profiles.interests,
  presence.presence_status as status, presence.presence_status,
  coalesce(own.manual_status is not null and coalesce(own.manual_until > now(), true), false) as is_manual_status,
  own.manual_status, own.manual_until, own.auto_offline_after,
  presence.last_activity, presence.status_updated_at, presence.current_salon_id,
  own.onboarding_completed, own.onboarding_answers, own.conversion_triggers,
  profiles.created_at, profiles.updated_at
from public.profiles
join public.profile_private as own on own.user_id = profiles.id
cross join private.my_presence() as presence
where profiles.id = (select auth.uid());

comment on view public.my_profile is 'All of the caller''s own profile: what everybody sees, and what only it sees.';
comment on column public.my_profile.is_manual_status is 'Whether the person chose the status, and that choice has not ended.';
comment on column public.my_profile.last_activity is 'The last activity, up to a minute old; null after a crash of the database.';
comment on column public.my_profile.status_updated_at is 'Since when profiles shows the status that it shows.';

create function private.forget_presence(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from public.profiles where id = p_user_id for update;
  delete from private.presence where user_id = p_user_id;
end;
$$;

comment on function private.forget_presence(uuid) is 'A part of forget_user: when the user was last active.';

create function private.export_presence(p_user_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('last_activity', last_seen_at, 'current_salon_id', current_salon_id)
  from private.presence where user_id = p_user_id;
$$;

comment on function private.export_presence(uuid) is 'A part of export_user_data: when the user was last active.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.my_profile to authenticated;

revoke execute on function
  private.presence_at(public.profile_private, timestamptz, boolean, timestamptz),
  private.enter_presence(uuid, uuid, boolean, timestamptz),
  private.note_activity(uuid, uuid),
  private.change_presence(uuid, boolean),
  private.is_caller(uuid),
  private.settle_presence(integer),
  private.my_presence(),
  private.forget_presence(uuid),
  private.export_presence(uuid),
  public.rpc_update_activity(uuid),
  public.update_user_activity(uuid),
  public.handle_user_signin(uuid),
  public.handle_user_signout(uuid),
  public.rpc_set_manual_status(text, timestamptz),
  public.check_inactive_users(integer),
  public.rpc_check_inactive_users(),
  public.get_presence(uuid[])
from public, anon, authenticated;

grant execute on function
  private.my_presence(),
  public.rpc_update_activity(uuid),
  public.update_user_activity(uuid),
  public.handle_user_signin(uuid),
  public.handle_user_signout(uuid),
  public.rpc_set_manual_status(text, timestamptz),
  public.rpc_check_inactive_users(),
  public.get_presence(uuid[])
to authenticated;

grant execute on function public.check_inactive_users(integer) to service_role;

-- User data -----------------------------------------------------------------------------------------------------

insert into private.user_data (name, forget, export, description)
values ('user_presence', 'forget_presence', 'export_presence', 'When a user was last active');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('check_inactive_users', '* * * * *', 'sql', 'public.check_inactive_users', true, null, 30000, '15 minutes',
    'Shows in profiles who has become inactive'),
  ('settle_presence', '35 * * * *', 'sql', 'private.settle_presence', true, null, 60000, '1 day',
    'Shows as offline whose presence was lost in a crash');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.presence where user_id > gen_random_uuid() and shown <> 'offline';
  perform 1 from private.user_blocks where blocked_id = gen_random_uuid();
end;
$$;
