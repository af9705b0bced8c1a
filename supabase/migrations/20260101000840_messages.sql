-- Messages of salons: the rows, the stream that numbers them, and who may read them.
--
-- Each salon numbers its messages by itself, under the lock of one narrow row. So the numbers have no gaps, and who has read
-- up to one has missed none before it: a sequence of Postgres promises neither.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.message_settings (
  id boolean not null default true,
  content_characters integer not null default 4000,
  mentions_per_message integer not null default 20,
  attachments_per_message integer not null default 10,
  attachments_per_user integer not null default 500,
  attachment_bytes_per_user bigint not null default 536870912,
  reactions_per_message integer not null default 40,
  pins_per_salon integer not null default 50,
  edits_per_message integer not null default 20,
  edit_window interval not null default '15 minutes',
  user_quota integer not null default 30,
  user_window_s integer not null default 30,
  salon_quota integer not null default 1200,
  salon_window_s integer not null default 10,
  archive_after interval not null default '1 year',
  keep_forgotten boolean not null default true,
  constraint message_settings_pkey primary key (id),
  constraint message_settings_one_row check (id),
  constraint message_settings_not_negative check (least(mentions_per_message, attachments_per_message, attachments_per_user,
    attachment_bytes_per_user, reactions_per_message, pins_per_salon, edits_per_message) >= 0 and edit_window >= '0'),
  constraint message_settings_in_range check (content_characters between 1 and 8000 and user_quota > 0 and user_window_s > 0
    and salon_quota > 0 and salon_window_s > 0 and archive_after >= '1 day')
);

comment on table private.message_settings is 'Limits of messages; one row, which an operator changes in SQL.';
comment on column private.message_settings.content_characters is 'How long a message may be.';
comment on column private.message_settings.mentions_per_message is 'How many members a message may mention.';
comment on column private.message_settings.attachments_per_message is 'How many files a message may have.';
comment on column private.message_settings.attachments_per_user is 'How many files a user may have in the bucket attachments.';
comment on column private.message_settings.attachment_bytes_per_user is 'How many bytes they may have in total.';
comment on column private.message_settings.reactions_per_message is 'How many different emoji a message may get.';
comment on column private.message_settings.pins_per_salon is 'How many messages of a salon may be pinned.';
comment on column private.message_settings.edits_per_message is 'How often a message may be edited.';
comment on column private.message_settings.edit_window is 'How long after it was sent a message may be edited.';
comment on column private.message_settings.user_quota is 'How many messages a user may send in user_window_s.';
comment on column private.message_settings.user_window_s is 'The window of user_quota, in seconds.';
comment on column private.message_settings.salon_quota is 'How many messages a salon takes in salon_window_s.';
comment on column private.message_settings.salon_window_s is 'The window of salon_quota, in seconds.';
comment on column private.message_settings.archive_after is 'From which age on messages are kept in private.archived_messages.';
comment on column private.message_settings.keep_forgotten is
  'Whether messages of a forgotten user stay, as of nobody; false: they are deleted, and their places stay.';

insert into private.message_settings default values;

create table private.salon_streams (
  salon_id uuid not null,
  last_seq bigint not null default 0,
  message_count bigint not null default 0,
  last_message_at timestamptz,
  day date,
  day_count integer not null default 0,
  quota_full_at timestamptz not null default now(),
  constraint salon_streams_pkey primary key (salon_id),
  constraint salon_streams_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint salon_streams_counted check (message_count between 0 and last_seq)
) with (fillfactor = 50); -- Each message rewrites a row.

comment on table private.salon_streams is 'How far each salon''s messages have come. Its row is the lock under which they are numbered.';
comment on column private.salon_streams.salon_id is 'The salon.';
comment on column private.salon_streams.last_seq is 'The number of its newest message.';
comment on column private.salon_streams.message_count is 'How many of its messages are not deleted.';
comment on column private.salon_streams.last_message_at is 'When the newest was sent; null: there is none.';
comment on column private.salon_streams.day is 'The day (UTC) of the newest.';
comment on column private.salon_streams.day_count is 'How many were sent on that day.';
comment on column private.salon_streams.quota_full_at is 'When its quota of messages is full again (GCRA, as in take_rate_limits).';

