-- Reading salons: the directory of public ones, one's own, who is in one; the audit of all; and what is kept of a user.

-- Functions: lists ----------------------------------------------------------------------------------------------

create function private.my_salon_codes()
returns table (salon_id uuid, share_code text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select codes.salon_id, codes.code
  from public.salon_members as members
  join private.salon_codes as codes on codes.salon_id = members.salon_id
  where members.user_id = (select auth.uid());
end;
$$;

comment on function private.my_salon_codes() is 'The share codes of the caller''s salons, for views: to be joined, not asked for each row.';

create function public.list_public_salons(
  p_category text default null,
  p_city text default null,
  p_after text default null,
  p_limit integer default 50
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_category constant text := lower(btrim(p_category));
  v_city constant text := lower(btrim(p_city));
  v_limit constant integer := least(greatest(coalesce(p_limit, 50), 1), 100);
  v_created_at timestamptz;
  v_id uuid;
  v_salons jsonb;
  v_next text;
begin
  if p_after is not null then
    -- Microseconds and id, both exact: rows of the same moment are neither lost nor shown twice.
    if p_after !~ '^\d{1,16}[.][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
      return jsonb_build_object('success', false, 'error', 'invalid_request',
        'message', 'p_after is next_after of the page before');
    end if;
    v_created_at := timestamptz 'epoch' + split_part(p_after, '.', 1)::bigint * interval '1 microsecond';
    v_id := split_part(p_after, '.', 2)::uuid;
  end if;
  -- One statement for each index: a plan for all cases at once would use none.
  execute format(
    'select jsonb_agg(jsonb_build_object(''id'', page.id, ''name'', page.name, ''description'', page.description,
       ''avatar_url'', page.avatar_url, ''category'', page.category, ''city'', page.city, ''color_theme'', page.color_theme,
       ''owner_id'', page.owner_id, ''owner_name'', profiles.full_name, ''owner_avatar'', profiles.avatar_url,
       ''member_count'', page.member_count, ''created_at'', page.created_at)
       order by page.created_at desc, page.id desc),
       (array_agg(trunc(extract(epoch from page.created_at) * 1000000)::bigint || ''.'' || page.id
         order by page.created_at, page.id))[1]
     from (
       select * from public.salons
       where visibility = ''public'' and is_active %s %s %s
       order by created_at desc, id desc limit $5
     ) as page
     left join public.profiles on profiles.id = page.owner_id',
    case when v_category <> '' then 'and category = $1' end,
    case when v_city <> '' then 'and lower(city) = $2' end,
    case when v_id is not null then 'and (created_at, id) < ($3, $4)' end)
  into v_salons, v_next
  using v_category, v_city, v_created_at, v_id, v_limit;
  return jsonb_build_object('success', true, 'error', null, 'salons', coalesce(v_salons, '[]'),
    'next_after', case when jsonb_array_length(v_salons) = v_limit then v_next end);
end;
$$;

comment on function public.list_public_salons(text, text, text, integer) is
  'The directory: a page of public salons, the newest first, of a category, of a city in whatever case, or of both. '
  'p_after: next_after of the page before. Returns success, error, salons, next_after (null at the end).';

create function public.list_salon_members(p_salon_id uuid, p_after uuid default null, p_limit integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(coalesce(p_limit, 100), 1), 500);
  v_members jsonb;
