-- Reading messages: pages forwards and backwards by number, search results, what is pinned, and one's own.
--
-- Each is one call, with authors, replies, attachments and reactions in it. Numbers are the cursor: times may tie.

-- Views ---------------------------------------------------------------------------------------------------------

create view public.chat_messages_with_profiles with (security_invoker = true) as
select
  messages.id,
  messages.content,
  messages.created_at,
  messages.user_id,
  profiles.full_name,
  profiles.avatar_url,
  messages.salon_id,
  messages.seq,
  messages.reply_to_id,
  messages.mentions,
  messages.edited_at
from public.chat_messages as messages
left join public.profiles on profiles.id = messages.user_id
where not messages.is_deleted;

comment on view public.chat_messages_with_profiles is
  'The messages that the caller may see, with their authors; deleted ones and those of blocked authors are left out.';

-- Functions -----------------------------------------------------------------------------------------------------

create function private.reactions_to(p_message_id bigint, p_user_id uuid, p_blocked uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('emoji', emoji, 'count', count, 'has_reacted', has_reacted) order by first_id), '[]')
  from (
    select emoji, count(*) as count, bool_or(user_id = p_user_id) as has_reacted, min(id) as first_id
    from public.message_reactions
    where message_id = p_message_id and user_id <> all(p_blocked)
    group by emoji
  ) as reactions;
$$;

comment on function private.reactions_to(bigint, uuid, uuid[]) is 'The reactions to a message, as a reader may see them.';

create function private.quotation(p_message_id bigint, p_user_id uuid, p_hidden uuid[], p_blocked uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('id', messages.id, 'seq', messages.seq, 'is_deleted', messages.is_deleted,
    'is_hidden', is_hidden, 'user_id', case when not is_hidden then messages.user_id end,
    'full_name', case when not is_hidden then profiles.full_name end,
    'avatar_url', case when not is_hidden then profiles.avatar_url end,
    'content', case when not is_hidden then left(messages.content, 200) end, 'created_at', messages.created_at)
  from (
    select *, (user_id = any(p_hidden) or (reply_to_user_id = p_user_id and user_id = any(p_blocked))) is true as is_hidden
    from public.chat_messages where id = p_message_id
  ) as messages
  left join public.profiles on profiles.id = messages.user_id;
$$;

comment on function private.quotation(bigint, uuid, uuid[], uuid[]) is
  'What a reply shows of the message that it answers: 200 characters, nothing of what a block keeps from the reader.';

create function private.describe_messages(p_ids bigint[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_hidden constant uuid[] := private.authors_not_shown();
  v_blocked constant uuid[] := private.my_blocked_ids();
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'id', messages.id, 'salon_id', messages.salon_id, 'seq', messages.seq, 'user_id', messages.user_id,
      'full_name', profiles.full_name, 'avatar_url', profiles.avatar_url, 'content', messages.content,
      'reply_to', private.quotation(messages.reply_to_id, v_user_id, v_hidden, v_blocked), 'mentions', messages.mentions,
      'is_deleted', messages.is_deleted, 'edited_at', messages.edited_at, 'created_at', messages.created_at,
      'client_id', case when messages.user_id = v_user_id then messages.client_id end,
      'is_pinned', exists (
        select from public.message_pins as pins where pins.salon_id = messages.salon_id and pins.message_id = messages.id),
      'attachments', (
        select coalesce(jsonb_agg(jsonb_build_object('path', attachments.path, 'content_type', attachments.content_type,
          'size_bytes', attachments.size_bytes) order by attachments.position), '[]')
        from public.message_attachments as attachments where attachments.message_id = messages.id),
      'reactions', private.reactions_to(messages.id, v_user_id, v_blocked || v_hidden)) order by listed.place), '[]')
    from unnest(p_ids) with ordinality as listed (id, place)
    join public.chat_messages as messages on messages.id = listed.id
    left join public.profiles on profiles.id = messages.user_id);
end;
$$;

comment on function private.describe_messages(bigint[]) is
  'Messages with all that a page shows of them, in the order given. Its caller has checked that the reader may see them.';

