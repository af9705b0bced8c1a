-- Salons: the rooms of the community, and the code by which members invite others.
--
-- The row of a salon is the lock of everything in it: whoever changes a salon or who is in it has that row first
-- (docs/decisions/community.md has the order of all locks).

-- Tables --------------------------------------------------------------------------------------------------------

create table public.salons (
  id uuid not null default gen_random_uuid(),
  name text not null,
  description text,
  avatar_url text,
  category text,
  city text,
  color_theme text not null default '#8B5CF6',
  owner_id uuid,
  visibility text not null default 'public',
  is_active boolean not null default true,
  archived_at timestamptz,
  deleted_at timestamptz,
  member_count integer not null default 0,
  slow_mode_s integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint salons_pkey primary key (id),
  constraint salons_name_short check (char_length(name) between 1 and 100),
  constraint salons_description_short check (char_length(description) between 1 and 2000),
  constraint salons_avatar_url_short check (char_length(avatar_url) <= 500),
  constraint salons_category_short check (char_length(category) between 1 and 50),
  constraint salons_city_short check (char_length(city) between 1 and 100),
  constraint salons_color_theme_a_color check (color_theme ~ '^#[0-9A-Fa-f]{6}$'),
  constraint salons_visibility_known check (visibility in ('public', 'private')),
  constraint salons_slow_mode_s_in_range check (slow_mode_s between 0 and 86400),
  constraint salons_member_count_not_negative check (member_count >= 0),
  constraint salons_owned_until_deleted check ((owner_id is null) = (deleted_at is not null)),
  constraint salons_active_until_archived check (is_active = (archived_at is null and deleted_at is null))
) with (fillfactor = 80); -- Who joins and leaves rewrites the row.

create index salons_owner_id_idx on public.salons (owner_id);
-- The directory: the newest first, in all, of a category, of a city, and of both.
create index salons_public_idx on public.salons (created_at desc, id desc) where visibility = 'public' and is_active;
create index salons_public_category_idx on public.salons (category, created_at desc, id desc)
  where visibility = 'public' and is_active;
create index salons_public_city_idx on public.salons (lower(city), created_at desc, id desc)
  where visibility = 'public' and is_active;
create index salons_public_city_category_idx on public.salons (lower(city), category, created_at desc, id desc)
  where visibility = 'public' and is_active;
create index salons_deleted_at_idx on public.salons (deleted_at) where deleted_at is not null;

comment on table public.salons is 'The rooms of the community. Public ones are in the directory; private ones only their members see.';
comment on column public.salons.name is 'For people; trimmed.';
comment on column public.salons.description is 'What it is about; trimmed.';
comment on column public.salons.avatar_url is 'The address of its picture, which a function writes.';
comment on column public.salons.category is 'By which the directory finds it.';
comment on column public.salons.city is 'By which the directory finds it, in whatever case.';
comment on column public.salons.color_theme is 'The color of its page: #RRGGBB.';
comment on column public.salons.owner_id is 'The member with the role owner: always exactly one, until it is deleted.';
comment on column public.salons.visibility is 'public: in the directory, and any user may join. private: by invitation.';
comment on column public.salons.is_active is 'False once it is archived or deleted: nobody writes in it or joins.';
comment on column public.salons.archived_at is 'Since when its members may only read it.';
comment on column public.salons.deleted_at is 'Since when it has no members, and nobody sees it; a job takes the rest.';
comment on column public.salons.member_count is 'How many rows of salon_members it has, counted by a trigger on them.';
comment on column public.salons.slow_mode_s is 'How long a member waits between two messages, in seconds; owner and moderators do not.';
comment on column public.salons.updated_at is 'When its presentation was changed; who comes and goes does not count.';

create table private.salon_codes (
  salon_id uuid not null,
  code text collate "C" not null,
  salon_made_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  constraint salon_codes_pkey primary key (salon_id),
  constraint salon_codes_code_key unique (code),
  constraint salon_codes_code_in_groups check (code ~ '^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$'),
  constraint salon_codes_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade
);

create index salon_codes_salon_made_by_idx on private.salon_codes (salon_made_by);

comment on table private.salon_codes is
  'The share code of each salon, for members to pass on. Whoever renews it closes the old one.';
comment on column private.salon_codes.salon_id is 'The salon that it opens.';
comment on column private.salon_codes.code is
  'Sixteen of Crockford''s 32 characters in groups of four, to be dictated: 80 bits, which nobody guesses however often it tries.';
comment on column private.salon_codes.salon_made_by is
  'Whose share of salon_settings.salons_per_user the salon takes, whoever owns it now; null once that one was forgotten.';

