-- Old messages move to a table of their own, so that the one in which all live is small. Readers do not notice: the archive
-- inherits from it, and whoever reads or changes chat_messages reaches both, under the policies of chat_messages.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.archived_messages (
  constraint archived_messages_pkey primary key (id),
  constraint archived_messages_seq_key unique (salon_id, seq),
  constraint archived_messages_client_id_key unique (user_id, client_id),
  constraint archived_messages_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade
) inherits (public.chat_messages);

create index archived_messages_present_idx on private.archived_messages (salon_id, seq) include (user_id, reply_to_user_id)
  where not is_deleted;
create index archived_messages_reply_to_user_id_idx on private.archived_messages (reply_to_user_id)
  where reply_to_user_id is not null;
create index archived_messages_mentions_idx on private.archived_messages using gin (mentions) with (fastupdate = off)
  where mentions <> '{}';

create index archived_messages_search_idx on private.archived_messages
  using gin (private.message_vector(salon_id, id, content)) with (fastupdate = off)
  where not is_deleted;

comment on table private.archived_messages is 'Messages past message_settings.archive_after. A query of chat_messages reads them, too.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.archived_messages enable row level security;

create policy "nobody but through chat_messages" on private.archived_messages using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.archive_messages(p_limit integer default 5000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_before constant timestamptz := now() - (select archive_after from private.message_settings);
  v_ids bigint[];
  v_salon_ids uuid[];
  v_count integer;
begin
  -- Who forgets a user must find all that the user wrote, and a row that moves meanwhile is in neither place for it.
  if not pg_try_advisory_xact_lock(hashtext('the archive of messages')) then
    return 0;
  end if;
  -- Ids rise with time: the oldest are at the beginning of the primary key.
  v_ids := array(
    select id
    from (select id, created_at from only public.chat_messages order by id limit least(greatest(p_limit, 1), 50000)) as oldest
    where created_at < v_before);
  -- In the order of all who write: the salon first. Whoever changes one is not waited for; its messages follow later.
  v_salon_ids := array(
    select id from public.salons
    where id in (select salon_id from only public.chat_messages where id = any(v_ids))
    order by id for key share skip locked);
  with moved as (
    delete from only public.chat_messages
    where id in (
      select id from only public.chat_messages
      where id = any(v_ids) and salon_id = any(v_salon_ids)
      for update skip locked)
    returning *
  )
  insert into private.archived_messages select * from moved;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.archive_messages(integer) is
  'Moves the oldest messages to the archive, of the next p_limit those that are old enough; returns how many. Waits for nobody.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function private.archive_messages(integer) from public, anon, authenticated;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('archive_messages', '20 4 * * *', 'sql', 'private.archive_messages', true, null, 600000, '2 days',
    'Moves messages older than a year to the archive');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.chat_messages where not is_deleted and private.message_vector(salon_id, id, content) @@ 'word';
  perform 1 from private.archived_messages where salon_id = gen_random_uuid() and not is_deleted order by seq;
  perform 1 from private.archived_messages where reply_to_user_id = gen_random_uuid();
  perform 1 from private.archived_messages where mentions <> '{}' and mentions @> '{00000000-0000-0000-0000-000000000000}';
end;
$$;
