-- What salons and messages show together: the caller's salons with what is unread in them, and all salons with their messages
-- of today.

-- Functions: what the views ask ----------------------------------------------------------------------------------

create function private.my_salon_activity()
returns table (
  salon_id uuid,
  message_count bigint,
  last_message_at timestamptz,
  last_seq bigint,
  last_read_seq bigint,
  unread_count integer,
  last_seen_at timestamptz
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select streams.salon_id, streams.message_count, unread.last_message_at, unread.last_seq, unread.last_read_seq,
    unread.unread, reads.read_at
  from public.unread_counts() as unread
  join private.salon_streams as streams on streams.salon_id = unread.salon_id
  join private.message_reads as reads on reads.salon_id = unread.salon_id and reads.user_id = (select auth.uid());
end;
$$;

comment on function private.my_salon_activity() is
  'For each salon of the caller how far its messages have come, and the caller in reading them; for views: to be joined, not '
  'asked for each row.';

-- Policies ------------------------------------------------------------------------------------------------------

-- Read by a view with the rights of its reader, as a table: a function would be called for each row.
create policy "who sees a salon sees how much is said in it" on private.salon_streams for select to authenticated
  using (exists (select from public.salons where salons.id = salon_id));

-- Views ---------------------------------------------------------------------------------------------------------

create or replace view public.my_salons
with (security_invoker = true)
as
select salons.id, salons.name, salons.description, salons.avatar_url, salons.category, salons.city, salons.color_theme,
  salons.owner_id, codes.share_code, salons.visibility, salons.is_active, salons.archived_at, salons.member_count,
  salons.slow_mode_s, salons.created_at, salons.updated_at, members.role, members.joined_at, members.notifications_enabled,
  members.muted_until, activity.message_count, activity.last_message_at, activity.last_seq, activity.last_read_seq,
  activity.unread_count, activity.last_seen_at
from public.salon_members as members
join public.salons on salons.id = members.salon_id
left join private.my_salon_codes() as codes on codes.salon_id = members.salon_id
left join private.my_salon_activity() as activity on activity.salon_id = members.salon_id
where members.user_id = (select auth.uid());

comment on column public.my_salons.message_count is 'How many messages it has.';
comment on column public.my_salons.last_message_at is 'When the newest one was sent.';
comment on column public.my_salons.last_seq is 'The number of the newest one.';
comment on column public.my_salons.last_read_seq is 'The number of the last one that the caller has read.';
comment on column public.my_salons.unread_count is 'How many it has not read, up to 100.';
comment on column public.my_salons.last_seen_at is 'When the caller read it last.';

create or replace view public.salons_with_details
with (security_invoker = true)
as
select salons.id, salons.name, salons.description, salons.avatar_url, salons.category, salons.city, salons.color_theme,
  salons.owner_id, codes.share_code, salons.visibility, salons.is_active, salons.archived_at, salons.member_count,
  salons.slow_mode_s, salons.created_at, salons.updated_at, owners.full_name as owner_name,
  owners.avatar_url as owner_avatar, salons.member_count as actual_member_count,
  streams.message_count,
  case when streams.day = (now() at time zone 'UTC')::date then streams.day_count else 0 end as messages_today
from public.salons
left join private.salon_streams as streams on streams.salon_id = salons.id
left join public.profiles as owners on owners.id = salons.owner_id
left join private.my_salon_codes() as codes on codes.salon_id = salons.id;

comment on column public.salons_with_details.message_count is 'How many messages it has.';
comment on column public.salons_with_details.messages_today is 'How many were sent in it today (UTC), also if they were deleted since.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select (salon_id, message_count, day, day_count) on private.salon_streams to authenticated;

revoke execute on function
  private.my_salon_activity()
from public, anon, authenticated;

-- Asked by views, with the rights of who reads, as those of policies are.
grant execute on function
  private.my_salon_activity()
to authenticated;
