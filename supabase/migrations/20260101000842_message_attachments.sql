-- Files of messages: a private bucket with a folder for each user and salon, and which file belongs to which message.
--
-- A file is uploaded to <user>/<salon>/<name> and seen by nobody else until a message takes it. No file changes under its
-- path. What was never sent is removed after a day; what a message had goes within minutes once it has it no more.

-- Tables --------------------------------------------------------------------------------------------------------

create table public.message_attachments (
  path text not null,
  message_id bigint not null,
  salon_id uuid not null,
  position integer not null,
  content_type text not null,
  size_bytes bigint not null,
  constraint message_attachments_pkey primary key (message_id, position),
  constraint message_attachments_path_key unique (path),
  constraint message_attachments_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade
);

create index message_attachments_salon_id_idx on public.message_attachments (salon_id);

comment on table public.message_attachments is 'Which files of the bucket attachments belong to which message.';
comment on column public.message_attachments.path is 'The file''s path in the bucket: <user>/<salon>/<name>.';
comment on column public.message_attachments.message_id is 'The message.';
comment on column public.message_attachments.salon_id is 'Its salon, with which it goes.';
comment on column public.message_attachments.position is 'From 1, in the order in which the author named them.';
comment on column public.message_attachments.content_type is 'As Storage serves it: one of the bucket''s types.';
comment on column public.message_attachments.size_bytes is 'The file''s size.';

create table private.removed_attachments (
  path text not null,
  removed_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  constraint removed_attachments_pkey primary key (path)
);

create index removed_attachments_due_at_idx on private.removed_attachments (due_at);

comment on table private.removed_attachments is
  'Files that a message had and has no more, and those of users who were forgotten, until Storage has removed them.';
comment on column private.removed_attachments.path is 'The file''s path in the bucket.';
comment on column private.removed_attachments.removed_at is 'Since when nobody is to read it: a file that came to its path later is another.';
comment on column private.removed_attachments.due_at is 'When to remove it, or to look whether it is gone.';

-- No type that a browser would run: neither HTML nor SVG. A bucket that a project has already becomes like this, too: in a
-- public one everybody would read what was said in private.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (
  'attachments', 'attachments', false, 10 * 1024 * 1024,
  array[
    'image/jpeg', 'image/png', 'image/webp', 'image/gif',
    'audio/mpeg', 'audio/mp4', 'audio/webm', 'audio/ogg', 'audio/wav',
    'video/mp4', 'video/webm', 'application/pdf', 'text/plain'
  ]
)
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

-- Functions that policies ask ------------------------------------------------------------------------------------

create function private.lock_attachments_of(p_user_id text)
returns void
language sql
volatile
set search_path = ''
as $$
  select pg_advisory_xact_lock(hashtextextended('attachments of ' || p_user_id, 0));
$$;

comment on function private.lock_attachments_of(text) is 'Lets a user''s uploads and sends of files happen one after the other.';

