-- How one comes into a salon, and out of it: made, joined by a code or from the directory, and left.
--
-- Locks, in this order: the caller's row of auth.users, its limits, its memberships (an advisory lock), the salon's row, then
-- the rest. Outcomes are returned and never raised.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.salon_invitations (
  id uuid not null default gen_random_uuid(),
  salon_id uuid not null,
  created_by uuid not null,
  code_digest text collate "C" not null,
  max_uses integer not null,
  uses integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  constraint salon_invitations_pkey primary key (id),
  constraint salon_invitations_code_digest_key unique (code_digest),
  constraint salon_invitations_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint salon_invitations_within_uses check (uses between 0 and max_uses)
);

create index salon_invitations_salon_id_idx on private.salon_invitations (salon_id);
create index salon_invitations_created_by_idx on private.salon_invitations (created_by);
create index salon_invitations_expires_at_idx on private.salon_invitations (expires_at);

comment on table private.salon_invitations is 'Open invitations to salons. Deleted soon after their end.';
comment on column private.salon_invitations.salon_id is 'The salon that it opens.';
comment on column private.salon_invitations.created_by is 'Who invites: once that one may not any more, it is deleted.';
comment on column private.salon_invitations.code_digest is
  'SHA-256 of the code, in hexadecimal: whoever reads this table can join nothing. The code has 120 random bits.';
comment on column private.salon_invitations.max_uses is 'How many may join with it.';
comment on column private.salon_invitations.uses is
  'How many have joined with it. Who is a member already takes none, and who comes back takes no second one.';
comment on column private.salon_invitations.expires_at is 'From then on it opens nothing.';

create table private.salon_invitation_uses (
  invitation_id uuid not null,
  user_digest text collate "C" not null,
  constraint salon_invitation_uses_pkey primary key (invitation_id, user_digest),
  constraint salon_invitation_uses_invitation_fkey foreign key (invitation_id) references private.salon_invitations (id)
    on delete cascade
);

comment on table private.salon_invitation_uses is 'Who has joined with an open invitation: nobody uses it up for the others.';
comment on column private.salon_invitation_uses.invitation_id is 'The invitation, with which it goes.';
comment on column private.salon_invitation_uses.user_digest is
  'SHA-256 of the invitation and the user, in hexadecimal. It names nobody once that one was forgotten, so forgetting need not '
  'lock rows of salons that the user left long ago.';

create table private.salon_bans (
  salon_id uuid not null,
  user_id uuid not null,
  until timestamptz not null,
  reason text,
  banned_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  constraint salon_bans_pkey primary key (salon_id, user_id),
  constraint salon_bans_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint salon_bans_reason_short check (char_length(reason) between 1 and 500)
);

create index salon_bans_user_id_idx on private.salon_bans (user_id);
create index salon_bans_banned_by_idx on private.salon_bans (banned_by);
create index salon_bans_until_idx on private.salon_bans (until);

comment on table private.salon_bans is 'Who may not be in a salon, and until when. Who is here has no row in salon_members.';
comment on column private.salon_bans.salon_id is 'The salon.';
comment on column private.salon_bans.user_id is 'Who is kept out.';
comment on column private.salon_bans.until is 'From then on the user may come back; infinity: once it is lifted.';
comment on column private.salon_bans.reason is 'What the user is told.';
comment on column private.salon_bans.banned_by is 'Who decided it; null once that one was forgotten.';

create table private.salon_absences (
  salon_id uuid not null,
  user_id uuid not null,
  removed_at timestamptz,
  muted_until timestamptz,
  constraint salon_absences_pkey primary key (salon_id, user_id),
  constraint salon_absences_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade
);

create index salon_absences_user_id_idx on private.salon_absences (user_id);
create index salon_absences_muted_until_idx on private.salon_absences (muted_until) where removed_at is null;
create index salon_absences_removed_at_idx on private.salon_absences (removed_at);

