-- Generated files and users' uploads: one private bucket for each, with a folder per user, named by the user's id.
-- Storage costs the operator money, so both have a retention, and uploads have a quota.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.file_settings (
  id boolean not null default true,
  uploads_per_user integer not null default 200,
  upload_bytes_per_user bigint not null default 1073741824,
  keep_uploads interval not null default '30 days',
  keep_generated interval not null default '90 days',
  constraint file_settings_pkey primary key (id),
  constraint file_settings_one_row check (id),
  constraint file_settings_quotas_not_negative check (uploads_per_user >= 0 and upload_bytes_per_user >= 0),
  -- Responses are replayed for a day, with URLs that work for seven.
  constraint file_settings_kept_long_enough check (keep_uploads >= '1 day' and keep_generated >= '8 days')
);

comment on table private.file_settings is 'Quotas and retention of files; one row, which an operator changes in SQL.';
comment on column private.file_settings.uploads_per_user is 'How many files a user may have in the bucket uploads.';
comment on column private.file_settings.upload_bytes_per_user is 'How many bytes they may have in total.';
comment on column private.file_settings.keep_uploads is 'How long a user''s upload is kept.';
comment on column private.file_settings.keep_generated is 'How long a generated file is kept.';

insert into private.file_settings default values;

insert into storage.buckets (id, name, public)
values ('generated', 'generated', false)
on conflict (id) do nothing;

-- Declared types are only a hint; functions detect a file's type from its bytes.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (
  'uploads', 'uploads', false, 25 * 1024 * 1024,
  array[
    'image/jpeg', 'image/png', 'image/webp',
    'audio/wav', 'audio/x-wav', 'audio/mpeg', 'audio/mp4', 'audio/x-m4a', 'audio/webm', 'audio/ogg',
    'audio/flac', 'audio/x-flac'
  ]
)
on conflict (id) do nothing;

-- Functions that policies ask ------------------------------------------------------------------------------------

create schema files;

comment on schema files is 'Checks used by Storage''s policies and triggers. No API shows it.';

create function files.has_room(p_user_id text, p_bytes bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_has_room boolean;
begin
  -- Serializes a user's uploads: two that are counted at once would both fit.
  perform pg_advisory_xact_lock(hashtextextended('uploads of ' || p_user_id, 0));
  select count(*) < settings.uploads_per_user
    and coalesce(sum((objects.metadata ->> 'size')::bigint), 0) + p_bytes <= settings.upload_bytes_per_user
  into v_has_room
  from private.file_settings as settings
  left join storage.objects as objects on objects.bucket_id = 'uploads' and starts_with(objects.name, p_user_id || '/')
  where not exists (
    select from public.token_balances as balances
    where balances.is_closed
      and balances.user_id = case when p_user_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_user_id::uuid end)
  group by settings.id;
  return coalesce(v_has_room, false);
end;
$$;

comment on function files.has_room(text, bigint) is
  'Whether a user may upload one more file of this size; never for a forgotten user. Locks the user''s uploads until '
  'the transaction ends, so that no two uploads take the same room.';

create function files.may_upload()
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  return files.has_room((select auth.uid())::text, 0);
end;
$$;

comment on function files.may_upload() is
  'Whether the caller has room for one more file. Storage asks before it knows the size.';

create function files.refuse_without_room()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if not files.has_room((string_to_array(new.name, '/'))[1], coalesce((new.metadata ->> 'size')::bigint, 0)) then
    raise exception 'The quota of uploads is used up, or the account was deleted' using errcode = 'insufficient_privilege';
  end if;
  return new;
end;
$$;

comment on function files.refuse_without_room() is
  'Refuses an upload over the quota when its row is inserted: Storage asks the policies before it receives a file, '
  'so several uploads at once would pass them.';

do $$
begin
  create trigger uploads_have_room before insert on storage.objects
    for each row when (new.bucket_id = 'uploads') execute function files.refuse_without_room();
exception
  when undefined_table or insufficient_privilege or invalid_schema_name then
    raise notice 'storage.objects takes no trigger here: uploads that run at the same time may pass the quota together';
end;
$$;

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.file_settings enable row level security;

create policy "servers read the file settings" on private.file_settings for select to service_role using (true);

create policy "owners read what was generated for them" on storage.objects
  for select to authenticated
  using (bucket_id = 'generated' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);

-- Each user may add, read and delete files in its own folder. There is no policy for updates, so the file at a path
-- never changes.

create policy "owners read what they uploaded" on storage.objects
  for select to authenticated
  using (bucket_id = 'uploads' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);

create policy "users upload into their own folder, within their quota" on storage.objects
  for insert to authenticated
  with check (bucket_id = 'uploads' and (string_to_array(name, '/'))[1] = (select auth.uid())::text
    and (select files.may_upload()));

create policy "owners remove what they uploaded" on storage.objects
  for delete to authenticated
  using (bucket_id = 'uploads' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);

-- Functions -----------------------------------------------------------------------------------------------------

create function public.files_to_remove(p_limit integer default 1000)
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
  join private.file_settings as settings
    on objects.created_at < now() - case objects.bucket_id
      when 'uploads' then settings.keep_uploads when 'generated' then settings.keep_generated end
  limit p_limit;
end;
$$;

comment on function public.files_to_remove(integer) is
  'Files past their retention (file_settings), to be removed through Storage''s API; deleting the row in SQL would '
  'leave the file behind.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on private.file_settings to service_role;

grant usage on schema files to authenticated;

revoke execute on function
  files.has_room(text, bigint),
  files.may_upload(),
  files.refuse_without_room(),
  public.files_to_remove(integer)
from public, anon, authenticated;

grant execute on function files.may_upload() to authenticated;
grant execute on function public.files_to_remove(integer) to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('clean_up_files', '25 4 * * *', 'http', 'account/clean-up-files', false, null, 140000, '2 days',
    'Removes uploads and generated files past their retention');

select private.install_schedule();
