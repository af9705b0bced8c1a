-- Messages of users who are forgotten or ask for their data, and what must always be true of messages.

-- Functions: user data ------------------------------------------------------------------------------------------

create function private.forget_messages(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_keep constant boolean := (select keep_forgotten from private.message_settings);
  v_salon_id uuid;
  v_ids bigint[];
  v_count bigint;
begin
  -- The part memberships went before, by its name: what the user was sending is complete, and it sends no more. This waits for
  -- messages that are moving to the archive, as such a row is in neither place for it.
  perform pg_advisory_xact_lock_shared(hashtext('the archive of messages'));
  for v_salon_id, v_ids in
    select salon_id, array_agg(id order by id) from public.chat_messages where user_id = p_user_id group by salon_id order by salon_id
  loop
    perform from private.salon_streams where salon_id = v_salon_id for no key update;
    delete from private.message_edits where message_id = any(v_ids);
    delete from public.message_attachments where message_id = any(v_ids);
    if v_keep then
      update public.chat_messages set user_id = null where id = any(v_ids) and user_id = p_user_id;
    else
      delete from public.message_reactions where message_id = any(v_ids);
      delete from public.message_pins where salon_id = v_salon_id and message_id = any(v_ids);
      with emptied as (
        update public.chat_messages as messages
        set user_id = null, content = '', mentions = '{}', is_deleted = true,
          deleted_at = coalesce(messages.deleted_at, clock_timestamp())
        from (select id, is_deleted from public.chat_messages where id = any(v_ids)) as before
        where messages.id = before.id and messages.user_id = p_user_id
        returning not before.is_deleted as was_there
      )
      select count(*) filter (where was_there) into v_count from emptied;
      update private.salon_streams set message_count = message_count - v_count where salon_id = v_salon_id;
    end if;
    perform private.tell('salon:' || v_salon_id, 'messages_changed', jsonb_build_object('salon_id', v_salon_id));
  end loop;
  delete from public.message_reactions where user_id = p_user_id;
  update public.message_pins set pinned_by = null where pinned_by = p_user_id;
  -- How far the user has read goes with its memberships.
end;
$$;

comment on function private.forget_messages(uuid) is
  'A part of forget_user: messages stay without an author, or are deleted (message_settings.keep_forgotten); files, earlier texts '
  'and reactions go in both cases.';

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
  private.forget_messages(uuid),
  private.export_messages(uuid),
  private.verify_messages()
from public, anon, authenticated;
