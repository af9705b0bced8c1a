-- Pictures of profiles: two public buckets that only the function `profile` writes, as a picture is told by its bytes and
-- Storage asks a file only for its name.

-- Buckets -------------------------------------------------------------------------------------------------------

-- A bucket that a project has already gets these limits, too.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values
  ('avatars', 'avatars', true, 2 * 1024 * 1024, array['image/jpeg', 'image/png', 'image/webp']),
  ('covers', 'covers', true, 5 * 1024 * 1024, array['image/jpeg', 'image/png', 'image/webp'])
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

-- Functions -----------------------------------------------------------------------------------------------------

create function public.set_profile_picture(p_user_id uuid, p_bucket text, p_url text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_replaced text;
begin
  if (p_bucket in ('avatars', 'covers')) is not true
    or (p_url is null or char_length(p_url) <= 500 and p_url ~ ('/' || p_bucket || '/' || p_user_id || '/[a-z0-9.-]+$')) is not true
  then
    return private.community_refusal('invalid_request', 'Expected are a bucket and the address of a file in the user''s folder');
  end if;
  select case p_bucket when 'avatars' then avatar_url else cover_url end into v_replaced
  from public.profiles where id = p_user_id for no key update;
  if not found then
    return private.community_refusal('not_found', 'There is no such profile');
  elsif p_bucket = 'avatars' then
    update public.profiles set avatar_url = p_url where id = p_user_id;
  else
    update public.profiles set cover_url = p_url where id = p_user_id;
  end if;
  return private.community_done(jsonb_build_object('replaced', nullif(v_replaced, p_url)));
end;
$$;

comment on function public.set_profile_picture(uuid, text, text) is
  'Shows a file as a user''s picture, of bucket avatars or covers; null: none. Returns success, error, replaced (the address '
  'that was shown before). Errors: invalid_request, not_found.';

create function private.profile_shows(p_bucket text, p_path text)
returns boolean
language sql
stable
set search_path = ''
as $$
  select exists (
    select from public.profiles
    where id = case when p_path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/' then left(p_path, 36)::uuid end
      and right(case p_bucket when 'avatars' then avatar_url else cover_url end, char_length(p_bucket || p_path) + 2)
        = '/' || p_bucket || '/' || p_path);
$$;

comment on function private.profile_shows(text, text) is 'Whether a profile shows a file.';

create function public.pictures_to_remove(
  p_after_bucket text default null,
  p_after_path text default null,
  p_limit integer default 1000
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(coalesce(p_limit, 1000), 1), 1000);
  v_files jsonb;
  v_last jsonb;
  v_count integer;
begin
  with looked_at as materialized (
    select bucket_id, name, created_at, jsonb_build_object('bucket', bucket_id, 'path', name) as file
    from storage.objects
    where bucket_id in ('avatars', 'covers') and (bucket_id, name) > (coalesce(p_after_bucket, ''), coalesce(p_after_path, ''))
    order by bucket_id, name
    limit v_limit
  )
  select
    jsonb_agg(file order by bucket_id, name) filter (
      -- A file is stored before it is shown.
      where created_at < now() - interval '1 hour' and not private.profile_shows(bucket_id, name)),
    (array_agg(file order by bucket_id desc, name desc))[1],
    count(*)
  into v_files, v_last, v_count
  from looked_at;
  return private.community_done(jsonb_build_object('files', coalesce(v_files, '[]'),
    'next_after', case when v_count = v_limit then v_last end));
end;
$$;

comment on function public.pictures_to_remove(text, text, integer) is
  'Of the next p_limit pictures those that nothing shows any more, to be removed through Storage''s API; deleting the row in SQL '
  'would leave the file behind. The next page: next_after, as p_after_bucket and p_after_path. Returns success, files (each with '
  'bucket and path), next_after (null at the end).';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  public.set_profile_picture(uuid, text, text),
  private.profile_shows(text, text),
  public.pictures_to_remove(text, text, integer)
from public, anon, authenticated;

grant execute on function
  public.set_profile_picture(uuid, text, text),
  public.pictures_to_remove(text, text, integer)
to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('clean_up_pictures', '50 3 * * *', 'http', 'profile/clean-up-pictures', false, null, 140000, '2 days',
    'Removes pictures that no profile shows any more');

select private.install_schedule();