create table public.chat_messages (
  id bigint generated always as identity,
  salon_id uuid not null,
  seq bigint not null,
  user_id uuid,
  client_id uuid not null,
  content text not null,
  reply_to_id bigint,
  reply_to_user_id uuid,
  mentions uuid[] not null default '{}',
  is_deleted boolean not null default false,
  deleted_at timestamptz,
  edited_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  constraint chat_messages_pkey primary key (id),
  constraint chat_messages_seq_key unique (salon_id, seq),
  constraint chat_messages_client_id_key unique (user_id, client_id),
  constraint chat_messages_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint chat_messages_deleted_since check (is_deleted = (deleted_at is not null)),
  constraint chat_messages_deleted_is_empty check (not is_deleted or (content = '' and mentions = '{}'))
);

-- By which messages are counted: however many were deleted, nobody's counting walks over them.
create index chat_messages_present_idx on public.chat_messages (salon_id, seq) include (user_id, reply_to_user_id)
  where not is_deleted;

-- By which a forgotten user is found in what others wrote.
create index chat_messages_reply_to_user_id_idx on public.chat_messages (reply_to_user_id) where reply_to_user_id is not null;
create index chat_messages_mentions_idx on public.chat_messages using gin (mentions) with (fastupdate = off)
  where mentions <> '{}';

comment on table public.chat_messages is
  'Messages of salons, in the order of seq. Written by functions alone. Old rows are in private.archived_messages, which '
  'inherits from this table: a query here reads both.';
comment on column public.chat_messages.salon_id is 'The salon.';
comment on column public.chat_messages.seq is 'Its number in the salon, from 1 without a gap; later messages have higher ones.';
comment on column public.chat_messages.user_id is 'Who wrote it; null: an account that was deleted.';
comment on column public.chat_messages.client_id is 'The id that the author''s app gave it: a retry finds it.';
comment on column public.chat_messages.content is 'The text; empty once it is deleted, or if it has only attachments.';
comment on column public.chat_messages.reply_to_id is
  'The message of the same salon that it answers. No foreign key: that one may be in the archive; verify_messages() looks.';
comment on column public.chat_messages.reply_to_user_id is 'Who wrote that one, so that a block can be judged by this row alone.';
comment on column public.chat_messages.mentions is 'The members that it mentions.';
comment on column public.chat_messages.is_deleted is 'Whether only its place is left.';
comment on column public.chat_messages.deleted_at is 'Since when.';
comment on column public.chat_messages.edited_at is 'When its text was last changed; null: never.';

create table private.message_edits (
  message_id bigint not null,
  number integer not null,
  salon_id uuid not null,
  content text not null,
  replaced_at timestamptz not null,
  constraint message_edits_pkey primary key (message_id, number),
  constraint message_edits_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade
);

create index message_edits_salon_id_idx on private.message_edits (salon_id);

comment on table private.message_edits is 'Earlier texts of messages that were edited, until the message is deleted.';
comment on column private.message_edits.message_id is 'The message.';
comment on column private.message_edits.number is '1 is the text as it was sent.';
comment on column private.message_edits.salon_id is 'Its salon, with which it goes.';
comment on column private.message_edits.content is 'The text until then.';
comment on column private.message_edits.replaced_at is 'When it was replaced.';

create table public.message_pins (
  salon_id uuid not null,
  message_id bigint not null,
  pinned_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  constraint message_pins_pkey primary key (salon_id, message_id),
  constraint message_pins_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade
);

create index message_pins_pinned_by_idx on public.message_pins (pinned_by);