create function private.page_of_messages(p_salon_id uuid, p_after bigint, p_before bigint, p_limit integer)
returns bigint[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_hidden constant uuid[] := private.authors_not_shown();
  v_blocked constant uuid[] := private.my_blocked_ids();
begin
  if p_after is not null then
    return array(
      select id from public.chat_messages
      where salon_id = p_salon_id and seq > p_after and (user_id = any(v_hidden)) is not true
        and (reply_to_user_id = v_user_id and user_id = any(v_blocked)) is not true
      order by seq limit p_limit);
  end if;
  return array(
    select id
    from (
      select id, seq from public.chat_messages
      where salon_id = p_salon_id and seq < p_before and (user_id = any(v_hidden)) is not true
        and (reply_to_user_id = v_user_id and user_id = any(v_blocked)) is not true
      order by seq desc limit p_limit
    ) as newest
    order by seq);
end;
$$;

comment on function private.page_of_messages(uuid, bigint, bigint, integer) is
  'The messages next after a number, or next before one, that the caller sees in its salon; the oldest first.';

create function public.messages_after(p_salon_id uuid, p_after bigint, p_limit integer default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(coalesce(p_limit, 100), 1), 200);
  v_last_seq bigint;
  v_ids bigint[];
begin
  if not private.is_salon_member(p_salon_id) then
    return private.community_refusal('not_found', 'There is no such salon among yours');
  end if;
  select last_seq into v_last_seq from private.salon_streams where salon_id = p_salon_id;
  v_ids := private.page_of_messages(p_salon_id, coalesce(p_after, 0), null, v_limit);
  return private.community_done(jsonb_build_object('messages', private.describe_messages(v_ids), 'last_seq', v_last_seq,
    'up_to_seq', case when cardinality(v_ids) < v_limit then greatest(v_last_seq, coalesce(p_after, 0))
      else (select seq from public.chat_messages where id = v_ids[v_limit]) end));
end;
$$;

comment on function public.messages_after(uuid, bigint, integer) is
  'The messages of a salon after a number, the oldest first, at most p_limit (up to 200). up_to_seq: how far this answer reaches; '
  'a number up to it that is not in the answer is of an author whom the caller has blocked. Ask again from there until it is '
  'last_seq. Returns success, error, messages, last_seq, up_to_seq. Errors: not_found.';

create function public.messages_before(p_salon_id uuid, p_before bigint default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(coalesce(p_limit, 50), 1), 200);
  v_last_seq bigint;
  v_ids bigint[];
begin
  if not private.is_salon_member(p_salon_id) then
    return private.community_refusal('not_found', 'There is no such salon among yours');
  end if;
  select last_seq into v_last_seq from private.salon_streams where salon_id = p_salon_id;
  v_ids := private.page_of_messages(p_salon_id, null, coalesce(p_before, v_last_seq + 1), v_limit);
  return private.community_done(jsonb_build_object('messages', private.describe_messages(v_ids), 'last_seq', v_last_seq,
    'next_before', case when cardinality(v_ids) = v_limit
      then (select seq from public.chat_messages where id = v_ids[1]) end));
end;
$$;

comment on function public.messages_before(uuid, bigint, integer) is
  'The messages of a salon before a number (null: the newest), the oldest first, at most p_limit (up to 200). next_before is what '
  'to ask with for the page before; null: there is none. Returns success, error, messages, last_seq, next_before. Errors: '
  'not_found.';

create function public.search_messages(
  p_query text,
  p_salon_id uuid default null,
  p_before bigint default null,
  p_limit integer default 20
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(coalesce(p_limit, 20), 1), 100);
  v_salon_ids uuid[] := private.my_salon_ids();
  v_query constant tsquery := private.message_query(p_query);
  v_ids bigint[];
  v_next bigint;
  v_refusal jsonb;
begin
  if v_query is null then
    return private.community_refusal('invalid_request', 'Expected is at least one word to search for');
  end if;
  v_refusal := private.community_limit((select auth.uid()), 'messages/search', 30, 60);
  if v_refusal is not null then
    return v_refusal;
  elsif p_salon_id is not null then
    if p_salon_id <> all(v_salon_ids) then
      return private.community_refusal('not_found', 'There is no such salon among yours');
    end if;
    v_salon_ids := array[p_salon_id];
  end if;
  select ids, next_before into v_ids, v_next
  from private.find_messages(v_query, v_salon_ids, p_before, private.authors_not_shown(), v_limit);
  return private.community_done(jsonb_build_object('messages', private.describe_messages(v_ids), 'next_before', v_next));
end;
$$;

comment on function public.search_messages(text, uuid, bigint, integer) is
  'Messages of the caller''s salons, or of one of them, with these words, "phrases", or, -without; French and English words in any '
  'form; the newest first. next_before is p_before of the next page; null: there is none. What very many messages match may be '
  'told in pages that are not full. Returns success, error, messages, next_before. Errors: invalid_request (also for a search '
  'without a word that must be there), not_found, rate_limited.';

create function public.pinned_messages(p_salon_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if not private.is_salon_member(p_salon_id) then
    return private.community_refusal('not_found', 'There is no such salon among yours');
  end if;
  return private.community_done(jsonb_build_object('messages', private.describe_messages(array(
    select pins.message_id
    from public.message_pins as pins
    join public.chat_messages as messages on messages.id = pins.message_id
    where pins.salon_id = p_salon_id and (messages.user_id = any(private.authors_not_shown())) is not true
      and (messages.reply_to_user_id = (select auth.uid()) and messages.user_id = any(private.my_blocked_ids())) is not true
    order by pins.created_at desc, pins.message_id desc))));
end;
$$;

comment on function public.pinned_messages(uuid) is
  'What is pinned in a salon of the caller, the latest pin first. Returns success, error, messages. Errors: not_found.';

create function public.get_reply_message_info(p_message_id bigint)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if not private.is_salon_member(private.salon_of_message(p_message_id)) then
    return null;
  end if;
  return private.quotation(p_message_id, (select auth.uid()), private.authors_not_shown(), private.my_blocked_ids());
end;
$$;

comment on function public.get_reply_message_info(bigint) is
  'What a reply shows of the message that it answers: id, seq, user_id, full_name, avatar_url, content (200 characters), '
  'created_at, is_deleted, and is_hidden if a block keeps it from the caller. Null for a message that the caller may not see.';

create function public.my_messages(p_after uuid default null, p_limit integer default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_limit constant integer := least(greatest(coalesce(p_limit, 100), 1), 200);
  v_page jsonb;
begin
  select coalesce(jsonb_agg(to_jsonb(page) order by page.client_id), '[]') into v_page
  from (
    select client_id, id, salon_id, seq, content, reply_to_id, mentions, created_at, edited_at
    from public.chat_messages
    where user_id = v_user_id and (p_after is null or client_id > p_after) and not is_deleted
    order by client_id
    limit v_limit
  ) as page;
  return private.community_done(jsonb_build_object('messages', v_page,
    'next_after', case when jsonb_array_length(v_page) = v_limit then v_page -> -1 -> 'client_id' end));
end;
$$;

comment on function public.my_messages(uuid, integer) is
  'All that the caller has written, also where it is no member any more, in pages by client_id: p_after is next_after of the page '
  'before. Returns success, error, messages, next_after.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.chat_messages_with_profiles to authenticated, service_role;

revoke execute on function
  private.reactions_to(bigint, uuid, uuid[]),
  private.quotation(bigint, uuid, uuid[], uuid[]),
  private.describe_messages(bigint[]),
  private.page_of_messages(uuid, bigint, bigint, integer),
  public.messages_after(uuid, bigint, integer),
  public.messages_before(uuid, bigint, integer),
  public.search_messages(text, uuid, bigint, integer),
  public.pinned_messages(uuid),
  public.get_reply_message_info(bigint),
  public.my_messages(uuid, integer)
from public, anon, authenticated;

grant execute on function
  public.messages_after(uuid, bigint, integer),
  public.messages_before(uuid, bigint, integer),
  public.search_messages(text, uuid, bigint, integer),
  public.pinned_messages(uuid),
  public.get_reply_message_info(bigint),
  public.my_messages(uuid, integer)
to authenticated;
