-- Messages of users who are forgotten or ask for their data, and of salons that were deleted; and what must always be true of
-- messages.

-- Functions: user data ------------------------------------------------------------------------------------------

create function private.cut_off_author(p_user_id uuid, p_limit integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_keep constant boolean := (select keep_forgotten from private.message_settings);
  v_forgotten private.forgotten_authors;
  v_own bigint[];
  v_about bigint[];
  v_reactions bigint[];
  v_files text[];
  v_is_cut_off boolean;
begin
  select * into v_forgotten from private.forgotten_authors where user_id = p_user_id for update;
  if not found then
    return 0;
  end if;
  -- This waits for messages that are moving to the archive, as such a row is in neither place.
  perform pg_advisory_xact_lock_shared(hashtext('the archive of messages'));
  v_own := array(
    select id from public.chat_messages where user_id = p_user_id and id <= v_forgotten.last_message_id limit p_limit);
  v_about := array(
    (select id from public.chat_messages where reply_to_user_id = p_user_id limit p_limit)
    union
    (select id from public.chat_messages where mentions <> '{}' and mentions @> array[p_user_id] limit p_limit));
  v_reactions := array(select id from public.message_reactions where user_id = p_user_id limit p_limit);
  v_files := array(
    select name from storage.objects where bucket_id = 'attachments' and starts_with(name, p_user_id || '/'));
  v_is_cut_off := cardinality(v_own) < p_limit and cardinality(v_reactions) < p_limit;

  -- Everything of one kind at once and in order, so that nobody who takes several waits in a circle.
  if not v_keep then
    perform from private.salon_streams
    where salon_id in (select salon_id from public.chat_messages where id = any(v_own))
    order by salon_id for no key update;
  end if;
  perform from public.chat_messages where id = any(v_own || v_about) order by id for update;
  delete from private.message_edits where message_id = any(v_own);
  perform from public.message_attachments where message_id = any(v_own) or path = any(v_files) order by path for update;
  delete from public.message_attachments where message_id = any(v_own) or path = any(v_files);
  -- Also what was never sent.
  insert into private.removed_attachments (path) select path from unnest(v_files) as path order by path on conflict do nothing;
  if not v_keep then
    v_reactions := v_reactions || array(select id from public.message_reactions where message_id = any(v_own));
  end if;
  perform from public.message_reactions where id = any(v_reactions) order by id for update;
  delete from public.message_reactions where id = any(v_reactions);
  perform from public.message_pins
  where pinned_by = p_user_id or (not v_keep and message_id = any(v_own)) order by salon_id, message_id for update;
  update public.message_pins set pinned_by = null where pinned_by = p_user_id;

  v_forgotten.salon_ids := array(
    select distinct salon_id
    from (
      select unnest(v_forgotten.salon_ids) as salon_id
      union all
      select salon_id from public.chat_messages where id = any(v_own)
    ) as changed);
  if not v_keep then
    delete from public.message_pins where message_id = any(v_own);
  end if;
  -- Each row once: a row that this transaction has changed already would be checked against its salon, and so lock it.
  with changed as (
    update public.chat_messages as messages
    set user_id = case when before.is_own then null else messages.user_id end,
      reply_to_user_id = nullif(messages.reply_to_user_id, p_user_id),
      mentions = case when before.is_emptied then '{}' else array_remove(messages.mentions, p_user_id) end,
      content = case when before.is_emptied then '' else messages.content end,
      is_deleted = messages.is_deleted or before.is_emptied,
      deleted_at = case when before.is_emptied then clock_timestamp() else messages.deleted_at end
    from (
      select id, id = any(v_own) as is_own, id = any(v_own) and not v_keep and not is_deleted as is_emptied
      from public.chat_messages where id = any(v_own || v_about)
    ) as before
    where messages.id = before.id
    returning messages.salon_id, before.is_emptied
  ),
  counted as (select salon_id, count(*) as count from changed where is_emptied group by salon_id)
  update private.salon_streams as streams set message_count = message_count - counted.count
  from counted where counted.salon_id = streams.salon_id;

  if v_is_cut_off then
    perform private.tell('salon:' || salon_id, 'messages_changed', jsonb_build_object('salon_id', salon_id))
    from unnest(v_forgotten.salon_ids) as salon_id;
    v_forgotten.salon_ids := '{}';
  end if;
  update private.forgotten_authors
  set is_cut_off = v_is_cut_off, salon_ids = v_forgotten.salon_ids, due_at = clock_timestamp()
  where user_id = p_user_id;
  return cardinality(v_own) + cardinality(v_about) + cardinality(v_reactions);
end;
$$;

comment on function private.cut_off_author(uuid, integer) is
  'Takes a forgotten user out of up to p_limit messages that it wrote, as many that answer it, as many that mention it, and as '
  'many reactions; all its files go at once. Its messages stay without an author, or are deleted '
  '(message_settings.keep_forgotten). Returns how many there were. Takes no salon: nobody who writes waits for it for long.';

create function private.cut_off_authors()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_forgotten private.forgotten_authors;
begin
  select * into v_forgotten from private.forgotten_authors
  where due_at <= clock_timestamp() order by due_at limit 1 for update skip locked;
  if not found then
    return 0;
  elsif private.cut_off_author(v_forgotten.user_id, 1000) = 0 then
    -- Who was answering or mentioning the user while it was forgotten has committed by then.
    if v_forgotten.forgotten_at < clock_timestamp() - interval '10 minutes' then
      delete from private.forgotten_authors where user_id = v_forgotten.user_id;
    else
      update private.forgotten_authors set due_at = clock_timestamp() + interval '5 minutes'
      where user_id = v_forgotten.user_id;
    end if;
  end if;
  return 1;
end;
$$;

comment on function private.cut_off_authors() is
  'Goes on with the forgotten user who has waited longest, in one small part. Returns 1, or 0 once none is due.';

create function private.forget_messages(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- The part memberships went before, by its name: what the user was sending is complete, and it sends no more.
  insert into private.forgotten_authors (user_id, last_message_id)
  values (p_user_id, coalesce((select max(id) from public.chat_messages), 0))
  on conflict (user_id) do update
  set last_message_id = excluded.last_message_id, is_cut_off = false, forgotten_at = clock_timestamp();
  -- Most have written little, and are forgotten at once. The rest is the job's: the user's salons are locked here.
  perform private.cut_off_author(p_user_id, 500);
  -- How far the user has read goes with its memberships.
end;
$$;

comment on function private.forget_messages(uuid) is
  'A part of forget_user: takes a user out of what it wrote and out of what others wrote to it, and hides at once what it does not '
  'get to. Messages stay without an author, or are deleted (message_settings.keep_forgotten); files, earlier texts and reactions '
  'go in both cases.';

create function private.export_messages(p_user_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'message_count', (select count(*) from public.chat_messages where user_id = p_user_id and not is_deleted),
    'newest_messages', (
      select coalesce(jsonb_agg(to_jsonb(newest) order by newest.id desc), '[]')
      from (
        select id, salon_id, seq, content, reply_to_id, mentions, created_at, edited_at
        from public.chat_messages where user_id = p_user_id and not is_deleted order by id desc limit 300
      ) as newest),
    'newest_attachments', (
      select coalesce(jsonb_agg(to_jsonb(newest) order by newest.message_id desc, newest.path), '[]')
      from (
        select attachments.message_id, attachments.path, attachments.content_type, attachments.size_bytes
        from public.chat_messages as messages
        join public.message_attachments as attachments on attachments.message_id = messages.id
        where messages.user_id = p_user_id order by messages.id desc limit 1000
      ) as newest),
    'newest_reactions', (
      select coalesce(jsonb_agg(to_jsonb(newest) order by newest.created_at desc), '[]')
      from (
        select message_id, emoji, created_at from public.message_reactions
        where user_id = p_user_id order by id desc limit 1000
      ) as newest),
    'read', (
      select coalesce(jsonb_agg(jsonb_build_object('salon_id', salon_id, 'last_read_seq', last_read_seq, 'read_at', read_at)
        order by salon_id), '[]')
      from private.message_reads where user_id = p_user_id));
end;
$$;

comment on function private.export_messages(uuid) is
  'A part of export_user_data: what a user wrote last. All of it is in public.my_messages, page by page.';

insert into private.user_data (name, forget, export, description)
values ('messages', 'forget_messages', 'export_messages', 'Messages and reactions in salons, and how far a user has read');

-- Functions: audit ----------------------------------------------------------------------------------------------

create function private.verify_messages()
returns table (invariant text, subject text, details jsonb)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  select 'a salon has a stream', salons.id::text, '{}'::jsonb
  from public.salons
  where not exists (select from private.salon_streams as streams where streams.salon_id = salons.id);

  return query
  select 'messages are numbered from 1 without a gap, and counted', streams.salon_id::text, jsonb_build_object('last_seq', streams.last_seq,
    'message_count', streams.message_count, 'highest', counted.highest, 'rows', counted.rows, 'not_deleted', counted.present)
  from private.salon_streams as streams
  left join (
    select messages.salon_id, max(messages.seq) as highest, count(*) as rows, count(distinct messages.seq) as numbers,
      count(*) filter (where not messages.is_deleted) as present
    from public.chat_messages as messages group by messages.salon_id
  ) as counted on counted.salon_id = streams.salon_id
  -- Numbers from 1 without a gap, each once, also where some are in the archive.
  where (streams.last_seq, streams.last_seq, streams.last_seq, streams.message_count)
    is distinct from (coalesce(counted.highest, 0), coalesce(counted.rows, 0), coalesce(counted.numbers, 0),
      coalesce(counted.present, 0));

  return query
  select 'a reply answers a message of its salon', messages.salon_id::text, jsonb_build_object('id', messages.id, 'reply_to_id', messages.reply_to_id)
  from public.chat_messages as messages
  left join public.chat_messages as replied on replied.id = messages.reply_to_id
  where messages.reply_to_id is not null and replied.salon_id is distinct from messages.salon_id;

  return query
  select 'a reaction is to a message that is there', reactions.salon_id::text, jsonb_build_object('id', reactions.id, 'message_id', reactions.message_id)
  from public.message_reactions as reactions
  left join public.chat_messages as messages on messages.id = reactions.message_id
  where messages.salon_id is distinct from reactions.salon_id or messages.is_deleted;

  return query
  select 'nothing is kept of a deleted message', kept.salon_id::text, jsonb_build_object('message_id', kept.message_id)
  from (
    select pins.salon_id, pins.message_id from public.message_pins as pins
    union all
    select attachments.salon_id, attachments.message_id from public.message_attachments as attachments
    union all
    select edits.salon_id, edits.message_id from private.message_edits as edits
  ) as kept
  left join public.chat_messages as messages on messages.id = kept.message_id and messages.salon_id = kept.salon_id
  where messages.is_deleted is not false;

  return query
  select 'nobody has read what is to come', reads.salon_id::text, jsonb_build_object('user_id', reads.user_id, 'last_read_seq', reads.last_read_seq)
  from private.message_reads as reads
  join private.salon_streams as streams on streams.salon_id = reads.salon_id
  where reads.last_read_seq > streams.last_seq;

  return query
  select 'every member has read up to some message', members.salon_id::text, jsonb_build_object('user_id', members.user_id)
  from public.salon_members as members
  where not exists (
    select from private.message_reads as reads
    where reads.salon_id = members.salon_id and reads.user_id = members.user_id);
end;
$$;

comment on function private.verify_messages() is
  'One row for each broken invariant of messages; none on a healthy database. A part of verify_community().';

create or replace function public.verify_community()
returns table (invariant text, subject text, details jsonb)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select * from private.verify_salons()
  union all
  select broken.* from private.verify_messages() as broken
  -- Of a salon that was deleted the rows go in steps.
  where not exists (select from public.salons where salons.id::text = broken.subject and salons.deleted_at is not null);
end;
$$;

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.cut_off_author(uuid, integer),
  private.cut_off_authors(),
  private.forget_messages(uuid),
  private.export_messages(uuid),
  private.verify_messages()
from public, anon, authenticated;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cut_off_authors', '* * * * *', 'sql', 'private.cut_off_authors', true, null, 110000, '15 minutes',
    'Takes users who were forgotten out of what is left in their name');

select private.install_schedule();
