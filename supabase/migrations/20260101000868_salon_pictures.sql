-- Pictures of salons: a public bucket that only the function `salons` writes, for owner and moderators.

-- Bucket --------------------------------------------------------------------------------------------------------

-- A bucket that a project has already gets these limits, too.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('salon-avatars', 'salon-avatars', true, 2 * 1024 * 1024, array['image/jpeg', 'image/png', 'image/webp'])
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

-- Functions -----------------------------------------------------------------------------------------------------

create function public.may_present_salon(p_user_id uuid, p_salon_id uuid)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(private.role_in_salon(p_salon_id, p_user_id) = 'owner'
    and (select is_active from public.salons where id = p_salon_id), false);
$$;

comment on function public.may_present_salon(uuid, uuid) is
  'Whether a user is the owner of a salon that is not archived: asked before a picture is stored. set_salon_avatar asks again.';

create function public.set_salon_avatar(p_user_id uuid, p_salon_id uuid, p_url text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal constant jsonb := private.community_refusal('not_found', 'You own no such salon, or it is archived');
  v_replaced text;
begin
  if p_salon_id is null
    or (p_url is null or char_length(p_url) <= 500 and p_url ~ ('/salon-avatars/' || p_salon_id || '/[a-z0-9.-]+$')) is not true
  then
    return private.community_refusal('invalid_request', 'Expected is the address of a file in the salon''s folder');
  end if;
  -- Asked twice: who is not its owner locks no salon, and who became owner while this one waited is seen.
  if not public.may_present_salon(p_user_id, p_salon_id) then
    return v_refusal;
  end if;
  select avatar_url into v_replaced from public.salons where id = p_salon_id for update;
  if not public.may_present_salon(p_user_id, p_salon_id) then
    return v_refusal;
  end if;
  update public.salons set avatar_url = p_url where id = p_salon_id;
  return private.community_done(jsonb_build_object('replaced', nullif(v_replaced, p_url)));
end;
$$;

comment on function public.set_salon_avatar(uuid, uuid, text) is
  'Shows a file as a salon''s picture, as its owner; null: none. Returns success, error, replaced (the address that was shown '
  'before). Errors: invalid_request, not_found.';

create function private.salon_shows(p_path text)
returns boolean
language sql
stable
set search_path = ''
as $$
  select exists (
    select from public.salons
    where id = case when p_path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/' then left(p_path, 36)::uuid end
      and deleted_at is null
      and right(avatar_url, char_length(p_path) + 15) = '/salon-avatars/' || p_path);
$$;

comment on function private.salon_shows(text) is 'Whether a salon shows a file.';

create or replace function public.pictures_to_remove(
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
    where bucket_id in ('avatars', 'covers', 'salon-avatars') and (bucket_id, name) > (coalesce(p_after_bucket, ''), coalesce(p_after_path, ''))
    order by bucket_id, name
    limit v_limit
  )
  select
    jsonb_agg(file order by bucket_id, name) filter (
      -- A file is stored before it is shown.
      where created_at < now() - interval '1 hour' and not case bucket_id
        when 'salon-avatars' then private.salon_shows(name)
        else private.profile_shows(bucket_id, name)
      end),
    (array_agg(file order by bucket_id desc, name desc))[1],
    count(*)
  into v_files, v_last, v_count
  from looked_at;
  return private.community_done(jsonb_build_object('files', coalesce(v_files, '[]'),
    'next_after', case when v_count = v_limit then v_last end));
end;
$$;

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  public.may_present_salon(uuid, uuid),
  public.set_salon_avatar(uuid, uuid, text),
  private.salon_shows(text)
from public, anon, authenticated;

grant execute on function
  public.may_present_salon(uuid, uuid),
  public.set_salon_avatar(uuid, uuid, text)
to service_role;