comment on table public.message_pins is 'Messages that a salon keeps in sight.';
comment on column public.message_pins.salon_id is 'The salon.';
comment on column public.message_pins.message_id is 'The message.';
comment on column public.message_pins.pinned_by is 'The owner or moderator who pinned it; null: an account that was deleted.';

create table private.forgotten_authors (
  user_id uuid not null,
  last_message_id bigint not null,
  is_cut_off boolean not null default false,
  salon_ids uuid[] not null default '{}',
  forgotten_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  constraint forgotten_authors_pkey primary key (user_id)
);

create index forgotten_authors_due_at_idx on private.forgotten_authors (due_at);

comment on table private.forgotten_authors is
  'Users who were forgotten, and in whose name something may still be written: cut_off_authors takes that away in small parts.';
comment on column private.forgotten_authors.user_id is 'The user.';
comment on column private.forgotten_authors.last_message_id is
  'The newest message of all at that time: what has a higher id, the user wrote after it came back.';
comment on column private.forgotten_authors.is_cut_off is
  'Whether it is nobody''s author any more. Until then nobody is shown its messages and reactions.';
comment on column private.forgotten_authors.salon_ids is 'Where messages were changed: to be told once all are.';
comment on column private.forgotten_authors.forgotten_at is 'When it was forgotten, the last time.';
comment on column private.forgotten_authors.due_at is 'When to look again.';

-- Functions that policies ask -----------------------------------------------------------------------------------

create function private.authors_not_shown()
returns uuid[]
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(array_agg(user_id), '{}')
  from (
    select blocked_id as user_id from private.user_blocks where blocker_id = (select auth.uid())
    union all
    select user_id from private.forgotten_authors where not is_cut_off
  ) as not_shown;
$$;

comment on function private.authors_not_shown() is
  'Whose messages the caller is not shown: whom it has blocked, and who was just forgotten. Not who has blocked the caller: a '
  'moderator could else be blinded.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.message_settings enable row level security;
alter table private.salon_streams enable row level security;
alter table public.chat_messages enable row level security;
alter table private.message_edits enable row level security;
alter table public.message_pins enable row level security;
alter table private.forgotten_authors enable row level security;

create policy "servers read the message settings" on private.message_settings for select to service_role using (true);
create policy "servers read streams" on private.salon_streams for select to service_role using (true);
create policy "nobody but the functions" on private.message_edits using (false);
create policy "nobody but the functions" on private.forgotten_authors using (false);

-- Each function is asked once for a statement, not once for a row: a test reads the plan.
create policy "members read the messages of their salons" on public.chat_messages for select to authenticated
  using (
    salon_id = any((select private.my_salon_ids())::uuid[])
    and (user_id = any((select private.authors_not_shown())::uuid[])) is not true
    and (reply_to_user_id = (select auth.uid()) and user_id = any((select private.my_blocked_ids())::uuid[])) is not true
  );
create policy "servers read messages" on public.chat_messages for select to service_role using (true);

create policy "members see what is pinned in their salons" on public.message_pins for select to authenticated
  using (salon_id = any((select private.my_salon_ids())::uuid[]));
