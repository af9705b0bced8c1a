-- Files that features make: only the functions write, each user reads its own folder.

insert into storage.buckets (id, name, public)
values ('generated', 'generated', false)
on conflict (id) do nothing;

create policy "owners read what was generated for them" on storage.objects
  for select to authenticated
  using (bucket_id = 'generated' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);

-- Files that users give to features: each user fills, reads and empties its own folder. There is no policy for updates,
-- so a file stays what it is under its path. Declared types are a courtesy; functions tell a file from its bytes.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (
  'uploads', 'uploads', false, 25 * 1024 * 1024,
  array[
    'image/jpeg', 'image/png', 'image/webp',
    'audio/wav', 'audio/x-wav', 'audio/mpeg', 'audio/mp4', 'audio/x-m4a', 'audio/webm', 'audio/ogg'
  ]
)
on conflict (id) do nothing;

create policy "owners read what they uploaded" on storage.objects
  for select to authenticated
  using (bucket_id = 'uploads' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);

create policy "users upload into their own folder" on storage.objects
  for insert to authenticated
  with check (bucket_id = 'uploads' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);

create policy "owners remove what they uploaded" on storage.objects
  for delete to authenticated
  using (bucket_id = 'uploads' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);
