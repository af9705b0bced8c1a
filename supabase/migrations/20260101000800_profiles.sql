-- Who is who: what a person shows to everybody, what only its owner sees, and whom a user has blocked.
--
-- A profile belongs to a user of Auth and goes with it. Column grants, not policies, say which columns the owner changes.

create schema if not exists extensions;
create extension if not exists pg_trgm with schema extensions;

-- Tables --------------------------------------------------------------------------------------------------------

create function private.are_interests(p_interests text[])
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return cardinality(p_interests) <= 20 and coalesce(array_ndims(p_interests), 1) = 1
    and (select coalesce(bool_and(char_length(interest) between 1 and 40), true) from unnest(p_interests) as interest)
    and array_position(p_interests, null) is null;
end;
$$;

comment on function private.are_interests(text[]) is 'Whether these are at most 20 interests, each of 1 to 40 characters.';

create table public.profiles (
  id uuid not null,
  full_name text,
  avatar_url text,
  cover_url text,
  bio text,
  city text,
  interests text[] not null default '{}',
  presence_status text not null default 'offline',
  status text generated always as (presence_status) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint profiles_pkey primary key (id),
  constraint profiles_user_fkey foreign key (id) references auth.users (id) on delete cascade,
  constraint profiles_full_name_short check (char_length(full_name) between 1 and 80),
  constraint profiles_bio_short check (char_length(bio) between 1 and 500),
  constraint profiles_city_short check (char_length(city) between 1 and 80),
  constraint profiles_interests_few check (private.are_interests(interests)),
  constraint profiles_presence_known check (presence_status in ('online', 'away', 'busy', 'offline')),
  constraint profiles_pictures_short check (char_length(avatar_url) <= 500 and char_length(cover_url) <= 500)
) with (fillfactor = 85);

comment on table public.profiles is 'What people show to everybody: readable without signing in.';
comment on column public.profiles.id is 'The user in Auth.';
comment on column public.profiles.full_name is 'The shown name; nothing makes it unique.';
comment on column public.profiles.avatar_url is 'The address of the picture, which the function profile/avatar writes.';
comment on column public.profiles.cover_url is 'The address of the wide picture above, which profile/cover writes.';
comment on column public.profiles.bio is 'A few words about the person.';
comment on column public.profiles.city is 'Where the person says it lives.';
comment on column public.profiles.interests is 'What it is interested in.';
comment on column public.profiles.presence_status is
  'The status that was last announced, written when it changes alone. What is true now: get_presence.';
comment on column public.profiles.status is 'The same as presence_status, for earlier clients.';
comment on column public.profiles.updated_at is 'When the person changed it: presence does not count, as times of activity are private.';

create table public.profile_private (
  user_id uuid not null,
  onboarding_completed boolean not null default false,
  onboarding_answers jsonb not null default '{}',
  conversion_triggers jsonb not null default '{}',
  auto_offline_after integer not null default 300,
  manual_status text,
  manual_until timestamptz,
  constraint profile_private_pkey primary key (user_id),
  constraint profile_private_profile_fkey foreign key (user_id) references public.profiles (id) on delete cascade,
  constraint profile_private_answers_small check (octet_length(onboarding_answers::text) <= 16384),
  constraint profile_private_auto_offline_sensible check (auto_offline_after between 120 and 86400),
  constraint profile_private_status_known check (manual_status in ('online', 'away', 'busy', 'offline')),
  constraint profile_private_end_of_a_choice check (manual_status is not null or manual_until is null)
);

comment on table public.profile_private is 'What only the owner of a profile sees.';
comment on column public.profile_private.user_id is 'Whose it is.';
comment on column public.profile_private.onboarding_completed is 'Whether the person went through the first steps; the app says so.';
comment on column public.profile_private.onboarding_answers is 'What it answered there, up to 16 KiB.';
comment on column public.profile_private.conversion_triggers is 'What a server notes of offers to the person; no user writes it.';
comment on column public.profile_private.auto_offline_after is 'After how many seconds without activity the person is offline.';
comment on column public.profile_private.manual_status is 'The status that the person chose; null: it follows the activity.';
comment on column public.profile_private.manual_until is 'When that choice ends; null: when another is made.';

create table private.user_blocks (
  blocker_id uuid not null,
  blocked_id uuid not null,
  created_at timestamptz not null default now(),
  constraint user_blocks_pkey primary key (blocker_id, blocked_id),
  constraint user_blocks_blocker_fkey foreign key (blocker_id) references public.profiles (id) on delete cascade,
  constraint user_blocks_blocked_fkey foreign key (blocked_id) references public.profiles (id) on delete cascade,
  constraint user_blocks_not_oneself check (blocker_id <> blocked_id)
);

create index user_blocks_blocked_id_idx on private.user_blocks (blocked_id);

