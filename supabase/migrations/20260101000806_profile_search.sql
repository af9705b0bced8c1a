-- People are found by the beginnings of their names' words and by their city, whatever the accents.

-- Functions -----------------------------------------------------------------------------------------------------

create function private.fold(p_text text)
returns text
language plpgsql -- Which keeps its plan: it runs for each row that an index enters.
immutable
set search_path = ''
as $$
begin
  return regexp_replace(normalize(lower(p_text), nfkd), '[\u0300-\u036F]', '', 'g');
end;
$$;

comment on function private.fold(text) is 'A text as it is compared: small letters without accents.';

create index profiles_full_name_idx on public.profiles using gin (private.fold(full_name) extensions.gin_trgm_ops);
create index profiles_city_idx on public.profiles using gin (private.fold(city) extensions.gin_trgm_ops);

create function private.like_text(p_text text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(private.fold(private.tidy_line(left(p_text, 80))), '([\\%_])', '\\\1', 'g');
$$;

comment on function private.like_text(text) is 'What somebody looks for, folded, and with nothing in it that like would interpret.';

create function public.search_profiles(p_query text default null, p_city text default null, p_limit integer default 20)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- The conditions that were not asked for must be gone before the plan is made.
set plan_cache_mode = force_custom_plan
as $$
declare
  v_name constant text := private.fold(private.tidy_line(left(p_query, 80)));
  v_name_like constant text := private.like_text(p_query);
  v_city_like constant text := private.like_text(p_city);
  v_hidden constant uuid[] := private.my_blocked_ids();
  v_refusal jsonb;
  v_found jsonb;
begin
  if greatest(char_length(v_name), char_length(v_city_like)) < 2 or num_nonnulls(v_name, v_city_like) = 0 then
    return private.community_refusal('invalid_request', 'Expected are at least two characters of a name or a city');
  end if;
  v_refusal := private.community_limit((select auth.uid()), 'search_profiles', 60, 60);
  if v_refusal is not null then
    return v_refusal;
  end if;
  with candidates as (
    select id, full_name, avatar_url, bio, city, interests, presence_status,
      extensions.similarity(private.fold(full_name), v_name) as likeness
    from public.profiles
    where (v_name is null or private.fold(full_name) like v_name_like || '%' or private.fold(full_name) like '% ' || v_name_like || '%'
        or private.fold(full_name) operator(extensions.%) v_name)
      and (v_city_like is null or private.fold(city) like v_city_like || '%')
      and id <> all(v_hidden)
    -- A name that many share would otherwise be sorted whole.
    limit 1000
  ),
  best as (
    select * from candidates
    order by likeness desc nulls last, full_name nulls last, id
    limit least(greatest(coalesce(p_limit, 20), 1), 50)
  )
  select jsonb_agg(to_jsonb(best) - 'likeness' order by likeness desc nulls last, full_name nulls last, id)
  into v_found
  from best;
  return private.community_done(jsonb_build_object('profiles', coalesce(v_found, '[]')));
end;
$$;

comment on function public.search_profiles(text, text, integer) is
  'Up to 50 people by the beginning of a word of their name, or a similar name, and by their city; the most similar first. '
  'Leaves out whom the caller has blocked, and who has blocked it. Returns success, error, profiles. Errors: '
  'invalid_request, rate_limited.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.fold(text),
  private.like_text(text),
  public.search_profiles(text, text, integer)
from public, anon, authenticated;

-- An index is kept with the rights of who changes the row.
grant execute on function private.fold(text) to authenticated;
grant execute on function public.search_profiles(text, text, integer) to authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.profiles where private.fold(full_name) like 'abc%';
  perform 1 from public.profiles where private.fold(city) like 'abc%';
end;
$$;
