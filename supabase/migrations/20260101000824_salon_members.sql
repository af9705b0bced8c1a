-- Who is in a salon, and the one question that policies ask: may the caller see what is in it?
--
-- Rows come and go under the lock of their salon's row. Who was banned has no row.

-- Tables --------------------------------------------------------------------------------------------------------

create table public.salon_members (
  salon_id uuid not null,
  user_id uuid not null,
  role text not null default 'member',
  joined_at timestamptz not null default now(),
  notifications_enabled boolean not null default true,
  muted_until timestamptz,
  constraint salon_members_pkey primary key (salon_id, user_id),
  constraint salon_members_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint salon_members_role_known check (role in ('owner', 'moderator', 'member'))
);

create index salon_members_user_id_idx on public.salon_members (user_id);
create unique index salon_members_one_owner on public.salon_members (salon_id) where role = 'owner';

comment on table public.salon_members is 'Who is in which salon, for those who are in it, too. Written by functions, but for one''s own notifications.';
comment on column public.salon_members.salon_id is 'The salon.';
comment on column public.salon_members.role is
  'owner: everything, one a salon. moderator: mutes, kicks and bans members, deletes messages. member: takes part.';
comment on column public.salon_members.joined_at is 'When the member came, the last time.';
comment on column public.salon_members.notifications_enabled is 'Whether the member wants to hear of messages; its own choice.';
comment on column public.salon_members.muted_until is 'Until then the member may not write, and is told so; infinity: until it is lifted.';

-- Functions: what policies ask ----------------------------------------------------------------------------------

create function private.my_salon_ids()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return array(select salon_id from public.salon_members where user_id = (select auth.uid()));
end;
$$;

comment on function private.my_salon_ids() is 'The salons that the caller is a member of, for policies on lists.';

create function private.is_salon_member(p_salon_id uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return exists (select from public.salon_members where salon_id = p_salon_id and user_id = (select auth.uid()));
end;
$$;

comment on function private.is_salon_member(uuid) is 'Whether the caller is a member of a salon.';

create function private.salon_role(p_salon_id uuid)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (select role from public.salon_members where salon_id = p_salon_id and user_id = (select auth.uid()));
end;
$$;

comment on function private.salon_role(uuid) is 'The caller''s role in a salon; null for who is no member, and for a salon that there is not.';

-- Functions: counting -------------------------------------------------------------------------------------------

create function private.count_new_members()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.salons
  set member_count = salons.member_count + added.count
  from (select salon_id, count(*)::integer as count from new_members group by salon_id) as added
  where salons.id = added.salon_id;
  return null;
end;
$$;

comment on function private.count_new_members() is 'Counts new rows of salon_members in their salons, whoever made them.';

create function private.count_gone_members()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.salons
  set member_count = salons.member_count - gone.count
  from (select salon_id, count(*)::integer as count from gone_members group by salon_id) as gone
  where salons.id = gone.salon_id;
  return null;
end;
$$;

comment on function private.count_gone_members() is 'Counts deleted rows of salon_members in their salons, whoever deleted them.';

create trigger count_new_members after insert on public.salon_members
  referencing new table as new_members
  for each statement execute function private.count_new_members();

create trigger count_gone_members after delete on public.salon_members
  referencing old table as gone_members
  for each statement execute function private.count_gone_members();

create function private.lock_my_memberships()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- In the order of all who lock several: the statement itself would lock them as they lie.
  perform from public.salon_members where user_id = (select auth.uid()) order by salon_id for no key update;
  return null;
end;
$$;

comment on function private.lock_my_memberships() is
  'Locks a user''s memberships by salon, before a statement of its own changes several of them.';

create trigger lock_my_memberships before update of notifications_enabled on public.salon_members
  for each statement when (current_user = 'authenticated') execute function private.lock_my_memberships();

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.salon_members enable row level security;

create policy "members see who is in their salons" on public.salon_members for select to authenticated
  using (salon_id = any((select private.my_salon_ids())::uuid[]));
-- Which column: see the grants.
create policy "members choose their notifications" on public.salon_members for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "servers read members" on public.salon_members for select to service_role using (true);

create policy "users see public salons and their own" on public.salons for select to authenticated
  using ((visibility = 'public' and is_active) or id = any((select private.my_salon_ids())::uuid[]));

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.salon_members to authenticated, service_role;
grant update (notifications_enabled) on public.salon_members to authenticated;

revoke execute on function
  private.my_salon_ids(),
  private.is_salon_member(uuid),
  private.salon_role(uuid),
  private.count_new_members(),
  private.count_gone_members(),
  private.lock_my_memberships()
from public, anon, authenticated;

-- Asked by policies, with the rights of who reads: these need no way into the schema, which stays closed. They take no user
-- from their caller.
grant execute on function
  private.my_salon_ids(),
  private.is_salon_member(uuid),
  private.salon_role(uuid)
to authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.salon_members where user_id = gen_random_uuid();
  perform 1 from public.salon_members where salon_id = gen_random_uuid() and role = 'owner';
end;
$$;