begin
  select jsonb_agg(jsonb_build_object('user_id', page.user_id, 'role', page.role, 'joined_at', page.joined_at,
    'muted_until', page.muted_until, 'full_name', profiles.full_name, 'avatar_url', profiles.avatar_url)
    order by page.user_id)
  into v_members
  from (
    select * from public.salon_members
    where salon_id = p_salon_id and (p_after is null or user_id > p_after)
    order by user_id limit v_limit
  ) as page
  left join public.profiles on profiles.id = page.user_id;
  return jsonb_build_object('success', true, 'error', null, 'members', coalesce(v_members, '[]'),
    'next_after', case when jsonb_array_length(v_members) = v_limit then v_members #> '{-1,user_id}' end);
end;
$$;

comment on function public.list_salon_members(uuid, uuid, integer) is
  'Who is in one of the caller''s salons, by user, with name and picture: up to p_limit after p_after (next_after of the page '
  'before). Nobody for who is no member. Returns success, error, members, next_after (null at the end).';

-- Views ---------------------------------------------------------------------------------------------------------

create view public.my_salons
with (security_invoker = true)
as
select salons.id, salons.name, salons.description, salons.avatar_url, salons.category, salons.city, salons.color_theme,
  salons.owner_id, codes.share_code, salons.visibility, salons.is_active, salons.archived_at, salons.member_count,
  salons.slow_mode_s, salons.created_at, salons.updated_at, members.role, members.joined_at, members.notifications_enabled,
  members.muted_until
from public.salon_members as members
join public.salons on salons.id = members.salon_id
left join private.my_salon_codes() as codes on codes.salon_id = members.salon_id
where members.user_id = (select auth.uid());

comment on view public.my_salons is 'The caller''s salons, with its role in each and the code to pass on.';
comment on column public.my_salons.name is 'For people.';
comment on column public.my_salons.description is 'What it is about.';
comment on column public.my_salons.avatar_url is 'The address of its picture.';
comment on column public.my_salons.category is 'By which the directory finds it.';
comment on column public.my_salons.city is 'By which the directory finds it.';
comment on column public.my_salons.color_theme is 'The color of its page: #RRGGBB.';
comment on column public.my_salons.owner_id is 'The member with the role owner.';
comment on column public.my_salons.share_code is 'The code by which others join: join_salon_via_code.';
comment on column public.my_salons.visibility is 'public or private.';
comment on column public.my_salons.is_active is 'False once it is archived.';
comment on column public.my_salons.archived_at is 'Since when it can only be read.';
comment on column public.my_salons.member_count is 'How many members it has.';
comment on column public.my_salons.slow_mode_s is 'How long a member waits between two messages, in seconds.';
comment on column public.my_salons.role is 'The caller''s role: owner, moderator or member.';
comment on column public.my_salons.joined_at is 'When the caller came, the last time.';
comment on column public.my_salons.notifications_enabled is 'Whether the caller wants to hear of its messages.';
comment on column public.my_salons.muted_until is 'Until then the caller may not write; infinity: until it is lifted.';

create view public.salons_with_details
with (security_invoker = true)
as
select salons.id, salons.name, salons.description, salons.avatar_url, salons.category, salons.city, salons.color_theme,
  salons.owner_id, codes.share_code, salons.visibility, salons.is_active, salons.archived_at, salons.member_count,
  salons.slow_mode_s, salons.created_at, salons.updated_at, owners.full_name as owner_name,
  owners.avatar_url as owner_avatar, salons.member_count as actual_member_count
from public.salons
left join public.profiles as owners on owners.id = salons.owner_id
left join private.my_salon_codes() as codes on codes.salon_id = salons.id;

comment on view public.salons_with_details is 'The salons that the caller may see, with their owners'' names.';
comment on column public.salons_with_details.name is 'For people.';
comment on column public.salons_with_details.description is 'What it is about.';
comment on column public.salons_with_details.avatar_url is 'The address of its picture.';
comment on column public.salons_with_details.category is 'By which the directory finds it.';
comment on column public.salons_with_details.city is 'By which the directory finds it.';
comment on column public.salons_with_details.color_theme is 'The color of its page: #RRGGBB.';
comment on column public.salons_with_details.owner_id is 'The member with the role owner.';
comment on column public.salons_with_details.share_code is 'The code by which others join; null for who is no member.';
comment on column public.salons_with_details.visibility is 'public or private.';
comment on column public.salons_with_details.is_active is 'False once it is archived.';
comment on column public.salons_with_details.archived_at is 'Since when it can only be read.';
comment on column public.salons_with_details.member_count is 'How many members it has.';
comment on column public.salons_with_details.slow_mode_s is 'How long a member waits between two messages, in seconds.';
comment on column public.salons_with_details.owner_name is 'The owner''s name.';
comment on column public.salons_with_details.owner_avatar is 'The address of the owner''s picture.';
comment on column public.salons_with_details.actual_member_count is 'The same as member_count, which is right, for earlier clients.';

-- Functions: audit ----------------------------------------------------------------------------------------------

create function private.verify_salons()
returns table (invariant text, subject text, details jsonb)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with counted as (
    select members.salon_id, count(*)::integer as members, count(*) filter (where members.role = 'owner') as owners,
      (array_agg(members.user_id) filter (where members.role = 'owner'))[1] as owner_id
    from public.salon_members as members
    group by members.salon_id
  )
  select 'member_count is the number of members', salons.id::text,
    jsonb_build_object('member_count', salons.member_count, 'members', coalesce(counted.members, 0))
  from public.salons
  left join counted on counted.salon_id = salons.id
  where salons.member_count <> coalesce(counted.members, 0)
  union all
  select 'a salon has one owner, the member of that role', salons.id::text,
    jsonb_build_object('owner_id', salons.owner_id, 'owners', coalesce(counted.owners, 0), 'member', counted.owner_id)
  from public.salons
  left join counted on counted.salon_id = salons.id
  where salons.deleted_at is null
    and (coalesce(counted.owners, 0) <> 1 or salons.owner_id is distinct from counted.owner_id)
  union all
  select 'a deleted salon has no members and no code', salons.id::text, jsonb_build_object('deleted_at', salons.deleted_at)
  from public.salons
  where salons.deleted_at is not null and (
    exists (select from public.salon_members as members where members.salon_id = salons.id)
    or exists (select from private.salon_codes as codes where codes.salon_id = salons.id)
    or exists (select from private.salon_invitations as invitations where invitations.salon_id = salons.id))
  union all
  select 'a salon has a share code', salons.id::text, '{}'::jsonb
  from public.salons
  where salons.deleted_at is null and not exists (
    select from private.salon_codes as codes where codes.salon_id = salons.id)
  union all
  select 'whoever is banned is no member', members.salon_id::text,
    jsonb_build_object('user_id', members.user_id, 'until', bans.until)
  from public.salon_members as members
  join private.salon_bans as bans on bans.salon_id = members.salon_id and bans.user_id = members.user_id
  where bans.until > now()
  union all
  select 'a member is not remembered as gone', members.salon_id::text, jsonb_build_object('user_id', members.user_id)
  from public.salon_members as members
  join private.salon_absences as absences
    on absences.salon_id = members.salon_id and absences.user_id = members.user_id
  union all
  select 'an invitation is by the owner or a moderator', invitations.salon_id::text,
    jsonb_build_object('invitation_id', invitations.id, 'created_by', invitations.created_by)
  from private.salon_invitations as invitations
  where not exists (
    select from public.salon_members as members
    where members.salon_id = invitations.salon_id and members.user_id = invitations.created_by
      and members.role in ('owner', 'moderator'))
  union all
  select 'a member has an account', members.salon_id::text, jsonb_build_object('user_id', members.user_id)
  from public.salon_members as members
  where not exists (select from auth.users where users.id = members.user_id);
end;
$$;

comment on function private.verify_salons() is 'One row for each invariant of salons that is broken: a part of verify_community().';

create function public.verify_community()
returns table (invariant text, subject text, details jsonb)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query select * from private.verify_salons();
end;
$$;

comment on function public.verify_community() is
  'One row for each broken invariant of the community; none on a healthy database. Reads everything.';

create function private.audit_community()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('problems', count(*),
      'first', coalesce(jsonb_agg(to_jsonb(broken) - 'number') filter (where broken.number <= 20), '[]'))
    from (select verified.*, row_number() over () as number from public.verify_community() as verified) as broken);
