-- Full-text search in one's salons, in French, in English, and by the words as they are.

-- Functions -----------------------------------------------------------------------------------------------------

create function private.salon_lexeme(p_salon_id uuid)
returns text
language sql
immutable
strict
parallel safe
set search_path = ''
as $$
  select 'salon' || replace(p_salon_id::text, '-', '');
$$;

comment on function private.salon_lexeme(uuid) is 'The word that stands for a salon in the index.';

create function private.message_vector(p_salon_id uuid, p_content text)
returns tsvector
language sql
immutable
parallel safe
cost 2000 -- So that the planner reads the index, and does not parse text after text.
set search_path = ''
as $$
  select array_to_tsvector(array[private.salon_lexeme(p_salon_id)])
    || to_tsvector('pg_catalog.simple', p_content)
    || to_tsvector('pg_catalog.french', p_content)
    || to_tsvector('pg_catalog.english', p_content);
$$;

comment on function private.message_vector(uuid, text) is
  'What a message is found by. Its salon is a word of it: a search meets the lists of the salon and of the words in the index, '
  'and takes no longer when other salons say the same words.';

-- Without a list of pending entries: whoever sends the message that fills it would wait until all are entered.
create index chat_messages_search_idx on public.chat_messages
  using gin (private.message_vector(salon_id, content)) with (fastupdate = off)
  where not is_deleted;

create function private.message_query(p_query text, p_salon_ids uuid[])
returns tsquery
language sql
immutable
set search_path = ''
as $$
  -- Without a word there is no query: else a sign alone would find all that was ever said.
  select words && (select string_agg(private.salon_lexeme(salon_id), '|')::tsquery from unnest(p_salon_ids) as salon_id)
  from (
    select websearch_to_tsquery('pg_catalog.simple', left(p_query, 200))
      || websearch_to_tsquery('pg_catalog.french', left(p_query, 200))
      || websearch_to_tsquery('pg_catalog.english', left(p_query, 200)) as words
  ) as query
  where numnode(words) > 0;
$$;

comment on function private.message_query(text, uuid[]) is
  'What a user typed, as a query for these salons: words, "phrases", or, and -without. Null without a word, or without salons.';

create function private.find_messages(p_query text, p_salon_ids uuid[], p_before bigint, p_hidden uuid[], p_limit integer)
returns bigint[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_query constant tsquery := private.message_query(p_query, p_salon_ids);
  v_user_id constant uuid := (select auth.uid());
  v_blocked constant uuid[] := private.my_blocked_ids();
begin
  -- All that match first, by the index alone, then the newest of them.
  return array(
    with found as materialized (
      select id, salon_id, user_id, reply_to_user_id
      from public.chat_messages
      where not is_deleted and private.message_vector(salon_id, content) @@ v_query
    )
    select id
    from found
    -- A text may contain the word of another salon.
    where salon_id = any(p_salon_ids) and (p_before is null or id < p_before) and (user_id = any(p_hidden)) is not true
      and (reply_to_user_id = v_user_id and user_id = any(v_blocked)) is not true
    order by id desc
    limit p_limit);
end;
$$;

comment on function private.find_messages(text, uuid[], bigint, uuid[], integer) is
  'The newest messages of these salons that match, without those of some authors and replies that a block keeps from the caller.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.salon_lexeme(uuid),
  private.message_vector(uuid, text),
  private.message_query(text, uuid[]),
  private.find_messages(text, uuid[], bigint, uuid[], integer)
from public, anon, authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform private.find_messages('word', array[gen_random_uuid()], null, '{}', 1);
end;
$$;