comment on table private.salon_absences is
  'What a salon remembers of those who are gone, so that coming back undoes no decision. Who left at peace has no row.';
comment on column private.salon_absences.salon_id is 'The salon.';
comment on column private.salon_absences.user_id is 'Who was a member.';
comment on column private.salon_absences.removed_at is
  'When the user was kicked: for a year it comes back only with a code made since. Null: it left by itself.';
comment on column private.salon_absences.muted_until is 'Until then the user is muted again when it comes back.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.salon_invitations enable row level security;
alter table private.salon_invitation_uses enable row level security;
alter table private.salon_bans enable row level security;
alter table private.salon_absences enable row level security;

create policy "nobody but the functions" on private.salon_invitations using (false);
create policy "nobody but the functions" on private.salon_invitation_uses using (false);
create policy "nobody but the functions" on private.salon_bans using (false);
create policy "nobody but the functions" on private.salon_absences using (false);

-- Functions: what all calls begin with --------------------------------------------------------------------------

create function private.begin_salon_call(p_name text, p_quota integer, p_window_s integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_user_id constant uuid := auth.uid();
begin
  -- Held until the end, so that an account that is being deleted is forgotten after this call, or stops it.
  perform from auth.users where id = v_user_id for key share;
  if not found then
    return private.community_refusal('unauthorized', 'Sign in first');
  end if;
  return private.community_limit(v_user_id, p_name, p_quota, p_window_s);
end;
$$;

comment on function private.begin_salon_call(text, integer, integer) is
  'Makes sure that the caller has an account and takes one call from its limit. Null if it may go on, else the refusal.';

create function private.lock_my_salons(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('salons of ' || p_user_id, 0));
end;
$$;

comment on function private.lock_my_salons(uuid) is
  'Keeps other calls from changing in which salons a user is by joining or making one, until the transaction ends.';

create function private.lock_salon(p_salon_id uuid)
returns public.salons
language plpgsql
set search_path = ''
as $$
declare
  v_salon public.salons;
begin
  select * into v_salon from public.salons where id = p_salon_id and deleted_at is null for update;
  return v_salon;
end;
$$;

comment on function private.lock_salon(uuid) is
  'Locks a salon until the transaction ends, and returns it as it is then; all null if there is none.';

create function private.lock_salon_as(p_salon_id uuid, p_roles text[])
returns public.salons
language plpgsql
set search_path = ''
as $$
declare
  v_salon public.salons;
begin
  -- Asked twice: strangers lock no salon, and what was decided while this one waited counts.
  if private.salon_role(p_salon_id) = any(p_roles) then
    v_salon := private.lock_salon(p_salon_id);
    if private.salon_role(p_salon_id) = any(p_roles) then
      return v_salon;
    end if;
  end if;
  return null;
end;
$$;

comment on function private.lock_salon_as(uuid, text[]) is
  'Locks a salon for a caller of one of these roles, and returns it; all null for others, who wait for nobody and keep nobody '
  'waiting.';

create function private.role_in_salon(p_salon_id uuid, p_user_id uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select role from public.salon_members where salon_id = p_salon_id and user_id = p_user_id);
end;
$$;

comment on function private.role_in_salon(uuid, uuid) is 'Anybody''s role in a salon, for functions; null for who is no member.';

create function private.digest_of_code(p_code text)
returns text
language sql
immutable
set search_path = ''
as $$
  select encode(sha256(convert_to(p_code, 'UTF8')), 'hex');
$$;

comment on function private.digest_of_code(text) is 'What is kept of an invitation''s code.';

create function private.code_in_groups(p_code text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(p_code, '(....)(?=.)', '\1-', 'g');
$$;

comment on function private.code_in_groups(text) is 'A code of plain_code() in groups of four, as share codes are kept and shown.';

create function private.give_salon_code(p_salon_id uuid, p_made_by uuid default null)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_code constant text := private.code_in_groups(private.random_code(16));
begin
  insert into private.salon_codes (salon_id, code, salon_made_by) values (p_salon_id, v_code, p_made_by)
  on conflict (salon_id) do update set code = excluded.code, created_at = excluded.created_at;
  return v_code;
end;
$$;

comment on function private.give_salon_code(uuid, uuid) is
  'Gives a salon a new share code, which closes the one before; p_made_by counts for a new salon. Its caller has locked it.';

create function private.has_room_for_salon(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select count(*) from public.salon_members where user_id = p_user_id)
    < (select memberships_per_user from private.salon_settings);
end;
$$;

comment on function private.has_room_for_salon(uuid) is 'Whether a user may be in one more salon. Its caller has locked the user''s salons.';

create function private.may_make_salon(p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select count(*) from private.salon_codes where salon_made_by = p_user_id)
    < (select salons_per_user from private.salon_settings);
end;
$$;

comment on function private.may_make_salon(uuid) is 'Whether a user may make one more salon. Its caller has locked the user''s salons.';

create function private.end_salon_membership(p_salon_id uuid, p_user_id uuid, p_is_removed boolean)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  insert into private.salon_absences as known (salon_id, user_id, removed_at, muted_until)
  select salon_id, user_id, case when p_is_removed then v_now end, case when muted_until > v_now then muted_until end
  from public.salon_members
  where salon_id = p_salon_id and user_id = p_user_id and (p_is_removed or muted_until > v_now)
  on conflict (salon_id, user_id) do update
  set removed_at = excluded.removed_at, muted_until = excluded.muted_until;
  delete from public.salon_members where salon_id = p_salon_id and user_id = p_user_id;
  -- Whoever may invite no more leaves no doors open.
  delete from private.salon_invitations where salon_id = p_salon_id and created_by = p_user_id;
end;
$$;

comment on function private.end_salon_membership(uuid, uuid, boolean) is
  'Takes a member out of a salon, and back the invitations that it made; a mute is remembered. Its caller has locked the salon.';

create function private.close_salon_of(p_salon_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  delete from private.salon_codes where salon_id = p_salon_id;
  delete from private.salon_invitations where salon_id = p_salon_id;
  delete from public.salon_members where salon_id = p_salon_id;
  update public.salons set owner_id = null, is_active = false, deleted_at = clock_timestamp(), name = '–',
    description = null, avatar_url = null, category = null, city = null
  where id = p_salon_id;
end;
$$;

comment on function private.close_salon_of(uuid) is
  'Deletes a salon for everybody at once; purge_deleted_salons takes its row and what hangs on it. Its caller has locked it.';

-- Functions: made ------------------------------------------------------------------------------------------------

create function private.id_of_request(p_user_id uuid, p_request_id text)
returns uuid
language sql
immutable
set search_path = ''
as $$
  -- A UUID of version 8: made by the application.
  select overlay(overlay(left(private.digest_of_code(p_user_id || ' ' || p_request_id), 32)
    placing '8' from 13) placing 'a' from 17)::uuid;
$$;

comment on function private.id_of_request(uuid, text) is
  'The id of what a user''s request makes: a retry finds the same, and nobody can name another''s. Null without a request.';

create function public.create_salon_with_code(
  p_name text,
  p_description text default null,
  p_category text default null,
  p_city text default null,
  p_color_theme text default null,
  p_visibility text default 'public',
  p_request_id text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := auth.uid();
  v_refusal jsonb;
  v_id constant uuid := coalesce(private.id_of_request(v_user_id, p_request_id), gen_random_uuid());
  v_known public.salons;
begin
  v_refusal := private.begin_salon_call('salons/create', 20, 3600);
  if v_refusal is not null then
    return v_refusal;
  elsif p_request_id = '' or char_length(p_request_id) > 255 then
    return private.community_refusal('invalid_request', 'A request_id has 1 to 255 characters');
  end if;
  perform private.lock_my_salons(v_user_id);
  select * into v_known from public.salons where id = v_id;
  if found and v_known.owner_id = v_user_id then
    return private.community_done(jsonb_build_object('salon_id', v_id,
      'share_code', (select code from private.salon_codes where salon_id = v_id)));
  elsif found then
    return private.community_refusal('idempotency_key_reused', 'This request made a salon that is not yours any more');
  elsif not private.may_make_salon(v_user_id) or not private.has_room_for_salon(v_user_id) then
    return private.community_refusal('salon_limit_reached', 'You have as many salons as a user may have');
  end if;
  begin
    insert into public.salons (id, name, description, category, city, color_theme, owner_id, visibility)
    values (v_id, p_name, p_description, p_category, p_city, coalesce(p_color_theme, '#8B5CF6'), v_user_id, p_visibility);
  exception when check_violation or not_null_violation then
    return private.community_refusal('invalid_request', 'Expected are a name of 1 to 100 characters, a description of at most '
      '2000, a category of 50, a city of 100, a color like #8B5CF6, and a visibility: public or private');
  end;
  insert into public.salon_members (salon_id, user_id, role) values (v_id, v_user_id, 'owner');
  return private.community_done(jsonb_build_object('salon_id', v_id, 'share_code', private.give_salon_code(v_id, v_user_id)));
end;
$$;

comment on function public.create_salon_with_code(text, text, text, text, text, text, text) is
  'Makes a salon with the caller as its owner, and its share code. The same request again gets the same salon. Returns success, '
  'error, salon_id, share_code. Errors: unauthorized, rate_limited, invalid_request, salon_limit_reached, '
  'idempotency_key_reused.';

-- Functions: joined ----------------------------------------------------------------------------------------------

create function private.answer_at_door(p_salon public.salons, p_share_code text, p_invitation_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_user_id constant uuid := auth.uid();
  -- One answer for a code that is unknown, over, used up, withdrawn or older than a removal: nobody learns which it is.
  v_unknown constant jsonb := private.community_refusal('not_found', 'This invitation is not valid, or not any more');
  v_now constant timestamptz := clock_timestamp();
  v_role text;
  v_ban private.salon_bans;
  v_absence private.salon_absences;
  v_made_at timestamptz;
begin
  if p_salon.is_active is not true then
    return v_unknown;
  elsif p_share_code is not null then
    select created_at into v_made_at from private.salon_codes where salon_id = p_salon.id and code = p_share_code;
  elsif p_invitation_id is not null then
    select created_at into v_made_at from private.salon_invitations where id = p_invitation_id and expires_at > v_now;
  elsif p_salon.visibility = 'public' then
    v_made_at := '-infinity';
  end if;
  if v_made_at is null then
    return v_unknown;
  end if;
  v_role := private.role_in_salon(p_salon.id, v_user_id);
  if v_role is not null then
    return private.community_done(jsonb_build_object('salon_id', p_salon.id, 'role', v_role, 'is_new', false));
  end if;
  select * into v_ban from private.salon_bans where salon_id = p_salon.id and user_id = v_user_id and until > v_now;
  if found then
    return private.community_refusal('banned', 'You may not be in this salon')
      || jsonb_build_object('until', nullif(v_ban.until, 'infinity'), 'reason', v_ban.reason);
  end if;
  select * into v_absence from private.salon_absences where salon_id = p_salon.id and user_id = v_user_id;
  if v_absence.removed_at >= v_made_at then
    return case when p_share_code is null and p_invitation_id is null
      then private.community_refusal('removed', 'You were removed from this salon: ask for an invitation')
      else v_unknown end;
  elsif p_salon.member_count >= (select members_per_salon from private.salon_settings)
    or not private.has_room_for_salon(v_user_id)
  then
    return private.community_refusal('salon_limit_reached', 'The salon has as many members, or you have as many salons, as may be');
  elsif p_invitation_id is not null
    and not exists (select from private.salon_invitations where id = p_invitation_id and uses < max_uses)
  then
    return v_unknown;
  end if;
  return null;
end;
$$;

comment on function private.answer_at_door(public.salons, text, uuid) is
  'What the caller is answered who wants into a salon and does not become a member: why not, or that it is one. Null for who may '
  'come in.';

create function private.admit_to_salon(p_salon_id uuid, p_share_code text, p_invitation_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_user_id constant uuid := auth.uid();
  v_salon public.salons;
  v_answer jsonb;
  v_muted_until timestamptz;
  v_now timestamptz;
begin
  perform private.lock_my_salons(v_user_id);
  -- Asked twice: who does not come in locks no salon, and what was decided while this one waited counts.
  select * into v_salon from public.salons where id = p_salon_id and deleted_at is null;
  v_answer := private.answer_at_door(v_salon, p_share_code, p_invitation_id);
  if v_answer is null then
    v_salon := private.lock_salon(p_salon_id);
    v_answer := private.answer_at_door(v_salon, p_share_code, p_invitation_id);
  end if;
  if v_answer is not null then
    return v_answer;
  end if;
  v_now := clock_timestamp();
  if p_invitation_id is not null then
    insert into private.salon_invitation_uses (invitation_id, user_digest)
    values (p_invitation_id, private.digest_of_code(p_invitation_id || ' ' || v_user_id))
    on conflict (invitation_id, user_digest) do nothing;
    -- Who comes back has taken its place before.
    if found then
      update private.salon_invitations set uses = uses + 1 where id = p_invitation_id and uses < max_uses;
    end if;
  end if;
  delete from private.salon_absences where salon_id = p_salon_id and user_id = v_user_id
  returning muted_until into v_muted_until;
  insert into public.salon_members (salon_id, user_id, joined_at, muted_until)
  values (p_salon_id, v_user_id, v_now, case when v_muted_until > v_now then v_muted_until end);
  return private.community_done(jsonb_build_object('salon_id', p_salon_id, 'role', 'member', 'is_new', true));
end;
$$;

comment on function private.admit_to_salon(uuid, text, uuid) is
  'Makes the caller a member of a salon: with its share code, with an invitation, or with neither if it is public.';

create function public.join_salon_via_code(p_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_code constant text := private.plain_code(p_code);
  v_refusal jsonb;
  v_guesses jsonb;
  v_taken jsonb;
  v_salon_id uuid;
  v_invitation_id uuid;
  v_outcome jsonb;
begin
  v_refusal := private.begin_salon_call('salons/join', 60, 600);
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- Codes that open something are given back below. This keeps off who tries without end, and no more: REST rolls a call
  -- back whose answer its client does not accept, and this count with it. That nobody guesses a code is up to its bits.
  v_guesses := jsonb_build_array(jsonb_build_object('name', 'salon codes', 'key', 'salon codes ' || auth.uid(), 'quota', 10,
    'window_s', 3600));
  v_taken := public.take_rate_limits(v_guesses);
  if (v_taken -> 'allowed')::boolean is not true then
    return private.community_refusal('rate_limited', 'Too many codes that are not valid: try again later')
      || jsonb_build_object('retry_after_s', v_taken -> 'retry_after_s');
  end if;
  if char_length(v_code) = 16 then
    select salon_id into v_salon_id from private.salon_codes where code = private.code_in_groups(v_code);
    v_outcome := private.admit_to_salon(v_salon_id, private.code_in_groups(v_code), null);
  else
    select id, salon_id into v_invitation_id, v_salon_id
    from private.salon_invitations where code_digest = private.digest_of_code(v_code);
    v_outcome := private.admit_to_salon(v_salon_id, null, v_invitation_id);
  end if;
  if v_outcome ->> 'error' is distinct from 'not_found' then
    perform private.give_back_rate_limits(v_guesses);
  end if;
  return v_outcome;
end;
$$;

comment on function public.join_salon_via_code(text) is
  'Makes the caller a member of the salon of a share code or of an invitation. Who is a member already stays what it is, and '
  'takes no use. 10 codes an hour may be wrong. Returns success, error, salon_id, role, is_new. Errors: unauthorized, '
  'rate_limited, not_found (one answer for every code that opens nothing), banned (with until and reason), '
  'salon_limit_reached.';

create function public.join_salon(p_salon_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return coalesce(private.begin_salon_call('salons/join', 60, 600), private.admit_to_salon(p_salon_id, null, null));
end;
$$;

comment on function public.join_salon(uuid) is
  'Makes the caller a member of a public salon, as the directory shows them. Returns success, error, salon_id, role, is_new. '
  'Errors: unauthorized, rate_limited, not_found (also for a private one), banned (with until and reason), removed (who was '
  'kicked needs an invitation), salon_limit_reached.';

create function public.user_is_salon_member(p_salon_id uuid, p_user_id uuid default null)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  -- About others it says nothing: neither yes nor no.
  return case when coalesce(p_user_id, auth.uid()) = auth.uid() then
    exists (select from public.salon_members where salon_id = p_salon_id and user_id = (select auth.uid())) end;
end;
$$;

comment on function public.user_is_salon_member(uuid, uuid) is
  'Whether the caller is a member of a salon; null when asked about somebody else.';

-- Functions: invited ---------------------------------------------------------------------------------------------

create function public.create_salon_invitation(
  p_salon_id uuid,
  p_max_uses integer default 1,
  p_expires_in_s integer default 604800
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_salon public.salons;
  v_code text;
  v_now timestamptz;
  v_invitation private.salon_invitations;
begin
  v_refusal := private.begin_salon_call('salons/invite', 60, 3600);
  if v_refusal is not null then
    return v_refusal;
  elsif (p_max_uses between 1 and 1000 and p_expires_in_s between 60 and 2592000) is not true then
    return private.community_refusal('invalid_request', 'Expected are 1 to 1000 uses and an end in 60 to 2592000 seconds');
  end if;
  v_salon := private.lock_salon_as(p_salon_id, array['owner', 'moderator']);
  v_now := clock_timestamp();
  if v_salon.id is null then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon invite');
  elsif not v_salon.is_active then
    return private.community_refusal('salon_archived', 'The salon is archived');
  end if;
  delete from private.salon_invitations where salon_id = p_salon_id and (expires_at <= v_now or uses >= max_uses);
  if (select count(*) from private.salon_invitations where salon_id = p_salon_id)
    >= (select invitations_per_salon from private.salon_settings)
  then
    return private.community_refusal('salon_limit_reached', 'The salon has as many open invitations as it may have');
  end if;
  v_code := private.random_code(24);
  insert into private.salon_invitations (salon_id, created_by, code_digest, max_uses, created_at, expires_at)
  values (p_salon_id, auth.uid(), private.digest_of_code(v_code), p_max_uses, v_now,
    v_now + make_interval(secs => p_expires_in_s))
  returning * into v_invitation;
  return private.community_done(jsonb_build_object('invitation_id', v_invitation.id, 'code', v_code,
    'expires_at', v_invitation.expires_at));
end;
$$;

comment on function public.create_salon_invitation(uuid, integer, integer) is
  'Makes an invitation to a salon. Its code, for join_salon_via_code, is told this once. Returns success, error, invitation_id, '
  'code, expires_at. Errors: unauthorized, rate_limited, invalid_request, forbidden, salon_archived, salon_limit_reached.';

create function public.list_salon_invitations(p_salon_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if (private.salon_role(p_salon_id) in ('owner', 'moderator')) is not true then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon see its invitations');
  end if;
  return private.community_done(jsonb_build_object('invitations', (
    select coalesce(jsonb_agg(jsonb_build_object('invitation_id', id, 'created_by', created_by, 'max_uses', max_uses,
      'uses', uses, 'created_at', created_at, 'expires_at', expires_at) order by created_at, id), '[]')
    from private.salon_invitations
    where salon_id = p_salon_id and expires_at > clock_timestamp() and uses < max_uses)));
end;
$$;

comment on function public.list_salon_invitations(uuid) is
  'The open invitations to a salon, without their codes. Errors: forbidden.';

create function public.revoke_salon_invitation(p_salon_id uuid, p_invitation_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_salon public.salons;
begin
  v_refusal := private.begin_salon_call('salons/invite', 60, 3600);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon := private.lock_salon_as(p_salon_id, array['owner', 'moderator']);
  if v_salon.id is null then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon revoke invitations');
  end if;
  delete from private.salon_invitations where id = p_invitation_id and salon_id = p_salon_id;
  return private.community_done();
end;
$$;

comment on function public.revoke_salon_invitation(uuid, uuid) is
  'Ends an invitation; one that is over already is as good. Errors: unauthorized, rate_limited, forbidden.';

create function public.renew_salon_code(p_salon_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_salon public.salons;
begin
  v_refusal := private.begin_salon_call('salons/invite', 60, 3600);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon := private.lock_salon_as(p_salon_id, array['owner', 'moderator']);
  if v_salon.id is null then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon renew its code');
  elsif not v_salon.is_active then
    return private.community_refusal('salon_archived', 'The salon is archived');
  end if;
  return private.community_done(jsonb_build_object('share_code', private.give_salon_code(p_salon_id)));
end;
$$;

comment on function public.renew_salon_code(uuid) is
  'Gives a salon another share code, and closes the one before. Returns success, error, share_code. Errors: unauthorized, '
  'rate_limited, forbidden, salon_archived.';

-- Functions: left ------------------------------------------------------------------------------------------------

create function public.leave_salon(p_salon_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  -- Each coming and going is told to all members: one who does it in circles is stopped here.
  v_refusal := private.begin_salon_call('salons/leave', 30, 600);
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- Who has left before is as good, and locks nothing.
  if private.salon_role(p_salon_id) is null then
    return private.community_done();
  end if;
  perform private.lock_salon(p_salon_id);
  if private.salon_role(p_salon_id) = 'owner' then
    return private.community_refusal('owner_stays', 'The owner hands the salon over first, or deletes it');
  end if;
  perform private.end_salon_membership(p_salon_id, auth.uid(), false);
  return private.community_done();
end;
$$;

comment on function public.leave_salon(uuid) is
  'Takes the caller out of a salon; a mute goes on if it comes back. Errors: unauthorized, rate_limited, owner_stays.';

-- Functions: jobs ------------------------------------------------------------------------------------------------

create function private.cleanup_salon_admissions(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(p_limit, 1), 100000);
  v_count integer;
  v_total integer;
begin
  delete from private.salon_invitations
  where id = any(array(
    select id from private.salon_invitations
    where expires_at < now() - interval '1 hour'
    limit v_limit for update skip locked
  ));
  get diagnostics v_total = row_count;
  delete from private.salon_bans
  where ctid = any(array(
    select ctid from private.salon_bans where until < now() - interval '1 hour' limit v_limit for update skip locked
  ));
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;
  delete from private.salon_absences
  where ctid = any(array(
    select ctid from private.salon_absences
    where removed_at is null and muted_until < now() - interval '1 hour'
    limit v_limit for update skip locked
  ));
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;
  delete from private.salon_absences
  where ctid = any(array(
    select ctid from private.salon_absences
    -- A ban is for those who are to stay away for good.
    where removed_at < now() - interval '1 year' and (muted_until > now()) is not true
    limit v_limit for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_total + v_count;
end;
$$;

comment on function private.cleanup_salon_admissions(integer) is
  'Deletes invitations, bans and remembered mutes that are over, and kicks of a year ago, at most p_limit of each. Returns how '
  'many.';

create function private.purge_deleted_salons(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(p_limit, 1), 100000);
  v_salon_id uuid;
  v_table regclass;
  v_is_left boolean;
  v_count integer;
  v_total integer := 0;
begin
  select id into v_salon_id from public.salons
  where deleted_at is not null order by deleted_at limit 1 for update skip locked;
  if not found then
    return 0;
  end if;
  -- What hangs on a salon, before a cascade comes to it: that would wait for rows in an order of its own, while whoever forgets
  -- a user waits for others of them. This waits for none, and comes again.
  for v_table in
    select conrelid::regclass from pg_catalog.pg_constraint where contype = 'f' and confrelid = 'public.salons'::regclass order by conrelid
  loop
    execute format('delete from only %1$s where ctid = any(array('
      'select ctid from only %1$s where salon_id = $1 limit $2 for update skip locked))', v_table)
    using v_salon_id, v_limit - v_total;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
    execute format('select exists (select from only %s where salon_id = $1)', v_table) into v_is_left using v_salon_id;
    if v_is_left then
      return v_total;
    end if;
  end loop;
  delete from public.salons where id = v_salon_id;
  return v_total + 1;
end;
$$;

comment on function private.purge_deleted_salons(integer) is
  'Deletes rows of the salon that was deleted first, at most p_limit of all that hangs on it, and then its own. Waits for nobody. '
  'Returns how many.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.begin_salon_call(text, integer, integer),
  private.lock_my_salons(uuid),
  private.lock_salon(uuid),
  private.lock_salon_as(uuid, text[]),
  private.role_in_salon(uuid, uuid),
  private.code_in_groups(text),
  private.digest_of_code(text),
  private.give_salon_code(uuid, uuid),
  private.has_room_for_salon(uuid),
  private.may_make_salon(uuid),
  private.end_salon_membership(uuid, uuid, boolean),
  private.id_of_request(uuid, text),
  private.close_salon_of(uuid),
  private.answer_at_door(public.salons, text, uuid),
  private.admit_to_salon(uuid, text, uuid),
  private.cleanup_salon_admissions(integer),
  private.purge_deleted_salons(integer),
  public.create_salon_with_code(text, text, text, text, text, text, text),
  public.join_salon_via_code(text),
  public.join_salon(uuid),
  public.user_is_salon_member(uuid, uuid),
  public.create_salon_invitation(uuid, integer, integer),
  public.list_salon_invitations(uuid),
  public.revoke_salon_invitation(uuid, uuid),
  public.renew_salon_code(uuid),
  public.leave_salon(uuid)
from public, anon, authenticated;

grant execute on function
  public.create_salon_with_code(text, text, text, text, text, text, text),
  public.join_salon_via_code(text),
  public.join_salon(uuid),
  public.user_is_salon_member(uuid, uuid),
  public.create_salon_invitation(uuid, integer, integer),
  public.list_salon_invitations(uuid),
  public.revoke_salon_invitation(uuid, uuid),
  public.renew_salon_code(uuid),
  public.leave_salon(uuid)
to authenticated;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_salon_admissions', '35 * * * *', 'sql', 'private.cleanup_salon_admissions', true, null, 60000, '1 day',
    'Deletes invitations to salons, bans and remembered mutes that are over, and kicks of a year ago'),
  ('purge_deleted_salons', '*/10 * * * *', 'sql', 'private.purge_deleted_salons', true, null, 600000, '1 day',
    'Deletes the rows of salons that were deleted');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.salon_invitations where salon_id = gen_random_uuid();
  perform 1 from private.salon_invitations where created_by = gen_random_uuid();
  perform 1 from private.salon_invitations where expires_at < now();
  perform 1 from private.salon_bans where user_id = gen_random_uuid();
  perform 1 from private.salon_bans where banned_by = gen_random_uuid();
  perform 1 from private.salon_bans where until < now();
  perform 1 from private.salon_absences where user_id = gen_random_uuid();
  perform 1 from private.salon_absences where removed_at is null and muted_until < now();
  perform 1 from private.salon_absences where removed_at < now();
end;
$$;
