-- Files that features make. Only the functions write; each user reads its own folder.

insert into storage.buckets (id, name, public)
values ('generated', 'generated', false)
on conflict (id) do nothing;

create policy "owners read what was generated for them" on storage.objects
  for select to authenticated
  using (bucket_id = 'generated' and (string_to_array(name, '/'))[1] = (select auth.uid())::text);
