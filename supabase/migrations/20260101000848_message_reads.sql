-- What each member has read, and so how much is unread.
--
-- In a table of its own, which nothing publishes: who listens to the members of a salon would else be told of each message
-- that one of them reads.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.message_reads (
  user_id uuid not null,
  salon_id uuid not null,
  last_read_seq bigint not null default 0,
  read_at timestamptz not null default clock_timestamp(),
  constraint message_reads_pkey primary key (user_id, salon_id),
  constraint message_reads_member_fkey foreign key (salon_id, user_id)
    references public.salon_members (salon_id, user_id) on delete cascade,
  constraint message_reads_not_negative check (last_read_seq >= 0)
) with (fillfactor = 70); -- Each reading rewrites a row.

create index message_reads_salon_id_idx on private.message_reads (salon_id, user_id);

comment on table private.message_reads is 'How far each member has read; shown to that one alone.';
comment on column private.message_reads.user_id is 'The member.';
comment on column private.message_reads.salon_id is 'The salon.';
comment on column private.message_reads.last_read_seq is
  'The number of the last message that it has read; only rises. At first the newest one when it joined. Who writes has read what '
  'it wrote, if it had read all before.';
comment on column private.message_reads.read_at is 'When that was.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.message_reads enable row level security;

create policy "nobody but the functions" on private.message_reads using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.begin_reading()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.message_reads (user_id, salon_id, last_read_seq)
  select new_members.user_id, new_members.salon_id, streams.last_seq
  from new_members
  join private.salon_streams as streams on streams.salon_id = new_members.salon_id;
  return null;
end;
$$;

comment on function private.begin_reading() is 'What was written before a member came is not unread.';

create trigger begin_reading after insert on public.salon_members
  referencing new table as new_members
  for each statement execute function private.begin_reading();

create function private.read_own_messages()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.message_reads as reads
  set last_read_seq = sent.seq, read_at = clock_timestamp()
  from sent
  where reads.user_id = sent.user_id and reads.salon_id = sent.salon_id and reads.last_read_seq = sent.seq - 1;
  return null;
end;
$$;

comment on function private.read_own_messages() is
  'Who had read all before has read what it writes: else the own messages that each count steps over become more and more.';

create trigger read_own_messages after insert on public.chat_messages
  referencing new table as sent
  for each statement execute function private.read_own_messages();

insert into private.message_reads (user_id, salon_id)
select user_id, salon_id from public.salon_members;

create function private.count_unread(
  p_user_id uuid,
  p_salon_id uuid,
  p_after bigint,
  p_hidden uuid[],
  p_blocked uuid[]
)
returns integer
language sql
stable
set search_path = ''
as $$
  select count(*)::integer
  from (
    select
    from (
      select user_id, reply_to_user_id from public.chat_messages
      where salon_id = p_salon_id and seq > p_after and not is_deleted
      order by seq limit 1000
    ) as next
    where (user_id = p_user_id or user_id = any(p_hidden)) is not true
      and (reply_to_user_id = p_user_id and user_id = any(p_blocked)) is not true
    limit 100
  ) as unread;
$$;

comment on function private.count_unread(uuid, uuid, bigint, uuid[], uuid[]) is
  'How many messages after a number a user has not read, up to 100: neither its own, nor deleted ones, nor those that a block '
  'keeps from it. It looks at the next thousand: whoever writes much makes it no slower.';

create function public.mark_read(p_salon_id uuid, p_seq bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_refusal jsonb;
  v_place private.salon_place;
  v_last_seq bigint;
  v_seq bigint;
begin
  if p_seq is null or p_seq < 0 then
    return private.community_refusal('invalid_request', 'Expected are a salon and the number of a message');
  end if;
  v_refusal := private.community_limit(v_user_id, 'messages/read', 240, 60);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_place := private.enter_salon(p_salon_id);
  if v_place.role is null then
    return private.community_refusal('not_found', 'There is no such salon among yours');
  end if;
  select last_seq into v_last_seq from private.salon_streams where salon_id = p_salon_id;
  -- Never back, and never beyond what there is: a message that comes later is unread, whatever was said before it.
  update private.message_reads
  set last_read_seq = least(p_seq, v_last_seq), read_at = clock_timestamp()
  where user_id = v_user_id and salon_id = p_salon_id and last_read_seq < least(p_seq, v_last_seq);
  select last_read_seq into v_seq from private.message_reads where user_id = v_user_id and salon_id = p_salon_id;
  return private.community_done(jsonb_build_object('last_read_seq', v_seq,
    'unread', private.count_unread(v_user_id, p_salon_id, v_seq, private.authors_not_shown(),
      private.my_blocked_ids())));
end;
$$;

comment on function public.mark_read(uuid, bigint) is
  'Notes that the caller has read a salon up to a message. A lower number than before changes nothing. Returns success, error, '
  'last_read_seq, unread (up to 100). Errors: invalid_request, not_found, rate_limited.';

create function public.unread_counts()
returns table (salon_id uuid, unread integer, last_seq bigint, last_read_seq bigint, last_message_at timestamptz)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_hidden constant uuid[] := private.authors_not_shown();
  v_blocked constant uuid[] := private.my_blocked_ids();
begin
  -- Counted here and not by count_unread: 200 calls of a function take longer than the counting.
  return query
  select reads.salon_id, counted.unread, streams.last_seq, reads.last_read_seq, streams.last_message_at
  from private.message_reads as reads
  join private.salon_streams as streams on streams.salon_id = reads.salon_id
  cross join lateral (
    select count(*)::integer as unread
    from (
      select
      from (
        select next.user_id, next.reply_to_user_id from public.chat_messages as next
        where next.salon_id = reads.salon_id and next.seq > reads.last_read_seq and not next.is_deleted
        order by next.seq limit 1000
      ) as messages
      where (messages.user_id = v_user_id or messages.user_id = any(v_hidden)) is not true
        and (messages.reply_to_user_id = v_user_id and messages.user_id = any(v_blocked)) is not true
      limit 100
    ) as newer
  ) as counted
  where reads.user_id = v_user_id
  order by streams.last_message_at desc nulls last, reads.salon_id;
end;
$$;

comment on function public.unread_counts() is
  'For each salon of the caller how many messages it has not read, up to 100, the salon with the newest message first. Own and '
  'deleted messages, and those that a block keeps from the caller, do not count. Of each salon it looks at the next thousand.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.begin_reading(),
  private.read_own_messages(),
  private.count_unread(uuid, uuid, bigint, uuid[], uuid[]),
  public.mark_read(uuid, bigint),
  public.unread_counts()
from public, anon, authenticated;

grant execute on function
  public.mark_read(uuid, bigint),
  public.unread_counts()
to authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.message_reads where salon_id = gen_random_uuid();
end;
$$;
