-- Reactions to messages.

-- Tables --------------------------------------------------------------------------------------------------------

create function private.is_emoji(p_text text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  c_picture constant text := '[\u00A9\u00AE\u203C\u2049\u2122\u2139\u2194-\u21AA\u231A-\u23FF\u24C2\u25AA-\u25FE\u2600-\u27BF'
    '\u2934\u2935\u2B05-\u2B55\u3030\u303D\u3297\u3299\U0001F004\U0001F0CF\U0001F170\U0001F171\U0001F17E\U0001F17F\U0001F18E'
    '\U0001F191-\U0001F19A\U0001F201\U0001F202\U0001F21A\U0001F22F\U0001F232-\U0001F23A\U0001F250\U0001F251'
    '\U0001F300-\U0001F64F\U0001F680-\U0001F6FF\U0001F7E0-\U0001F7F0\U0001F90C-\U0001F9FF\U0001FA70-\U0001FAFF]'
    '\uFE0F?[\U0001F3FB-\U0001F3FF]?';
begin
  -- Pictures with their colors, joined; a key; the two letters of a flag; the flag of a region with its letters.
  return char_length(p_text) <= 16
    and p_text ~ ('^(?:' || c_picture || '(?:\u200D' || c_picture || ')*|[0-9#*]\uFE0F?\u20E3|[\U0001F1E6-\U0001F1FF]{2}'
      '|\U0001F3F4[\U000E0061-\U000E007A]{3,6}\U000E007F)$');
end;
$$;

comment on function private.is_emoji(text) is
  'Whether a text is one emoji: no word, which would pass the word list of a salon, and nothing that is not seen.';

create table public.message_reactions (
  id bigint generated always as identity,
  message_id bigint not null,
  salon_id uuid not null,
  user_id uuid not null,
  emoji text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint message_reactions_pkey primary key (id),
  constraint message_reactions_once unique (message_id, user_id, emoji),
  constraint message_reactions_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  -- No words: a reaction is shown without the person's name beside it.
  constraint message_reactions_emoji_one check (private.is_emoji(emoji))
);

create index message_reactions_user_id_idx on public.message_reactions (user_id);
create index message_reactions_salon_id_idx on public.message_reactions (salon_id);

comment on table public.message_reactions is 'Who reacted to which message. Written by functions alone.';
comment on column public.message_reactions.message_id is 'The message; kept right by the functions, as it may be in the archive.';
comment on column public.message_reactions.salon_id is 'Its salon, whose members see the reaction.';
comment on column public.message_reactions.emoji is 'One emoji, of up to 16 characters with its joiners.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.message_reactions enable row level security;

create policy "members see the reactions in their salons" on public.message_reactions for select to authenticated
  using (
    salon_id = any((select private.my_salon_ids())::uuid[])
    and user_id <> all((select private.my_blocked_ids())::uuid[])
    and user_id <> all((select private.authors_not_shown())::uuid[])
  );
create policy "servers read reactions" on public.message_reactions for select to service_role using (true);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.set_reaction(p_message_id bigint, p_emoji text, p_action text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_salon_id uuid;
  v_place private.salon_place;
  v_message public.chat_messages;
  v_refusal jsonb;
  v_had boolean;
  v_has boolean;
begin
  if p_message_id is null or (p_action in ('add', 'remove', 'toggle')) is not true
    or private.is_emoji(p_emoji) is not true
  then
    return private.community_refusal('invalid_request', 'Expected are a message, one emoji, and add, remove or toggle');
  end if;
  v_refusal := private.community_limit(v_user_id, 'messages/react', 60, 60);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon_id := private.salon_of_message(p_message_id);
  v_place := private.enter_salon(v_salon_id);
  if v_place.role is null then
    return private.no_such_message();
  end if;
  v_refusal := private.may_write(v_place);
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- Under the message's lock: two who toggle at once would both find nothing, and both add.
  v_message := private.lock_message(p_message_id);
  if v_message.id is null or v_message.is_deleted then
    return private.no_such_message();
  end if;
  v_had := exists (
    select from public.message_reactions where message_id = p_message_id and user_id = v_user_id and emoji = p_emoji);
  v_has := case p_action when 'add' then true when 'remove' then false else not v_had end;
  if v_has and not v_had then
    if not exists (select from public.message_reactions where message_id = p_message_id and emoji = p_emoji)
      and (select count(distinct emoji) from public.message_reactions where message_id = p_message_id)
        >= (select reactions_per_message from private.message_settings)
    then
      return private.community_refusal('limit_reached', 'This message has as many different reactions as one may have');
    end if;
    insert into public.message_reactions (message_id, salon_id, user_id, emoji)
    values (p_message_id, v_salon_id, v_user_id, p_emoji);
  elsif v_had and not v_has then
    delete from public.message_reactions where message_id = p_message_id and user_id = v_user_id and emoji = p_emoji;
  end if;
  if v_had <> v_has then
    perform private.tell('salon:' || v_salon_id, 'reaction', jsonb_build_object('message_id', p_message_id, 'seq', v_message.seq));
  end if;
  return private.community_done(jsonb_build_object('message_id', p_message_id, 'emoji', p_emoji, 'has_reacted', v_has));
end;
$$;

comment on function private.set_reaction(bigint, text, text) is 'Adds, removes or toggles the caller''s reaction to a message.';

create function public.toggle_message_reaction(p_message_id bigint, p_emoji text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return private.set_reaction(p_message_id, p_emoji, 'toggle');
end;
$$;

comment on function public.toggle_message_reaction(bigint, text) is
  'Adds the caller''s reaction to a message, or takes it back if it is there. Returns success, error, message_id, emoji, '
  'has_reacted. Errors: invalid_request, not_found, salon_archived, muted, limit_reached, rate_limited.';

create function public.handle_message_reaction(p_message_id bigint, p_emoji text, p_action text default 'toggle')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return private.set_reaction(p_message_id, p_emoji, p_action);
end;
$$;

comment on function public.handle_message_reaction(bigint, text, text) is
  'Adds (add), takes back (remove) or toggles the caller''s reaction to a message; add and remove may be repeated. Returns what '
  'toggle_message_reaction returns.';

-- These read as their caller, so that they can show nothing that the policies do not.

create function public.get_all_message_reactions_batch(p_message_ids bigint[])
returns table (message_id bigint, emoji text, count bigint, has_reacted boolean)
language sql
stable
security invoker
set search_path = ''
as $$
  select reactions.message_id, reactions.emoji, count(*), bool_or(reactions.user_id = (select auth.uid()))
  from public.message_reactions as reactions
  where reactions.message_id = any(p_message_ids[1:200])
  group by reactions.message_id, reactions.emoji
  order by reactions.message_id, min(reactions.id);
$$;

comment on function public.get_all_message_reactions_batch(bigint[]) is
  'The reactions to up to 200 messages that the caller may see, those of users who blocked or are blocked left out: how many of '
  'each emoji, in the order in which they first came.';

create function public.get_message_reactions_summary(p_message_id bigint)
returns table (emoji text, count bigint, has_reacted boolean)
language sql
stable
security invoker
set search_path = ''
as $$
  select reactions.emoji, count(*), bool_or(reactions.user_id = (select auth.uid()))
  from public.message_reactions as reactions
  where reactions.message_id = p_message_id
  group by reactions.emoji
  order by min(reactions.id);
$$;

comment on function public.get_message_reactions_summary(bigint) is 'The same for one message.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.message_reactions to authenticated, service_role;

revoke execute on function
  private.is_emoji(text),
  private.set_reaction(bigint, text, text),
  public.toggle_message_reaction(bigint, text),
  public.handle_message_reaction(bigint, text, text),
  public.get_all_message_reactions_batch(bigint[]),
  public.get_message_reactions_summary(bigint)
from public, anon, authenticated;

grant execute on function
  public.toggle_message_reaction(bigint, text),
  public.handle_message_reaction(bigint, text, text),
  public.get_all_message_reactions_batch(bigint[]),
  public.get_message_reactions_summary(bigint)
to authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.message_reactions where message_id = 0;
  perform 1 from public.message_reactions where user_id = gen_random_uuid();
  perform 1 from public.message_reactions where salon_id = gen_random_uuid();
end;
$$;