create policy "servers read pins" on public.message_pins for select to service_role using (true);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.tell(p_topic text, p_event text, p_payload jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- A project may run without Realtime. Nothing depends on the arrival: the table is the truth.
  if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null then
    execute 'select realtime.send($1, $2, $3, true)' using p_payload, p_event, p_topic;
  end if;
end;
$$;

comment on function private.tell(text, text, jsonb) is
  'Broadcasts on a private topic once the transaction commits, in numbers and ids alone: who lost its right after it joined '
  'hears on for a while.';

create type private.salon_place as (
  role text,
  muted_until timestamptz,
  is_active boolean,
  slow_mode_s integer
);

comment on type private.salon_place is 'What the caller is in a salon, and what the salon allows.';

create function private.enter_salon(p_salon_id uuid)
returns private.salon_place
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_place private.salon_place;
begin
  select is_active, slow_mode_s into v_place.is_active, v_place.slow_mode_s
  from public.salons where id = p_salon_id for key share;
  -- A statement of its own: whoever was kicked while this one waited is seen to be gone.
  select role, muted_until into v_place.role, v_place.muted_until
  from public.salon_members where salon_id = p_salon_id and user_id = (select auth.uid());
  return v_place;
end;
$$;

comment on function private.enter_salon(uuid) is
  'Keeps a salon and who is in it as they are until the transaction ends, shared with others who write there. The role is null '
  'for who is no member, and for a salon that there is not.';

create function private.lock_message(p_message_id bigint)
returns public.chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_message public.chat_messages;
begin
  select * into v_message from public.chat_messages where id = p_message_id for no key update;
  if not found then
    -- The archive may have taken it while this waited: another statement finds it there.
    select * into v_message from public.chat_messages where id = p_message_id for no key update;
  end if;
  return v_message;
end;
$$;

comment on function private.lock_message(bigint) is
  'Locks a message, wherever it is kept, and returns it; its id is null if there is none. Its caller has entered the salon.';

create function private.salon_of_message(p_message_id bigint)
returns uuid
language sql
stable
security definer
set search_path = ''
as $$
  select salon_id from public.chat_messages where id = p_message_id;
$$;

comment on function private.salon_of_message(bigint) is 'The salon of a message, which never changes.';

create function private.no_such_message()
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select private.community_refusal('not_found', 'There is no such message');
$$;

comment on function private.no_such_message() is 'One answer for a message that there is not and for one that the caller may not see.';

create function private.may_write(p_place private.salon_place)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if p_place.role is null then
    return private.community_refusal('not_found', 'There is no such salon among yours');
  elsif not p_place.is_active then
    return private.community_refusal('salon_archived', 'This salon is archived: it can only be read');
  elsif p_place.muted_until > clock_timestamp() then
    return private.community_refusal('muted', 'You may not write here for now')
      || jsonb_build_object('muted_until', p_place.muted_until);
  end if;
  return null;
end;
$$;

comment on function private.may_write(private.salon_place) is 'Null if the caller may write in the salon that it entered, or the refusal.';

create function private.open_stream()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.salon_streams (salon_id) values (new.id);
  return null;
end;
$$;

comment on function private.open_stream() is 'Every salon has a stream from the start.';

create trigger open_stream after insert on public.salons
  for each row execute function private.open_stream();

insert into private.salon_streams (salon_id) select id from public.salons;

-- Grants --------------------------------------------------------------------------------------------------------

grant select on private.message_settings, private.salon_streams to service_role;
grant select on public.chat_messages, public.message_pins to authenticated, service_role;

revoke execute on function
  private.authors_not_shown(),
  private.tell(text, text, jsonb),
  private.enter_salon(uuid),
  private.lock_message(bigint),
  private.salon_of_message(bigint),
  private.no_such_message(),
  private.may_write(private.salon_place),
  private.open_stream()
from public, anon, authenticated;

grant execute on function private.authors_not_shown() to authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.message_edits where salon_id = gen_random_uuid();
  perform 1 from public.message_pins where pinned_by = gen_random_uuid();
  perform 1 from public.chat_messages where salon_id = gen_random_uuid() and seq = 1;
  perform 1 from public.chat_messages where user_id = gen_random_uuid() and client_id = gen_random_uuid();
  perform 1 from public.chat_messages where salon_id = gen_random_uuid() and not is_deleted order by seq;
  perform 1 from public.chat_messages where reply_to_user_id = gen_random_uuid();
  perform 1 from public.chat_messages where mentions <> '{}' and mentions @> '{00000000-0000-0000-0000-000000000000}';
  perform 1 from private.forgotten_authors where due_at < now();
end;
$$;