create table private.salon_settings (
  id boolean not null default true,
  salons_per_user integer not null default 20,
  memberships_per_user integer not null default 500,
  members_per_salon integer not null default 10000,
  invitations_per_salon integer not null default 50,
  bans_per_salon integer not null default 10000,
  words_per_salon integer not null default 200,
  constraint salon_settings_pkey primary key (id),
  constraint salon_settings_one_row check (id),
  constraint salon_settings_not_negative check (least(salons_per_user, memberships_per_user, members_per_salon,
    invitations_per_salon, bans_per_salon, words_per_salon) >= 0)
);

comment on table private.salon_settings is 'How many of each there may be, changed by an operator in SQL.';
comment on column private.salon_settings.salons_per_user is 'How many salons that a user made there may be. What others hand over to it does not count.';
comment on column private.salon_settings.memberships_per_user is 'In how many salons a user may be.';
comment on column private.salon_settings.members_per_salon is 'How many members a salon may have.';
comment on column private.salon_settings.invitations_per_salon is 'How many invitations to a salon may be open.';
comment on column private.salon_settings.bans_per_salon is 'How many users a salon may keep out.';
comment on column private.salon_settings.words_per_salon is 'How many words a salon may refuse.';

insert into private.salon_settings default values;

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.salons enable row level security;
alter table private.salon_codes enable row level security;
alter table private.salon_settings enable row level security;

create policy "nobody but the functions" on private.salon_codes using (false);
create policy "nobody but the functions" on private.salon_settings using (false);

create policy "servers read salons" on public.salons for select to service_role using (true);
-- Which columns: see the grants. What nobody owns any more, nobody changes.
create policy "owners present their salon" on public.salons for update to authenticated
  using (owner_id = (select auth.uid()) and is_active) with check (owner_id = (select auth.uid()) and is_active);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.tidy_salon()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  new.name := private.tidy_line(new.name);
  new.description := private.tidy_text(new.description);
  new.category := lower(private.tidy_line(new.category));
  new.city := private.tidy_line(new.city);
  if tg_op = 'UPDATE' then
    new.updated_at := clock_timestamp();
  end if;
  return new;
end;
$$;

comment on function private.tidy_salon() is 'Trims what people typed, before the table''s checks measure it.';

create trigger tidy_salon before insert or update of name, description, avatar_url, category, city, color_theme, visibility
  on public.salons for each row execute function private.tidy_salon();

create function private.limit_salon_changes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if private.community_limit((select auth.uid()), 'salons', 60, 3600) is not null then
    raise exception 'Your salons were changed too often: try again later' using errcode = 'PT429';
  end if;
  -- In the order of all who lock several: the statement itself would lock them as they lie.
  perform from public.salons where owner_id = (select auth.uid()) order by id for no key update;
  return null;
end;
$$;

comment on function private.limit_salon_changes() is
  'Limits how often a user changes its salons: 60 times an hour. Locks them, by id, before the statement does.';

create trigger limit_changes before update of name, description, category, city, color_theme, visibility on public.salons
  for each statement when (current_user = 'authenticated') execute function private.limit_salon_changes();

create function private.random_code(p_length integer)
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  -- Crockford's: without I, L, O and U, which are misread.
  v_characters constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  v_code text := '';
begin
  for v_place in 1..p_length loop
    -- The first byte of a random UUID is all random.
    v_code := v_code || substr(v_characters, (get_byte(uuid_send(gen_random_uuid()), 0) & 31) + 1, 1);
  end loop;
  return v_code;
end;
$$;

comment on function private.random_code(integer) is 'So many characters of 5 random bits each, from the server''s strong source.';

create function private.plain_code(p_code text)
returns text
language sql
immutable
set search_path = ''
as $$
  select translate(upper(left(p_code, 100)), 'OIL- ', '011');
$$;

comment on function private.plain_code(text) is 'A code as it was made, whichever way it was typed: o for 0, l for 1, in groups.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.salons to authenticated, service_role;
grant update (name, description, category, city, color_theme, visibility) on public.salons to authenticated;

revoke execute on function
  private.tidy_salon(),
  private.limit_salon_changes(),
  private.random_code(integer),
  private.plain_code(text)
from public, anon, authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.salons where owner_id = gen_random_uuid();
  perform 1 from public.salons where deleted_at is not null order by deleted_at limit 1;
  perform 1 from private.salon_codes where code = '';
  perform 1 from private.salon_codes where salon_made_by = gen_random_uuid();
end;
$$;