create function private.attachments_have_room(p_user_id text, p_bytes bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.lock_attachments_of(p_user_id);
  return (
    select count(objects.id) < settings.attachments_per_user
      and coalesce(sum((objects.metadata ->> 'size')::bigint), 0) + p_bytes <= settings.attachment_bytes_per_user
    from private.message_settings as settings
    left join storage.objects as objects
      on objects.bucket_id = 'attachments' and starts_with(objects.name, p_user_id || '/')
    group by settings.id);
end;
$$;

comment on function private.attachments_have_room(text, bigint) is
  'Whether a user may upload one more file of this size. Locks the user''s attachments until the transaction ends.';

create function private.may_attach()
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  return private.attachments_have_room((select auth.uid())::text, 0);
end;
$$;

comment on function private.may_attach() is 'Whether the caller has room for one more attachment. Storage asks before it knows the size.';

create function private.is_attached(p_path text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return exists (select from public.message_attachments where path = p_path);
end;
$$;

comment on function private.is_attached(text) is
  'Whether a message has a file: it goes with that message alone, and no other comes to its path.';

create function private.refuse_attachment_without_room()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if not private.attachments_have_room((string_to_array(new.name, '/'))[1], coalesce((new.metadata ->> 'size')::bigint, 0)) then
    raise exception 'The quota of attachments is used up' using errcode = 'insufficient_privilege';
  end if;
  return new;
end;
$$;

comment on function private.refuse_attachment_without_room() is
  'Refuses an attachment over the quota when its row is inserted: Storage asks the policies before it receives a file, so '
  'several uploads at once would pass them.';

do $$
begin
  create trigger attachments_have_room before insert on storage.objects
    for each row when (new.bucket_id = 'attachments') execute function private.refuse_attachment_without_room();
exception
  when undefined_table or insufficient_privilege or invalid_schema_name then
    raise notice 'storage.objects takes no trigger here: uploads that run at the same time may pass the quota together';
end;
$$;

create function private.note_removed_attachments()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.removed_attachments (path) select path from removed order by path
  on conflict (path) do update set removed_at = excluded.removed_at, due_at = excluded.due_at;
  return null;
end;
$$;

comment on function private.note_removed_attachments() is
  'However a message comes to lose its files, they are removed: it is deleted, its author is forgotten, its salon is deleted.';

create trigger note_removed_attachments after delete on public.message_attachments
  referencing old table as removed
  for each statement execute function private.note_removed_attachments();

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.message_attachments enable row level security;
alter table private.removed_attachments enable row level security;

create policy "nobody but the functions" on private.removed_attachments using (false);

-- Of the messages that the caller sees: the policy of chat_messages says which a block keeps from it.
create policy "members see the attachments of their salons" on public.message_attachments for select to authenticated
  using (
    salon_id = any((select private.my_salon_ids())::uuid[])
    and exists (select from public.chat_messages as messages where messages.id = message_attachments.message_id)
  );
create policy "servers read attachments" on public.message_attachments for select to service_role using (true);

-- The policy above answers for whom a file of a message is. Storage lets whoever may read a file sign a link to it, for as long
-- as it likes, and such a link asks nobody any more. So others' files are read, and links to them come from
-- messages/attachment-links, for a minute. A Storage that does not say what it is asked for lets them be signed.
create policy "members read what is attached in their salons" on storage.objects for select to authenticated
  using (
    bucket_id = 'attachments'
    and ((string_to_array(name, '/'))[1] = (select auth.uid())::text
      or (select coalesce(current_setting('storage.operation', true), '') not like '%sign%')
        and exists (select from public.message_attachments where path = objects.name))
  );

create policy "members upload for their salons, within their quota" on storage.objects for insert to authenticated
  with check (
    bucket_id = 'attachments'
    and (string_to_array(name, '/'))[1] = (select auth.uid())::text
    and (string_to_array(name, '/'))[2] = any((select private.my_salon_ids())::text[])
    and array_length(string_to_array(name, '/'), 1) = 3
    and not private.is_attached(name)
    and (select private.may_attach())
  );

create policy "owners remove attachments that they have not sent" on storage.objects for delete to authenticated
  using (bucket_id = 'attachments' and (string_to_array(name, '/'))[1] = (select auth.uid())::text
    and not private.is_attached(name));

-- Functions -----------------------------------------------------------------------------------------------------

create function private.can_attach(p_salon_id uuid, p_paths text[])
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
begin
  perform private.lock_attachments_of(v_user_id::text);
  return cardinality(p_paths) = (
    select count(*)
    from storage.objects
    where bucket_id = 'attachments' and name = any(p_paths)
      and starts_with(name, v_user_id || '/' || p_salon_id || '/')
      and split_part(metadata ->> 'mimetype', ';', 1) = any(
        (select allowed_mime_types from storage.buckets where id = 'attachments')::text[])
      and not exists (select from public.message_attachments where path = objects.name)
      and not exists (
        select from private.removed_attachments as removed
        where removed.path = objects.name and (objects.created_at > removed.removed_at) is not true));
end;
$$;

comment on function private.can_attach(uuid, text[]) is
  'Whether all of these are files that the caller has uploaded for the salon, each once, and that no message has or had.';

create function private.attach(p_message_id bigint, p_salon_id uuid, p_paths text[])
returns void
language sql
volatile
security definer
set search_path = ''
as $$
  insert into public.message_attachments (path, message_id, salon_id, position, content_type, size_bytes)
  select objects.name, p_message_id, p_salon_id, paths.position,
    split_part(objects.metadata ->> 'mimetype', ';', 1), coalesce((objects.metadata ->> 'size')::bigint, 0)
  from unnest(p_paths) with ordinality as paths (path, position)
  join storage.objects as objects on objects.bucket_id = 'attachments' and objects.name = paths.path;
$$;

comment on function private.attach(bigint, uuid, text[]) is 'Gives a message its files, after can_attach.';

create function public.attachments_to_remove(p_limit integer default 1000)
returns table (bucket text, path text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select objects.bucket_id::text, objects.name::text
  from storage.objects
  where objects.bucket_id = 'attachments' and objects.created_at < now() - interval '1 day'
    and not exists (select from public.message_attachments as attachments where attachments.path = objects.name)
  limit least(greatest(p_limit, 1), 10000);
end;
$$;

comment on function public.attachments_to_remove(integer) is
  'Files that no message has a day after they came: to be removed through Storage''s API, as deleting the row in '
  'SQL would leave the file behind.';

create function public.take_removed_attachments(p_limit integer default 1000)
returns table (bucket text, path text)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with due as materialized (
    select removed.path, removed.removed_at
    from private.removed_attachments as removed
    where removed.due_at <= clock_timestamp()
    order by removed.due_at limit least(greatest(p_limit, 1), 1000) for update skip locked
  ),
  present as materialized (
    select due.path
    from due
    join storage.objects on objects.bucket_id = 'attachments' and objects.name = due.path
    where (objects.created_at > due.removed_at) is not true
      and not exists (select from public.message_attachments as attachments where attachments.path = due.path)
  ),
  gone as (
    delete from private.removed_attachments as removed using due
    where removed.path = due.path and not exists (select from present where present.path = due.path)
  )
  -- Looked for again: what Storage did not remove now is named once more.
  update private.removed_attachments as removed set due_at = clock_timestamp() + interval '5 minutes'
  from present
  where removed.path = present.path
  returning 'attachments'::text, removed.path;
end;
$$;

comment on function public.take_removed_attachments(integer) is
  'Files that a message has no more, for whoever removes them through Storage''s API; each is named again every five minutes '
  'until it is gone.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.message_attachments to authenticated, service_role;

revoke execute on function
  private.lock_attachments_of(text),
  private.attachments_have_room(text, bigint),
  private.may_attach(),
  private.is_attached(text),
  private.refuse_attachment_without_room(),
  private.note_removed_attachments(),
  private.can_attach(uuid, text[]),
  private.attach(bigint, uuid, text[]),
  public.attachments_to_remove(integer),
  public.take_removed_attachments(integer)
from public, anon, authenticated;

grant execute on function private.may_attach(), private.is_attached(text) to authenticated;
grant execute on function public.attachments_to_remove(integer), public.take_removed_attachments(integer) to service_role;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.message_attachments where salon_id = gen_random_uuid();
  perform 1 from public.message_attachments where path = '';
  perform 1 from private.removed_attachments where due_at < now();
end;
$$;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('clean_up_attachments', '55 3 * * *', 'http', 'messages/clean-up-attachments', false, null, 140000, '2 days',
    'Removes attachments that no message has'),
  ('remove_attachments', '* * * * *', 'http', 'messages/remove-attachments', false, null, 50000, '15 minutes',
    'Removes attachments of messages that were deleted, and of users who were forgotten');

select private.install_schedule();