comment on table private.user_blocks is 'Who does not want to hear from whom, at most 1,000 of a user.';
comment on column private.user_blocks.blocker_id is 'Who blocks.';
comment on column private.user_blocks.blocked_id is 'Who is blocked, and is not told.';

-- Functions that policies ask ------------------------------------------------------------------------------------

create function private.my_blocked_ids()
returns uuid[]
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(array_agg(other), '{}')
  from (
    select blocked_id as other from private.user_blocks where blocker_id = (select auth.uid())
    union
    select blocker_id from private.user_blocks where blocked_id = (select auth.uid())
  ) as others;
$$;

comment on function private.my_blocked_ids() is
  'Whom the caller has blocked, and who has blocked the caller. For policies, once per statement: '
  'user_id <> all ((select private.my_blocked_ids())::uuid[]).';

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.profiles enable row level security;
alter table public.profile_private enable row level security;
alter table private.user_blocks enable row level security;

create policy "everybody reads profiles" on public.profiles for select to anon, authenticated, service_role using (true);

create policy "owners change what they show" on public.profiles for update to authenticated
  using (id = (select auth.uid())) with check (id = (select auth.uid()));

create policy "owners read their private part" on public.profile_private for select to authenticated
  using (user_id = (select auth.uid()));

create policy "owners change their private part" on public.profile_private for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy "servers read private parts" on public.profile_private for select to service_role using (true);

create policy "servers note offers" on public.profile_private for update to service_role using (true) with check (true);

create policy "nobody but the functions" on private.user_blocks using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.community_refusal(p_error text, p_message text)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('success', false, 'error', p_error, 'message', p_message);
$$;

comment on function private.community_refusal(text, text) is 'The outcome of a call that changed nothing.';

create function private.community_done(p_more jsonb default '{}')
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('success', true, 'error', null, 'message', null) || p_more;
$$;

comment on function private.community_done(jsonb) is 'The outcome of a call that did what it was asked for.';