end;
$$;

comment on function private.audit_community() is
  'Runs verify_community: how many problems there are, and the first 20. To be run once a night.';

-- Functions: user data ------------------------------------------------------------------------------------------

create function private.forget_salons(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_salon_id uuid;
  v_heir uuid;
begin
  perform private.lock_my_salons(p_user_id);
  -- At most memberships_per_user of them; in the order of their ids, as others who are forgotten meanwhile.
  for v_salon_id in
    select salon_id from public.salon_members where user_id = p_user_id order by salon_id
  loop
    perform private.lock_salon(v_salon_id);
    if private.role_in_salon(v_salon_id, p_user_id) = 'owner' then
      select user_id into v_heir from public.salon_members
      where salon_id = v_salon_id and user_id <> p_user_id
      order by role = 'moderator' desc, coalesce(muted_until > clock_timestamp(), false), joined_at, user_id
      limit 1;
      if found then
        perform private.make_owner(v_salon_id, v_heir);
      else
        perform private.close_salon_of(v_salon_id);
      end if;
    end if;
    perform private.end_salon_membership(v_salon_id, p_user_id, false);
  end loop;
  -- In one order, too, in which the deletion of a salon's rows comes to them: those of two users may be the same.
  perform from private.salon_bans where user_id = p_user_id or banned_by = p_user_id order by salon_id, user_id for update;
  delete from private.salon_bans where user_id = p_user_id;
  update private.salon_bans set banned_by = null where banned_by = p_user_id;
  delete from private.salon_absences where user_id = p_user_id;
  delete from private.salon_invitations where created_by = p_user_id;
  update private.salon_codes set salon_made_by = null where salon_made_by = p_user_id;
  perform from private.salon_decisions where actor_id = p_user_id or subject_id = p_user_id order by id for update;
  update private.salon_decisions set actor_id = null where actor_id = p_user_id;
  update private.salon_decisions set subject_id = null, reason = null where subject_id = p_user_id;
  update private.salon_words set added_by = null where added_by = p_user_id;
  perform private.forget_rate_limits(array['salon codes ' || p_user_id]);
end;
$$;

comment on function private.forget_salons(uuid) is
  'A part of forget_user: takes a user out of its salons. What it owned goes to the moderator who has been there longest, else '
  'to the member; where there is neither, the salon is deleted.';

create function private.export_salons(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'salons', (
      select coalesce(jsonb_agg(jsonb_build_object('salon_id', salons.id, 'name', salons.name, 'role', members.role,
        'joined_at', members.joined_at, 'notifications_enabled', members.notifications_enabled,
        'muted_until', members.muted_until) order by members.joined_at, salons.id), '[]')
      from public.salon_members as members
      join public.salons on salons.id = members.salon_id
      where members.user_id = p_user_id),
    'invitations', (
      select coalesce(jsonb_agg(jsonb_build_object('salon_id', salon_id, 'max_uses', max_uses, 'uses', uses,
        'created_at', created_at, 'expires_at', expires_at) order by created_at, id), '[]')
      from (select * from private.salon_invitations where created_by = p_user_id order by created_at, id limit 10000) as made),
    'bans', (
      select coalesce(jsonb_agg(jsonb_build_object('salon_id', salon_id, 'until', until, 'reason', reason,
        'created_at', created_at) order by created_at, salon_id), '[]')
      from (select * from private.salon_bans where user_id = p_user_id order by created_at, salon_id limit 10000) as kept_out),
    'removals', (
      select coalesce(jsonb_agg(jsonb_build_object('salon_id', salon_id, 'removed_at', removed_at,
        'muted_until', muted_until) order by salon_id), '[]')
      from (select * from private.salon_absences where user_id = p_user_id order by salon_id limit 10000) as gone),
    'decisions', (
      select coalesce(jsonb_agg(jsonb_build_object('salon_id', salon_id, 'action', action,
        'is_by_user', actor_id is not distinct from p_user_id, 'reason', reason, 'details', details,
        'created_at', created_at) order by id), '[]')
      from (
        select * from private.salon_decisions
        -- That somebody reported the user is not the user's.
        where actor_id = p_user_id or (subject_id = p_user_id and action not like 'report\_%')
        order by id desc limit 10000
      ) as decided));
end;
$$;

comment on function private.export_salons(uuid) is
  'A part of export_user_data: a user''s salons, and what it decided and what was decided about it, the latest 10,000 of each.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.my_salons, public.salons_with_details to authenticated;

revoke execute on function
  private.my_salon_codes(),
  private.verify_salons(),
  private.audit_community(),
  private.forget_salons(uuid),
  private.export_salons(uuid),
  public.list_public_salons(text, text, text, integer),
  public.list_salon_members(uuid, uuid, integer),
  public.verify_community()
from public, anon, authenticated;

-- Asked by views, with the rights of who reads, as those of policies are.
grant execute on function private.my_salon_codes() to authenticated;

grant execute on function
  public.list_public_salons(text, text, text, integer),
  public.list_salon_members(uuid, uuid, integer)
to authenticated;

grant execute on function public.verify_community() to service_role;

-- User data -----------------------------------------------------------------------------------------------------

-- Before the part of messages, in the order of names: it has the user's memberships locked, then the salons, as who joins.
insert into private.user_data (name, forget, export, description)
values ('memberships', 'forget_salons', 'export_salons', 'In which salons a user is, and what was decided by it and about it');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('audit_community', '45 3 * * *', 'sql', 'private.audit_community', false, '{"problems": 0}', 600000, '2 days',
    'Checks every invariant of the community');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform set_config('enable_bitmapscan', 'off', true);
  perform 1 from public.salons where visibility = 'public' and is_active order by created_at desc, id desc limit 1;
  perform 1 from public.salons where visibility = 'public' and is_active and category = ''
    order by created_at desc, id desc limit 1;
  perform 1 from public.salons where visibility = 'public' and is_active and lower(city) = ''
    order by created_at desc, id desc limit 1;
  perform 1 from public.salons where visibility = 'public' and is_active and lower(city) = '' and category = ''
    order by created_at desc, id desc limit 1;
end;
$$;
