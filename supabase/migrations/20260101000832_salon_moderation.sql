-- Who decides in a salon, and what: roles, handing over, mutes, kicks, bans, words, archive and deletion. Each decision is
-- recorded, and whom it concerns can read it.
--
-- Each call locks the salon's row before it asks for a role. Outcomes are returned and never raised.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.salon_decisions (
  id bigint generated always as identity,
  salon_id uuid not null,
  action text not null,
  actor_id uuid,
  subject_id uuid,
  reason text,
  details jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  constraint salon_decisions_pkey primary key (id),
  constraint salon_decisions_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint salon_decisions_action_plain check (action ~ '^[a-z][a-z_]{1,40}$')
);

create index salon_decisions_salon_id_idx on private.salon_decisions (salon_id, id);
create index salon_decisions_subject_id_idx on private.salon_decisions (subject_id, salon_id, id);
create index salon_decisions_actor_id_idx on private.salon_decisions (actor_id);
create index salon_decisions_created_at_idx on private.salon_decisions (created_at);

comment on table private.salon_decisions is 'What was decided in a salon, by whom, about whom and why; kept for a year.';
comment on column private.salon_decisions.salon_id is 'Where it was decided.';
comment on column private.salon_decisions.action is 'mute, unmute, kick, ban, lift_ban, set_role, transfer, archive, delete, …';
comment on column private.salon_decisions.actor_id is 'Who decided it; null once that one was forgotten.';
comment on column private.salon_decisions.subject_id is 'Whom it concerns, if anybody; null, too, once that one was forgotten.';
comment on column private.salon_decisions.reason is 'Why, as the user was told.';
comment on column private.salon_decisions.details is 'The end of it, the new role, the word, …';

create table private.salon_words (
  salon_id uuid not null,
  word text not null,
  added_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  constraint salon_words_pkey primary key (salon_id, word),
  constraint salon_words_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint salon_words_word_short check (char_length(word) between 1 and 50)
);

create index salon_words_added_by_idx on private.salon_words (added_by);

comment on table private.salon_words is 'Words and phrases that a salon does not take; who writes one is told which.';
comment on column private.salon_words.salon_id is 'The salon.';
comment on column private.salon_words.word is 'As plain_words() has it: small letters, one blank between words.';
comment on column private.salon_words.added_by is 'Who added it; null once that one was forgotten.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.salon_decisions enable row level security;
alter table private.salon_words enable row level security;

create policy "nobody but the functions" on private.salon_decisions using (false);
create policy "nobody but the functions" on private.salon_words using (false);

-- Functions: what they share ------------------------------------------------------------------------------------

create function private.outranks(p_role text, p_of_role text)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select p_role = 'owner' and p_of_role is distinct from 'owner'
    or p_role = 'moderator' and coalesce(p_of_role, 'member') = 'member';
$$;

comment on function private.outranks(text, text) is
  'Whether somebody of one role decides about somebody of another, or of none: owners about all others, moderators about members. '
  'Null for who has no role.';

create function private.note_decision(
  p_salon_id uuid,
  p_action text,
  p_subject_id uuid default null,
  p_reason text default null,
  p_details jsonb default '{}'
)
returns bigint
language sql
set search_path = ''
as $$
  insert into private.salon_decisions (salon_id, action, actor_id, subject_id, reason, details)
  values (p_salon_id, p_action, (select auth.uid()), p_subject_id, p_reason, p_details)
  returning id;
$$;

comment on function private.note_decision(uuid, text, uuid, text, jsonb) is 'Records a decision of the caller. Returns its id.';