create function private.community_limit(p_user_id uuid, p_name text, p_quota integer, p_window_s integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_taken jsonb := public.take_call_limit(p_user_id, p_name, jsonb_build_object('quota', p_quota, 'window_s', p_window_s));
begin
  if (v_taken ->> 'allowed')::boolean then
    return null;
  end if;
  return private.community_refusal('rate_limited', 'Too often: try again later')
    || jsonb_build_object('retry_after_s', v_taken -> 'retry_after_s');
end;
$$;

comment on function private.community_limit(uuid, text, integer, integer) is
  'Takes one call of a user from a limit: null, or the refusal to return.';

-- In plpgsql, which keeps its plan: these run for each row that somebody writes.

create function private.without_unseen(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  c_emoji constant text := '\u00A9\u00AE\u203C-\u2BFF\u3030\u303D\u3297\u3299\U0001F000-\U0001FAFF';
  c_ideographs constant text := '\u3400-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF';
  -- From Arabic to Mongolian: here a joiner changes what is seen.
  c_joined_scripts constant text := '\u0600-\u0DFF\u0F00-\u109F\u1700-\u18AF';
  -- What is longer than anything that is kept stays too long, and costs no more.
  v_text text := regexp_replace(left(p_text, 20001),
    '[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164\uFEFF\uFFA0\uFFF0-\uFFFB\U000E0000-\U000E00FF\U000E01F0-\U000E0FFF]',
    '', 'g');
begin
  if v_text ~ '[\uFE00-\uFE0F\U000E0100-\U000E01EF]' then
    v_text := regexp_replace(v_text,
      '(?<![' || c_emoji || c_ideographs || '])[\uFE00-\uFE0F\U000E0100-\U000E01EF](?!\u20E3)', '', 'g');
  end if;
  if v_text ~ '[\u200C\u200D]' then
    v_text := regexp_replace(v_text,
      '(?<![\uFE0F' || c_emoji || c_joined_scripts || '])[\u200C\u200D]|[\u200C\u200D](?![' || c_emoji || c_joined_scripts || '])',
      '', 'g');
  end if;
  return v_text;
end;
$$;

comment on function private.without_unseen(text) is
  'A text without the characters that are not seen, or that turn others around: with them one name could pass for another. '
  'Joiners stay between emoji and in scripts that need them, marks of variants after emoji and ideographs.';

create function private.tidy_line(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_line constant text := btrim(regexp_replace(private.without_unseen(p_text),
    '[\s\u0001-\u001F\u007F-\u00A0\u2028\u2029]+', ' ', 'g'));
begin
  return case when v_line ~ '[^\u200C\u200D\uFE00-\uFE0F]' then v_line end;
end;
$$;

comment on function private.tidy_line(text) is
  'A text as one line without blanks around it and characters that are not seen; null if nothing is left to see.';

create function private.tidy_text(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_text text := regexp_replace(private.without_unseen(p_text), '[\u0001-\u0008\u000B-\u001F\u007F-\u009F]', '', 'g');
begin
  v_text := regexp_replace(v_text, '[ \t]+$', '', 'gn');
  v_text := btrim(regexp_replace(v_text, '\n{3,}', e'\n\n', 'g'), e' \t\n');
  return case when v_text ~ '[^\u200C\u200D\uFE00-\uFE0F]' then v_text end;
end;
$$;

comment on function private.tidy_text(text) is
  'A text of several lines without blanks around it and characters that are not seen; null if nothing is left to see.';

create function private.tidy_profile()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  new.full_name := private.tidy_line(new.full_name);
  new.city := private.tidy_line(new.city);
  new.bio := private.tidy_text(new.bio);
  if cardinality(new.interests) <= 100 then
    new.interests := array(
      select tidy from (
        select private.tidy_line(interest) as tidy, min(position) as position
        from unnest(new.interests) with ordinality as listed (interest, position) group by 1) as once
      where tidy is not null order by position);
  end if;
  if tg_op = 'UPDATE' then
    new.updated_at := clock_timestamp();
  end if;
  return new;
end;
$$;

comment on function private.tidy_profile() is 'Trims what a person wrote, before the table''s checks measure it.';

create trigger tidy_profile before insert or update of full_name, avatar_url, cover_url, bio, city, interests on public.profiles
  for each row execute function private.tidy_profile();

create function private.limit_profile_changes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Each change goes out to whoever listens to profiles.
  if private.community_limit((select auth.uid()), 'profiles', 60, 3600) is not null then
    raise exception 'Your profile was changed too often: try again later' using errcode = 'PT429';
  end if;
  return null;
end;
$$;

comment on function private.limit_profile_changes() is 'Limits how often a user changes its own rows: 60 times an hour.';

create trigger limit_changes before update of full_name, bio, city, interests on public.profiles
  for each statement when (current_user = 'authenticated') execute function private.limit_profile_changes();

create trigger limit_changes before update of onboarding_completed, onboarding_answers, auto_offline_after on public.profile_private
  for each statement when (current_user = 'authenticated') execute function private.limit_profile_changes();

create function private.make_profile(p_user_id uuid, p_full_name text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_made integer;
begin
  insert into public.profiles (id, full_name) values (p_user_id, left(private.tidy_line(left(p_full_name, 400)), 80))
  on conflict (id) do nothing;
  get diagnostics v_made = row_count;
  insert into public.profile_private (user_id) values (p_user_id) on conflict (user_id) do nothing;
  return v_made > 0;
end;
$$;

comment on function private.make_profile(uuid, text) is 'Makes what a user''s profile lacks. Whether there was none.';

create function private.handle_new_user()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.make_profile(new.id, coalesce(new.raw_user_meta_data ->> 'full_name', new.raw_user_meta_data ->> 'name'));
  return null;
exception when others then
  -- Nobody is kept from signing up: ensure_profile makes what is missing.
  raise warning 'No profile was made for a new user: % (%)', sqlerrm, sqlstate;
  return null;
end;
$$;

comment on function private.handle_new_user() is 'Makes the profile of who signs up. Never fails, as the sign-up would fail with it.';

do $$
begin
  create or replace trigger handle_new_user after insert on auth.users
    for each row execute function private.handle_new_user();
exception
  when undefined_table or insufficient_privilege or invalid_schema_name then
    raise notice 'auth.users takes no trigger here: profiles are made by ensure_profile() alone';
end;
$$;

-- Who signed up before this migration.
insert into public.profiles (id, full_name)
select id, left(private.tidy_line(left(coalesce(raw_user_meta_data ->> 'full_name', raw_user_meta_data ->> 'name'), 400)), 80)
from auth.users;
insert into public.profile_private (user_id) select id from public.profiles;

create function public.ensure_profile()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_name text;
  v_is_new boolean := false;
begin
  if not exists (
    select from public.profiles join public.profile_private on user_id = id where id = v_user_id)
  then
    select coalesce(raw_user_meta_data ->> 'full_name', raw_user_meta_data ->> 'name') into v_name
    from auth.users where id = v_user_id for key share;
    if not found then
      return private.community_refusal('not_found', 'This account was deleted');
    end if;
    v_is_new := private.make_profile(v_user_id, v_name);
  end if;
  return private.community_done(jsonb_build_object('is_new', v_is_new,
    'profile', (select to_jsonb(profiles) from public.profiles where id = v_user_id)));
end;
$$;

comment on function public.ensure_profile() is
  'Makes the caller''s profile if there is none. May be repeated. Returns success, error, is_new, profile. Errors: not_found '
  '(the account was deleted).';

create function public.block_user(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_blocker constant uuid := (select auth.uid());
  v_refusal jsonb;
begin
  if (p_user_id <> v_blocker) is not true then
    return private.community_refusal('invalid_request', 'Expected is the id of another user');
  end if;
  v_refusal := private.community_limit(v_blocker, 'block_user', 120, 3600);
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- The limit's row stays locked: a user's calls are counted one after the other.
  if (select count(*) from private.user_blocks where blocker_id = v_blocker) >= 1000
    and not exists (select from private.user_blocks where blocker_id = v_blocker and blocked_id = p_user_id)
  then
    return private.community_refusal('limit_reached', 'You have blocked as many as one may block');
  end if;
  -- In one order, as two who block each other each need both rows.
  perform from public.profiles where id in (v_blocker, p_user_id) order by id for key share;
  insert into private.user_blocks (blocker_id, blocked_id)
  select v_blocker, p_user_id
  where (select count(*) from public.profiles where id in (v_blocker, p_user_id)) = 2
  on conflict do nothing;
  if not exists (select from private.user_blocks where blocker_id = v_blocker and blocked_id = p_user_id) then
    return private.community_refusal('not_found', 'There is no such user');
  end if;
  return private.community_done();
end;
$$;

comment on function public.block_user(uuid) is
  'Keeps a user''s replies and reactions from the caller, and the caller''s from it. The other is not told. May be repeated. '
  'Errors: invalid_request, not_found, limit_reached (1,000), rate_limited.';

create function public.unblock_user(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from private.user_blocks where blocker_id = (select auth.uid()) and blocked_id = p_user_id;
  return private.community_done();
end;
$$;

comment on function public.unblock_user(uuid) is 'Takes the caller''s block of a user back. May be repeated.';

create function public.my_blocks()
returns table (user_id uuid, full_name text, avatar_url text, blocked_at timestamptz)
language sql
stable
security definer
set search_path = ''
as $$
  select profiles.id, profiles.full_name, profiles.avatar_url, blocks.created_at
  from private.user_blocks as blocks
  join public.profiles on profiles.id = blocks.blocked_id
  where blocks.blocker_id = (select auth.uid())
  order by blocks.created_at desc, profiles.id;
$$;

comment on function public.my_blocks() is 'Whom the caller has blocked, the latest first, at most 1,000.';

create function private.forget_profile(p_user_id uuid)
returns void
language sql
set search_path = ''
as $$
  delete from public.profiles where id = p_user_id;
$$;

comment on function private.forget_profile(uuid) is
  'A part of forget_user: what a user showed, its private part, its blocks and the blocks of it.';

create function private.export_profile(p_user_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'profile', (select to_jsonb(profiles) from public.profiles where id = p_user_id),
    'private', (select to_jsonb(own) from public.profile_private as own where user_id = p_user_id),
    'blocks', (
      select coalesce(jsonb_agg(jsonb_build_object('user_id', blocked_id, 'created_at', created_at) order by created_at, blocked_id), '[]')
      from private.user_blocks where blocker_id = p_user_id));
$$;

comment on function private.export_profile(uuid) is
  'A part of export_user_data: what a user shows, its private part, and whom it has blocked.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.profiles to anon, authenticated, service_role;
grant update (full_name, bio, city, interests) on public.profiles to authenticated;

grant select on public.profile_private to authenticated, service_role;
grant update (onboarding_completed, onboarding_answers, auto_offline_after) on public.profile_private to authenticated;
grant update (conversion_triggers) on public.profile_private to service_role;

revoke execute on function
  private.are_interests(text[]),
  private.my_blocked_ids(),
  private.community_refusal(text, text),
  private.community_done(jsonb),
  private.community_limit(uuid, text, integer, integer),
  private.without_unseen(text),
  private.tidy_line(text),
  private.tidy_text(text),
  private.tidy_profile(),
  private.limit_profile_changes(),
  private.make_profile(uuid, text),
  private.handle_new_user(),
  private.forget_profile(uuid),
  private.export_profile(uuid),
  public.ensure_profile(),
  public.block_user(uuid),
  public.unblock_user(uuid),
  public.my_blocks()
from public, anon, authenticated;

-- Checks of tables and triggers run as who changes the row.
grant execute on function private.my_blocked_ids(), private.are_interests(text[]) to authenticated;

grant execute on function
  public.ensure_profile(),
  public.block_user(uuid),
  public.unblock_user(uuid),
  public.my_blocks()
to authenticated;

-- User data -----------------------------------------------------------------------------------------------------

-- By its name after the parts of salons and messages, which need to know who it was.
insert into private.user_data (name, forget, export, description)
values ('user_profiles', 'forget_profile', 'export_profile', 'What users show of themselves, and whom they have blocked');
