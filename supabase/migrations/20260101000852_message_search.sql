-- Full-text search in one's salons, in French, in English, and by the words as they are.

-- A search costs the same whatever it asks and however much has been said: it goes back from the newest message in windows of
-- 65,536 ids, each of which is a word of the index, and stops once it has read enough. Where it stopped is told.

-- Functions -----------------------------------------------------------------------------------------------------

create function private.place_lexeme(p_salon_id uuid, p_message_id bigint)
returns text
language sql
immutable
strict
parallel safe
set search_path = ''
as $$
  -- The parser yields no word with a control character, whatever the text.
  select e'\x01' || replace(p_salon_id::text, '-', '') || '/' || (p_message_id >> 16);
$$;

comment on function private.place_lexeme(uuid, bigint) is
  'The word that stands in the index for a salon and a window of 65,536 message ids. No text and no query contains it.';

create function private.message_vector(p_salon_id uuid, p_message_id bigint, p_content text)
returns tsvector
language sql
immutable
parallel safe
cost 2000 -- So that the planner reads the index, and does not parse text after text.
set search_path = ''
as $$
  select array_to_tsvector(array[private.place_lexeme(p_salon_id, p_message_id)])
    || to_tsvector('pg_catalog.simple', p_content)
    || to_tsvector('pg_catalog.french', p_content)
    || to_tsvector('pg_catalog.english', p_content);
$$;

comment on function private.message_vector(uuid, bigint, text) is
  'What a message is found by. Its place is a word of it: a search meets the lists of places and of the words in the index, '
  'and takes no longer when other salons, or older messages, say the same words.';

-- Without a list of pending entries: whoever sends the message that fills it would wait until all are entered.
create index chat_messages_search_idx on public.chat_messages
  using gin (private.message_vector(salon_id, id, content)) with (fastupdate = off)
  where not is_deleted;

create function private.query_in(p_config regconfig, p_query text)
returns tsquery
language sql
immutable
set search_path = ''
as $$
  -- querytree() is T for what also finds texts with none of the words: "-without" alone, or beside "or".
  select case when querytree(query) in ('', 'T') then '' else query end
  from websearch_to_tsquery(p_config, left(p_query, 200)) as query;
$$;

comment on function private.query_in(regconfig, text) is
  'What a user typed, as a query in one language; empty if it does not ask for a word that must be there.';

create function private.message_query(p_query text)
returns tsquery
language sql
immutable
set search_path = ''
as $$
  select words
  from (
    select private.query_in('pg_catalog.simple', p_query)
      || private.query_in('pg_catalog.french', p_query)
      || private.query_in('pg_catalog.english', p_query) as words
  ) as query
  where numnode(words) > 0;
$$;

comment on function private.message_query(text) is
  'What a user typed, as a query: words, "phrases", or, and -without. Null if it does not ask for a word: it would find nearly '
  'all that was ever said.';

create function private.find_messages(
  p_query tsquery,
  p_salon_ids uuid[],
  p_before bigint,
  p_hidden uuid[],
  p_limit integer,
  out ids bigint[],
  out next_before bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_blocked constant uuid[] := private.my_blocked_ids();
  -- The index knows words and not their places, so texts are parsed again to find a phrase: the newest that have its words.
  v_has_phrase constant boolean := p_query::text ~ '<(-|\d+)>';
  v_words constant tsquery := case when v_has_phrase
    then regexp_replace(querytree(p_query), '<(-|\d+)>', '&', 'g')::tsquery else p_query end;
  v_window bigint := least(case when p_before <= 1 then 0 else p_before - 1 end, (select max(id) from public.chat_messages)) >> 16;
  v_oldest constant bigint := (select min(id) from public.chat_messages) >> 16;
  v_places tsquery;
  v_wanted integer;
  v_found bigint[];
  v_count bigint;
  v_read_count bigint := 0;
  v_parsed_count integer := 0;
  v_window_count integer := 0;
begin
  ids := '{}';
  if cardinality(p_salon_ids) = 0 then
    return;
  end if;
  while v_window >= v_oldest loop
    v_places := (
      select string_agg(quote_literal(private.place_lexeme(salon_id, v_window << 16)), '|')::tsquery
      from unnest(p_salon_ids) as salon_id);
    v_wanted := case when v_has_phrase then 200 - v_parsed_count else p_limit - cardinality(ids) end;
    -- All of the window that match first, by the index alone, then the newest of them.
    with found as materialized (
      select id, user_id, reply_to_user_id
      from public.chat_messages
      where not is_deleted and private.message_vector(salon_id, id, content) @@ (v_words && v_places)
    ),
    seen as (
      select id
      from found
      where (p_before is null or id < p_before) and (user_id = any(p_hidden)) is not true
        and (reply_to_user_id = v_user_id and user_id = any(v_blocked)) is not true
      order by id desc
      limit v_wanted
    )
    select coalesce((select array_agg(id order by id desc) from seen), '{}'), (select count(*) from found)
    into v_found, v_count;
    if v_has_phrase then
      ids := ids || array(
        select messages.id
        from unnest(v_found) as found_id
        join public.chat_messages as messages on messages.id = found_id
        where (private.message_vector(messages.salon_id, messages.id, messages.content) @@ p_query) is true
        order by messages.id desc
        limit p_limit - cardinality(ids));
      v_parsed_count := v_parsed_count + cardinality(v_found);
    else
      ids := ids || v_found;
    end if;
    v_read_count := v_read_count + v_count;
    v_window_count := v_window_count + 1;
    if cardinality(ids) = p_limit then
      next_before := ids[p_limit];
      return;
    elsif cardinality(v_found) = v_wanted then
      next_before := v_found[v_wanted];
      return;
    elsif v_read_count >= 20000 or v_window_count >= 200 then
      next_before := case when v_window > v_oldest then v_window << 16 end;
      return;
    end if;
    v_window := v_window - 1;
  end loop;
end;
$$;

comment on function private.find_messages(tsquery, uuid[], bigint, uuid[], integer) is
  'The newest messages of these salons that match, without those of some authors and replies that a block keeps from the caller. '
  'Reads at most 85,000 rows of those that match, parses 200 texts to find phrases, and looks into 200 windows. next_before: '
  'where it stopped, with a full page or without; null: there are no more.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.place_lexeme(uuid, bigint),
  private.message_vector(uuid, bigint, text),
  private.query_in(regconfig, text),
  private.message_query(text),
  private.find_messages(tsquery, uuid[], bigint, uuid[], integer)
from public, anon, authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.chat_messages where not is_deleted and private.message_vector(salon_id, id, content) @@ 'word';
end;
$$;