create function private.begin_with_role(p_salon_id uuid, p_roles text[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_salon public.salons;
begin
  v_refusal := private.begin_salon_call('salons/moderate', 300, 3600);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon := private.lock_salon_as(p_salon_id, p_roles);
  if v_salon.id is null then
    return private.community_refusal('forbidden', case when 'moderator' = any(p_roles)
      then 'Only the owner and the moderators of a salon do this' else 'Only the owner of a salon does this' end);
  end if;
  return null;
end;
$$;

comment on function private.begin_with_role(uuid, text[]) is
  'What each call for some roles alone begins with: takes from the caller''s limit, locks the salon, and asks for the role. Null '
  'if it may go on, else the refusal.';

create function private.begin_decision(
  p_salon_id uuid,
  p_member_id uuid,
  p_reason text default null,
  p_duration_s integer default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner', 'moderator']);
  if v_refusal is not null then
    return v_refusal;
  elsif p_member_id is null or char_length(p_reason) > 500 or p_duration_s not between 1 and 31536000 then
    return private.community_refusal('invalid_request',
      'Expected are the id of a user, a reason of at most 500 characters, and 1 to 31536000 seconds');
  elsif private.outranks(private.salon_role(p_salon_id), private.role_in_salon(p_salon_id, p_member_id)) is not true then
    return private.community_refusal('forbidden', 'An owner decides about all others, a moderator about members');
  end if;
  return null;
end;
$$;

comment on function private.begin_decision(uuid, uuid, text, integer) is
  'What each decision about a user, member or not, begins with: begin_with_role, and whether the caller outranks that user.';

create function private.end_after(p_duration_s integer)
returns timestamptz
language sql
volatile
set search_path = ''
as $$
  select case when p_duration_s is null then 'infinity' else clock_timestamp() + make_interval(secs => p_duration_s) end;
$$;

comment on function private.end_after(integer) is 'The time in so many seconds; infinity without a number.';

-- Functions: roles -----------------------------------------------------------------------------------------------

create function public.set_salon_role(p_salon_id uuid, p_member_id uuid, p_role text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_member_role text;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner']);
  if v_refusal is not null then
    return v_refusal;
  elsif (p_role in ('moderator', 'member')) is not true then
    return private.community_refusal('invalid_request', 'A role is moderator or member; transfer_salon makes an owner');
  end if;
  v_member_role := private.role_in_salon(p_salon_id, p_member_id);
  if v_member_role is null then
    return private.community_refusal('not_found', 'The salon has no such member');
  elsif v_member_role = 'owner' then
    return private.community_refusal('owner_stays', 'The owner hands the salon over first');
  elsif v_member_role <> p_role then
    update public.salon_members
    set role = p_role, muted_until = case when p_role = 'member' then muted_until end
    where salon_id = p_salon_id and user_id = p_member_id;
    if p_role = 'member' then
      delete from private.salon_invitations where salon_id = p_salon_id and created_by = p_member_id;
    end if;
    perform private.note_decision(p_salon_id, 'set_role', p_member_id, null, jsonb_build_object('role', p_role));
  end if;
  return private.community_done();
end;
$$;

comment on function public.set_salon_role(uuid, uuid, text) is
  'Makes a member a moderator, which ends a mute, or a moderator a member, which takes back its invitations. For the owner. '
  'Errors: unauthorized, rate_limited, forbidden, invalid_request, not_found, owner_stays.';

create function private.make_owner(p_salon_id uuid, p_member_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- One after the other: there is never a second owner, not even within a statement.
  update public.salon_members set role = 'moderator' where salon_id = p_salon_id and role = 'owner';
  update public.salon_members set role = 'owner', muted_until = null where salon_id = p_salon_id and user_id = p_member_id;
  update public.salons set owner_id = p_member_id where id = p_salon_id;
end;
$$;

comment on function private.make_owner(uuid, uuid) is
  'Makes a member the owner, and the one before a moderator. Its caller has locked the salon.';

create function private.has_handed_over(p_salon_id uuid, p_member_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  if private.salon_role(p_salon_id) is null or private.role_in_salon(p_salon_id, p_member_id) is distinct from 'owner' then
    return false;
  end if;
  return coalesce((
    select actor_id = auth.uid() from private.salon_decisions
    where subject_id = p_member_id and salon_id = p_salon_id and action = 'transfer'
    order by id desc limit 1), false);
end;
$$;

comment on function private.has_handed_over(uuid, uuid) is
  'Whether a member owns a salon because the caller, who is still a member, has made it the owner.';

create function public.transfer_salon(p_salon_id uuid, p_member_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := auth.uid();
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner']);
  -- Where the answer was lost, the second call finds the work done.
  if v_refusal ->> 'error' = 'forbidden' and private.has_handed_over(p_salon_id, p_member_id) then
    return private.community_done();
  elsif v_refusal is not null then
    return v_refusal;
  elsif p_member_id = v_user_id then
    return private.community_done();
  elsif private.role_in_salon(p_salon_id, p_member_id) is null then
    return private.community_refusal('not_found', 'The salon has no such member');
  end if;
  perform private.make_owner(p_salon_id, p_member_id);
  perform private.note_decision(p_salon_id, 'transfer', p_member_id);
  return private.community_done();
end;
$$;

comment on function public.transfer_salon(uuid, uuid) is
  'Makes a member the owner in place of the caller, who becomes a moderator. May be repeated. Errors: unauthorized, '
  'rate_limited, forbidden, not_found.';

-- Functions: members ---------------------------------------------------------------------------------------------

create function public.mute_salon_member(
  p_salon_id uuid,
  p_member_id uuid,
  p_duration_s integer default null,
  p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.tidy_line(p_reason);
  v_refusal jsonb;
  v_until timestamptz;
begin
  v_refusal := private.begin_decision(p_salon_id, p_member_id, v_reason, p_duration_s);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_until := private.end_after(p_duration_s);
  update public.salon_members set muted_until = v_until where salon_id = p_salon_id and user_id = p_member_id;
  if not found then
    return private.community_refusal('not_found', 'The salon has no such member');
  end if;
  perform private.note_decision(p_salon_id, 'mute', p_member_id, v_reason,
    jsonb_build_object('until', nullif(v_until, 'infinity')));
  return private.community_done(jsonb_build_object('until', nullif(v_until, 'infinity')));
end;
$$;

comment on function public.mute_salon_member(uuid, uuid, integer, text) is
  'Keeps a member from writing, for so many seconds or until it is lifted. It is told so, also if it leaves and comes back. '
  'Returns success, error, until. Errors: unauthorized, rate_limited, invalid_request, forbidden, not_found.';

create function public.unmute_salon_member(p_salon_id uuid, p_member_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
  v_is_changed boolean;
begin
  v_refusal := private.begin_decision(p_salon_id, p_member_id);
  if v_refusal is not null then
    return v_refusal;
  end if;
  update public.salon_members set muted_until = null
  where salon_id = p_salon_id and user_id = p_member_id and muted_until is not null;
  v_is_changed := found;
  -- Of somebody who left meanwhile, too.
  update private.salon_absences set muted_until = null
  where salon_id = p_salon_id and user_id = p_member_id and muted_until is not null;
  if v_is_changed or found then
    delete from private.salon_absences
    where salon_id = p_salon_id and user_id = p_member_id and removed_at is null;
    perform private.note_decision(p_salon_id, 'unmute', p_member_id);
  end if;
  return private.community_done();
end;
$$;

comment on function public.unmute_salon_member(uuid, uuid) is
  'Lets a member write again, also one who left and may come back; one who may write already is as good. Errors: unauthorized, rate_limited, invalid_request, '
  'forbidden.';

create function public.kick_salon_member(p_salon_id uuid, p_member_id uuid, p_reason text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.tidy_line(p_reason);
  v_refusal jsonb;
begin
  v_refusal := private.begin_decision(p_salon_id, p_member_id, v_reason);
  if v_refusal is not null then
    return v_refusal;
  elsif private.role_in_salon(p_salon_id, p_member_id) is null then
    -- Where the answer was lost, the second call finds the work done.
    return case when exists (
        select from private.salon_absences
        where salon_id = p_salon_id and user_id = p_member_id and removed_at is not null)
      then private.community_done()
      else private.community_refusal('not_found', 'The salon has no such member') end;
  end if;
  perform private.end_salon_membership(p_salon_id, p_member_id, true);
  perform private.note_decision(p_salon_id, 'kick', p_member_id, v_reason);
  return private.community_done();
end;
$$;

comment on function public.kick_salon_member(uuid, uuid, text) is
  'Takes a member out of a salon. It comes back only with an invitation, or a share code, made since. Errors: unauthorized, '
  'rate_limited, invalid_request, forbidden, not_found.';

create function public.ban_from_salon(
  p_salon_id uuid,
  p_member_id uuid,
  p_duration_s integer default null,
  p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_reason constant text := private.tidy_line(p_reason);
  v_refusal jsonb;
  v_until timestamptz;
begin
  v_refusal := private.begin_decision(p_salon_id, p_member_id, v_reason, p_duration_s);
  if v_refusal is not null then
    return v_refusal;
  elsif not exists (select from auth.users where id = p_member_id) then
    return private.community_refusal('not_found', 'There is no such user');
  elsif (select count(*) from private.salon_bans where salon_id = p_salon_id)
    >= (select bans_per_salon from private.salon_settings)
  then
    return private.community_refusal('salon_limit_reached', 'The salon keeps out as many as it may');
  end if;
  v_until := private.end_after(p_duration_s);
  perform private.end_salon_membership(p_salon_id, p_member_id, false);
  insert into private.salon_bans (salon_id, user_id, until, reason, banned_by)
  values (p_salon_id, p_member_id, v_until, v_reason, auth.uid())
  on conflict (salon_id, user_id) do update
  set until = excluded.until, reason = excluded.reason, banned_by = excluded.banned_by, created_at = excluded.created_at;
  perform private.note_decision(p_salon_id, 'ban', p_member_id, v_reason,
    jsonb_build_object('until', nullif(v_until, 'infinity')));
  return private.community_done(jsonb_build_object('until', nullif(v_until, 'infinity')));
end;
$$;

comment on function public.ban_from_salon(uuid, uuid, integer, text) is
  'Keeps a user, member or not, out of a salon, for so many seconds or until it is lifted. It is told so when it wants to join. '
  'Returns success, error, until. Errors: unauthorized, rate_limited, invalid_request, forbidden, not_found, '
  'salon_limit_reached.';

create function public.lift_salon_ban(p_salon_id uuid, p_member_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  v_refusal := private.begin_decision(p_salon_id, p_member_id);
  if v_refusal is not null then
    return v_refusal;
  end if;
  delete from private.salon_bans where salon_id = p_salon_id and user_id = p_member_id;
  if found then
    perform private.note_decision(p_salon_id, 'lift_ban', p_member_id);
  end if;
  return private.community_done();
end;
$$;

comment on function public.lift_salon_ban(uuid, uuid) is
  'Lets a user join again; one who may already is as good. Errors: unauthorized, rate_limited, invalid_request, forbidden.';

-- Functions: the salon -------------------------------------------------------------------------------------------

create function public.set_slow_mode(p_salon_id uuid, p_seconds integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner', 'moderator']);
  if v_refusal is not null then
    return v_refusal;
  elsif (p_seconds between 0 and 86400) is not true then
    return private.community_refusal('invalid_request', 'Expected are 0 to 86400 seconds');
  end if;
  update public.salons set slow_mode_s = p_seconds where id = p_salon_id and slow_mode_s <> p_seconds;
  if found then
    perform private.note_decision(p_salon_id, 'slow_mode', null, null, jsonb_build_object('seconds', p_seconds));
  end if;
  return private.community_done();
end;
$$;

comment on function public.set_slow_mode(uuid, integer) is
  'Sets how long a member waits between two messages; 0: not at all. For owner and moderators. Errors: unauthorized, '
  'rate_limited, forbidden, invalid_request.';

create function public.archive_salon(p_salon_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner']);
  if v_refusal is not null then
    return v_refusal;
  end if;
  update public.salons set is_active = false, archived_at = clock_timestamp() where id = p_salon_id and is_active;
  if found then
    perform private.note_decision(p_salon_id, 'archive');
  end if;
  return private.community_done();
end;
$$;

comment on function public.archive_salon(uuid) is
  'Closes a salon for writing and joining: its members read it as before. For the owner. Errors: unauthorized, rate_limited, '
  'forbidden.';

create function public.restore_salon(p_salon_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner']);
  if v_refusal is not null then
    return v_refusal;
  end if;
  update public.salons set is_active = true, archived_at = null where id = p_salon_id and not is_active;
  if found then
    perform private.note_decision(p_salon_id, 'restore');
  end if;
  return private.community_done();
end;
$$;

comment on function public.restore_salon(uuid) is
  'Opens an archived salon again. For the owner. Errors: unauthorized, rate_limited, forbidden.';

create function public.delete_salon(p_salon_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner']);
  -- Where the answer was lost, the second call finds the work done.
  if v_refusal ->> 'error' = 'forbidden'
    and exists (select from public.salons where id = p_salon_id and deleted_at is not null)
    and (select actor_id = auth.uid() from private.salon_decisions
      where salon_id = p_salon_id and action = 'delete' order by id desc limit 1)
  then
    return private.community_done();
  elsif v_refusal is not null then
    return v_refusal;
  end if;
  perform private.note_decision(p_salon_id, 'delete');
  perform private.close_salon_of(p_salon_id);
  return private.community_done();
end;
$$;

comment on function public.delete_salon(uuid) is
  'Deletes a salon for everybody, for good; a job takes its messages within minutes. For the owner, who may repeat it until '
  'then. Errors: unauthorized, rate_limited, forbidden.';

-- Functions: words -----------------------------------------------------------------------------------------------

create function private.plain_words(p_text text)
returns text
language sql
immutable
set search_path = ''
as $$
  -- What is not seen, or is over a letter that has no form with it, is inside a word and ends none.
  select btrim(regexp_replace(
    regexp_replace(lower(normalize(p_text, nfkc)), '[\u0300-\u036F\u200C\u200D\uFE00-\uFE0F\U000E0100-\U000E01EF]', '', 'g'),
    '[^[:alnum:]]+', ' ', 'g'));
$$;

comment on function private.plain_words(text) is
  'The words of a text in small letters with one blank between two, without any sign, and without what is not seen in them.';

create function private.refused_word(p_salon_id uuid, p_text text)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_words text;
begin
  -- Most salons refuse none, and plain_words takes longer than to ask.
  if not exists (select from private.salon_words where salon_id = p_salon_id) then
    return null;
  end if;
  v_words := ' ' || private.plain_words(p_text) || ' ';
  return (
    select word from private.salon_words
    where salon_id = p_salon_id and position(' ' || word || ' ' in v_words) > 0
    order by word limit 1);
end;
$$;

comment on function private.refused_word(uuid, text) is
  'The first of a salon''s words that a text has, as a whole word in whatever case; null if it has none.';

create function public.add_salon_word(p_salon_id uuid, p_word text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_word constant text := private.plain_words(left(p_word, 1000));
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner', 'moderator']);
  if v_refusal is not null then
    return v_refusal;
  elsif (char_length(v_word) between 1 and 50) is not true then
    return private.community_refusal('invalid_request', 'Expected is a word, or some, of 1 to 50 letters and digits');
  elsif (select count(*) from private.salon_words where salon_id = p_salon_id)
    >= (select words_per_salon from private.salon_settings)
  then
    return private.community_refusal('salon_limit_reached', 'The salon refuses as many words as it may');
  end if;
  insert into private.salon_words (salon_id, word, added_by) values (p_salon_id, v_word, auth.uid())
  on conflict do nothing;
  if found then
    perform private.note_decision(p_salon_id, 'add_word', null, null, jsonb_build_object('word', v_word));
  end if;
  return private.community_done(jsonb_build_object('word', v_word));
end;
$$;

comment on function public.add_salon_word(uuid, text) is
  'Has a salon refuse messages with a word or a phrase. For owner and moderators. Returns success, error, word: as it is '
  'compared. Errors: unauthorized, rate_limited, forbidden, invalid_request, salon_limit_reached.';

create function public.remove_salon_word(p_salon_id uuid, p_word text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_word constant text := private.plain_words(left(p_word, 1000));
  v_refusal jsonb;
begin
  v_refusal := private.begin_with_role(p_salon_id, array['owner', 'moderator']);
  if v_refusal is not null then
    return v_refusal;
  end if;
  delete from private.salon_words where salon_id = p_salon_id and word = v_word;
  if found then
    perform private.note_decision(p_salon_id, 'remove_word', null, null, jsonb_build_object('word', v_word));
  end if;
  return private.community_done();
end;
$$;

comment on function public.remove_salon_word(uuid, text) is
  'Has a salon take a word again. For owner and moderators. Errors: unauthorized, rate_limited, forbidden.';

create function public.list_salon_words(p_salon_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if (private.salon_role(p_salon_id) in ('owner', 'moderator')) is not true then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon see its words');
  end if;
  return private.community_done(jsonb_build_object('words', (
    select coalesce(jsonb_agg(word order by word), '[]') from private.salon_words where salon_id = p_salon_id)));
end;
$$;

comment on function public.list_salon_words(uuid) is
  'The words that a salon refuses. For owner and moderators. Errors: forbidden.';

-- Functions: what was decided ------------------------------------------------------------------------------------

create function public.list_salon_bans(p_salon_id uuid, p_after uuid default null, p_limit integer default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(coalesce(p_limit, 100), 1), 500);
  v_bans jsonb;
begin
  if (private.salon_role(p_salon_id) in ('owner', 'moderator')) is not true then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon see its bans');
  end if;
  select jsonb_agg(jsonb_build_object('user_id', page.user_id, 'until', nullif(page.until, 'infinity'),
    'reason', page.reason, 'banned_by', page.banned_by, 'created_at', page.created_at,
    'full_name', profiles.full_name) order by page.user_id)
  into v_bans
  from (
    select * from private.salon_bans
    where salon_id = p_salon_id and until > clock_timestamp() and (p_after is null or user_id > p_after)
    order by user_id limit v_limit
  ) as page
  left join public.profiles on profiles.id = page.user_id;
  return private.community_done(jsonb_build_object('bans', coalesce(v_bans, '[]'),
    'next_after', case when jsonb_array_length(v_bans) = v_limit then v_bans #> '{-1,user_id}' end));
end;
$$;

comment on function public.list_salon_bans(uuid, uuid, integer) is
  'Whom a salon keeps out, by user, after p_after (next_after of the page before). For owner and moderators. Errors: forbidden.';

create function public.list_salon_decisions(p_salon_id uuid, p_before bigint default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_role constant text := private.salon_role(p_salon_id);
  v_limit constant integer := least(greatest(coalesce(p_limit, 50), 1), 200);
  v_decisions jsonb;
begin
  if (v_role in ('owner', 'moderator')) is not true then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon see its decisions');
  end if;
  select jsonb_agg(jsonb_build_object('id', id, 'action', action, 'actor_id', actor_id, 'subject_id', subject_id,
    'reason', reason, 'details', details, 'created_at', created_at) order by id desc)
  into v_decisions
  from (
    select * from private.salon_decisions
    where salon_id = p_salon_id and (p_before is null or id < p_before)
      -- What became of a report is for those who see it in the queue.
      and (action not like 'report\_%' or private.outranks(v_role, private.role_in_salon(salon_id, subject_id)))
    order by id desc limit v_limit
  ) as page;
  return private.community_done(jsonb_build_object('decisions', coalesce(v_decisions, '[]'),
    'next_before', case when jsonb_array_length(v_decisions) = v_limit then v_decisions #> '{-1,id}' end));
end;
$$;

comment on function public.list_salon_decisions(uuid, bigint, integer) is
  'What was decided in a salon, the latest first, before p_before (next_before of the page before). For owner and moderators. '
  'Errors: forbidden.';

create function public.my_salon_standing(p_salon_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := auth.uid();
  v_now constant timestamptz := clock_timestamp();
  v_member public.salon_members;
  v_ban private.salon_bans;
  v_is_muted boolean;
begin
  select * into v_member from public.salon_members where salon_id = p_salon_id and user_id = v_user_id;
  select * into v_ban from private.salon_bans where salon_id = p_salon_id and user_id = v_user_id and until > v_now;
  v_is_muted := coalesce(v_member.muted_until > v_now, false);
  return private.community_done(jsonb_build_object(
    'role', v_member.role,
    'is_muted', v_is_muted,
    'muted_until', case when v_is_muted then nullif(v_member.muted_until, 'infinity') end,
    'is_banned', v_ban.user_id is not null,
    'banned_until', nullif(v_ban.until, 'infinity'),
    'removed_at', (select removed_at from private.salon_absences where salon_id = p_salon_id and user_id = v_user_id),
    'decisions', (
      select coalesce(jsonb_agg(jsonb_build_object('action', action, 'reason', reason, 'details', details,
        'created_at', created_at) order by id desc), '[]')
      from (
        select * from private.salon_decisions
        where subject_id = v_user_id and salon_id = p_salon_id and action not like 'report\_%'
        order by id desc limit 20
      ) as latest)));
end;
$$;

comment on function public.my_salon_standing(uuid) is
  'What a salon has decided about the caller, member or not, and why: nobody is muted or kept out without being told. Says '
  'neither who decided nor who reported.';

-- Functions: jobs ------------------------------------------------------------------------------------------------

create function private.cleanup_salon_decisions(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.salon_decisions
  where id = any(array(
    select id from private.salon_decisions
    where created_at < now() - interval '1 year'
    order by created_at
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cleanup_salon_decisions(integer) is
  'Deletes decisions that are a year old, at most p_limit. Returns how many.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.outranks(text, text),
  private.note_decision(uuid, text, uuid, text, jsonb),
  private.begin_decision(uuid, uuid, text, integer),
  private.begin_with_role(uuid, text[]),
  private.end_after(integer),
  private.make_owner(uuid, uuid),
  private.has_handed_over(uuid, uuid),
  private.plain_words(text),
  private.refused_word(uuid, text),
  private.cleanup_salon_decisions(integer),
  public.set_salon_role(uuid, uuid, text),
  public.transfer_salon(uuid, uuid),
  public.mute_salon_member(uuid, uuid, integer, text),
  public.unmute_salon_member(uuid, uuid),
  public.kick_salon_member(uuid, uuid, text),
  public.ban_from_salon(uuid, uuid, integer, text),
  public.lift_salon_ban(uuid, uuid),
  public.set_slow_mode(uuid, integer),
  public.archive_salon(uuid),
  public.restore_salon(uuid),
  public.delete_salon(uuid),
  public.add_salon_word(uuid, text),
  public.remove_salon_word(uuid, text),
  public.list_salon_words(uuid),
  public.list_salon_bans(uuid, uuid, integer),
  public.list_salon_decisions(uuid, bigint, integer),
  public.my_salon_standing(uuid)
from public, anon, authenticated;

grant execute on function
  public.set_salon_role(uuid, uuid, text),
  public.transfer_salon(uuid, uuid),
  public.mute_salon_member(uuid, uuid, integer, text),
  public.unmute_salon_member(uuid, uuid),
  public.kick_salon_member(uuid, uuid, text),
  public.ban_from_salon(uuid, uuid, integer, text),
  public.lift_salon_ban(uuid, uuid),
  public.set_slow_mode(uuid, integer),
  public.archive_salon(uuid),
  public.restore_salon(uuid),
  public.delete_salon(uuid),
  public.add_salon_word(uuid, text),
  public.remove_salon_word(uuid, text),
  public.list_salon_words(uuid),
  public.list_salon_bans(uuid, uuid, integer),
  public.list_salon_decisions(uuid, bigint, integer),
  public.my_salon_standing(uuid)
to authenticated;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_salon_decisions', '40 3 * * *', 'sql', 'private.cleanup_salon_decisions', true, null, 300000, '2 days',
    'Deletes what was decided in salons a year ago');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform set_config('enable_sort', 'off', true);
  perform 1 from private.salon_decisions order by salon_id, id limit 1;
  perform 1 from private.salon_decisions where subject_id = gen_random_uuid();
  perform 1 from private.salon_decisions where actor_id = gen_random_uuid();
  perform 1 from private.salon_decisions where created_at < '-infinity';
  perform 1 from private.salon_words where added_by = gen_random_uuid();
end;
$$;
