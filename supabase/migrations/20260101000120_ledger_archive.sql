-- Old months of the history leave the database whole, as a file that is dumped, not row by row. What stays is where each
-- user's history begins, so that the audit still adds up.

-- Tables --------------------------------------------------------------------------------------------------------

create table token_history.openings (
  user_id uuid not null,
  entry_number bigint not null,
  balance bigint not null,
  granted numeric not null,
  chain bytea not null,
  constraint openings_pkey primary key (user_id)
);

comment on table token_history.openings is 'Each user''s last archived entry: the history continues after it.';

create table token_history.grant_openings (
  user_id uuid not null,
  entry_number bigint not null,
  kind public.token_grant_kind not null,
  priority integer not null,
  expires_at timestamptz not null,
  remaining bigint not null,
  constraint grant_openings_pkey primary key (user_id, entry_number)
);

comment on table token_history.grant_openings is
  'Each grant whose entry was archived, with what was left of it where the history goes on.';

-- Functions -----------------------------------------------------------------------------------------------------

create type private.replayed_grant as (
  entry_number bigint,
  kind public.token_grant_kind,
  priority integer,
  expires_at timestamptz,
  remaining bigint
);

comment on type private.replayed_grant is 'A grant as the history tells it: named by the number of its entry.';

create function private.replay_token_grants(p_wallet_id uuid, p_to_entry bigint default null)
returns setof private.replayed_grant
language plpgsql
stable
set search_path = ''
set enable_nestloop = off -- How many entries and parts there are is known to nobody: each join of them is by hash.
as $$
declare
  v_operations constant text[] := private.operations_of_grants();
  -- Of each grant, by its place in the order of consumption.
  v_numbers bigint[];
  v_kinds text[];
  v_priorities integer[];
  v_ends timestamptz[];
  v_left bigint[];
  v_endings integer[]; -- Its place in the order of the ends.
  v_by_end integer[]; -- The other way round.
  -- Two trees of counts: below each node so many grants have something left; the first of them is found from the root down.
  v_size integer := 1;
  v_used integer[];
  v_ending integer[];
  v_node integer;
  v_node_of_end integer;
  v_place integer;
  v_places integer[];
  v_changes numeric[];
  v_was bigint;
  v_part bigint;
  v_rest bigint;
  v_step integer;
  v_spent numeric := 0;
  v_entry record;
begin
  select array_agg(entry_number order by place), array_agg(kind::text order by place), array_agg(priority order by place),
    array_agg(ends_at order by place), array_agg(remaining order by place), array_agg(ending order by place),
    array_agg(place order by ending)
  into v_numbers, v_kinds, v_priorities, v_ends, v_left, v_endings, v_by_end
  from (
    select known.*, coalesce(closed.at, known.expires_at) as ends_at,
      row_number() over (order by known.priority, known.expires_at, known.kind, known.entry_number)::integer as place,
      row_number() over (order by coalesce(closed.at, known.expires_at), known.entry_number)::integer as ending
    from (
      select entry_number, kind, priority, expires_at, remaining from token_history.grant_openings
      where user_id = p_wallet_id
      union all
      select entry_number, coalesce((metadata #>> '{grant,kind}')::public.token_grant_kind, 'paid'),
        coalesce((metadata #>> '{grant,priority}')::integer, 50),
        coalesce((metadata #>> '{grant,expires_at}')::timestamptz, 'infinity'), 0
      from public.token_balance_history
      where user_id = p_wallet_id and (p_to_entry is null or entry_number <= p_to_entry)
        and (operation_type = 'grant' or operation_type = any(v_operations) and metadata ? 'grant')
    ) as known
    left join (
      select (part ->> 'grant')::numeric as number, min(entries.created_at) as at
      from public.token_balance_history as entries
      cross join lateral jsonb_path_query(entries.metadata -> 'grants', '$[*]') as part
      where entries.user_id = p_wallet_id and (p_to_entry is null or entries.entry_number <= p_to_entry)
        and entries.operation_type = 'rollover'
      group by 1
    ) as closed on closed.number = known.entry_number
  ) as grants;
  v_numbers := coalesce(v_numbers, '{}');
  while v_size < cardinality(v_numbers) loop
    v_size := 2 * v_size;
  end loop;
  v_used := array_fill(0, array[2 * v_size]);
  v_ending := v_used;
  for v_place in 1 .. cardinality(v_numbers) loop
    if v_left[v_place] > 0 then
      v_used[v_size - 1 + v_place] := 1;
      v_ending[v_size - 1 + v_endings[v_place]] := 1;
    end if;
  end loop;
  for v_node in reverse v_size - 1 .. 1 loop
    v_used[v_node] := v_used[2 * v_node] + v_used[2 * v_node + 1];
    v_ending[v_node] := v_ending[2 * v_node] + v_ending[2 * v_node + 1];
  end loop;

  -- Charges in a row are one: between two entries about grants their order is fixed. The last row is the end of the history.
  for v_entry in
    with entries as materialized (
      select *
      from (
        select plain.*, sum(case when plain.is_plain then -plain.delta else 0 end) over (order by plain.entry_number) as spent
        from (
          select entry_number, delta, created_at, operation_type, metadata,
            operation_type <> all(v_operations) and not coalesce(metadata, '{}') ? 'grants' as is_plain
          from public.token_balance_history
          where user_id = p_wallet_id and (p_to_entry is null or entry_number <= p_to_entry)
          union all
          select 9223372036854775807, 0, 'infinity', null, null, false
        ) as plain
      ) as summed
      where not summed.is_plain
    ),
    known as (
      select number, place::integer from unnest(v_numbers) with ordinality as grants (number, place)
    ),
    parts as (
      select entries.entry_number, array_agg(coalesce(known.place, 0)) as places, array_agg(part.tokens) as tokens
      from entries
      cross join lateral (
        select (one ->> 'grant')::numeric as number, (one ->> 'tokens')::numeric as tokens
        from jsonb_path_query(entries.metadata -> 'grants', '$[*] ? (@.grant.type() == "number" && @.tokens.type() == "number")')
          as one
      ) as part
      left join known on known.number = part.number
      group by entries.entry_number
    )
    select entries.entry_number, entries.delta, entries.created_at, entries.operation_type, entries.spent,
      coalesce(parts.places, '{}') as places, coalesce(parts.tokens, '{}') as tokens,
      case when entries.operation_type = 'grant' or entries.operation_type = any(v_operations) and entries.metadata ? 'grant'
        then known.place end as made
    from entries
    left join parts using (entry_number)
    left join known on known.number = entries.entry_number
    order by entries.entry_number
  loop
    -- First what was spent before the entry, then the entry.
    for v_turn in 1 .. 2 loop
      if v_turn = 1 then
        v_places := array[null];
        v_changes := array[v_spent - v_entry.spent];
        v_spent := v_entry.spent;
      elsif v_entry.operation_type is null then
        exit;
      elsif v_entry.operation_type <> all(v_operations) then
        -- A charge says itself which grants it took, where tokens of one that had ended were kept.
        v_node := 1;
        while v_ending[1] > 0 and v_node < v_size loop
          v_node := 2 * v_node + (v_ending[2 * v_node] = 0)::integer;
        end loop;
        if v_ending[1] > 0 and v_ends[v_by_end[v_node - v_size + 1]] <= v_entry.created_at then
          v_places := v_entry.places;
          v_changes := array(select -tokens from unnest(v_entry.tokens) as parts (tokens));
        else
          v_places := array[null];
          v_changes := array[v_entry.delta];
        end if;
      else
        v_step := case when v_entry.operation_type = 'rollover' then -1 else sign(v_entry.delta)::integer end;
        v_places := v_entry.places || v_entry.made;
        v_changes := array(select v_step * tokens from unnest(v_entry.tokens) as parts (tokens))
          || case when v_entry.operation_type = 'rollover'
            then (select sum(tokens) from unnest(v_entry.tokens) as parts (tokens)) else v_entry.delta end;
        if v_entry.made is null then
          v_places := v_entry.places;
        end if;
      end if;
      for v_index in 1 .. cardinality(v_places) loop
        v_rest := v_changes[v_index];
        while v_rest <> 0 loop
          v_place := v_places[v_index];
          v_part := v_rest;
          if v_place is null then
            if v_used[1] = 0 then
              raise exception 'Entry % spends more than there was', v_entry.entry_number;
            end if;
            v_node := 1;
            while v_node < v_size loop
              v_node := 2 * v_node + (v_used[2 * v_node] = 0)::integer;
            end loop;
            v_place := v_node - v_size + 1;
            v_part := greatest(v_rest, -v_left[v_place]);
          end if;
          v_was := v_left[v_place];
          if v_was is null or v_was + v_part < 0 then
            raise exception 'Entry % takes of a grant what it does not have', v_entry.entry_number;
          end if;
          v_left[v_place] := v_was + v_part;
          v_step := (v_was + v_part > 0)::integer - (v_was > 0)::integer;
          if v_step <> 0 then
            v_node := v_size - 1 + v_place;
            v_node_of_end := v_size - 1 + v_endings[v_place];
            while v_node > 0 loop
              v_used[v_node] := v_used[v_node] + v_step;
              v_ending[v_node_of_end] := v_ending[v_node_of_end] + v_step;
              v_node := v_node / 2;
              v_node_of_end := v_node_of_end / 2;
            end loop;
          end if;
          v_rest := v_rest - v_part;
        end loop;
      end loop;
    end loop;
  end loop;
  return query
  select grants.entry_number, grants.kind::public.token_grant_kind, grants.priority, grants.expires_at, grants.remaining
  from unnest(v_numbers, v_kinds, v_priorities, v_ends, v_left) as grants (entry_number, kind, priority, expires_at, remaining)
  where grants.remaining > 0;
end;
$$;

comment on function private.replay_token_grants(uuid, bigint) is
  'What is left of a wallet''s grants by its history alone, up to an entry (null: all of it), from nothing or from where the '
  'history begins. Raises where it makes no sense.';

create function private.open_grants(p_user_id uuid, p_to_entry bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_left private.replayed_grant[];
begin
  select array_agg(grants) into v_left from private.replay_token_grants(p_user_id, p_to_entry) as grants;
  -- Also those that are used up: a refund may come back to them.
  insert into token_history.grant_openings (user_id, entry_number, kind, priority, expires_at, remaining)
  select p_user_id, entry_number, coalesce((metadata #>> '{grant,kind}')::public.token_grant_kind, 'paid'),
    coalesce((metadata #>> '{grant,priority}')::integer, 50),
    coalesce((metadata #>> '{grant,expires_at}')::timestamptz, 'infinity'), 0
  from public.token_balance_history
  where user_id = p_user_id and entry_number <= p_to_entry
    and (operation_type = 'grant' or operation_type = any(private.operations_of_grants()) and metadata ? 'grant')
  on conflict do nothing;
  update token_history.grant_openings as known
  set remaining = coalesce(replayed.remaining, 0), expires_at = coalesce(replayed.expires_at, known.expires_at)
  from token_history.grant_openings as own
  left join unnest(v_left) as replayed on replayed.entry_number = own.entry_number
  where own.user_id = p_user_id and known.user_id = own.user_id and known.entry_number = own.entry_number;
end;
$$;

comment on function private.open_grants(uuid, bigint) is
  'Notes what is left of a user''s grants after an entry, before the entries up to it leave the history.';

create function private.archive_token_history(p_before date)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
as $$
declare
  v_before constant timestamptz := least(p_before::timestamp at time zone 'UTC',
    date_trunc('month', (select now() - lock_retention - interval '1 day' from private.token_settings) at time zone 'UTC')
      at time zone 'UTC');
  v_months text[];
  v_month text;
begin
  if p_before is null then
    return jsonb_build_object('success', false, 'error', 'invalid_request', 'message', 'before is missing');
  elsif not pg_try_advisory_xact_lock(hashtext('the months of token_history')) then
    return jsonb_build_object('success', false, 'error', 'request_in_progress', 'message', 'The months are being changed');
  elsif exists (select from token_history.other_months where created_at < v_before) then
    return jsonb_build_object('success', false, 'error', 'month_without_partition',
      'message', 'Entries of that time are in token_history.other_months: run split_other_months() first');
  end if;
  select array_agg(relname order by relname) into v_months
  from pg_catalog.pg_inherits
  join pg_catalog.pg_class on pg_class.oid = pg_inherits.inhrelid
  where inhparent = 'public.token_balance_history'::regclass and relname like 'month\_%'
    and (to_date(relname, '"month_"YYYY_MM') + interval '1 month') at time zone 'UTC' <= v_before;
  if v_months is null then
    return jsonb_build_object('success', true, 'error', null, 'archived', '[]'::jsonb, 'is_done', true);
  end if;
  v_month := v_months[1];
  -- One month a call, and all that takes time before the detachment: from that on until the end every charge waits.
  execute format(
    'lock table token_history.%1$I in share mode;
     select private.open_grants(user_id, max(entry_number)) from token_history.%1$I group by user_id;
     insert into token_history.openings as known (user_id, entry_number, balance, granted, chain)
     select distinct on (user_id) user_id, entry_number, balance_after,
       coalesce(sum(delta) filter (where operation_type = any(private.operations_of_grants())) over (partition by user_id), 0),
       chain
     from token_history.%1$I
     order by user_id, entry_number desc
     on conflict (user_id) do update
     set entry_number = excluded.entry_number, balance = excluded.balance,
       granted = known.granted + excluded.granted, chain = excluded.chain',
    v_month);
  update private.token_settings
  set history_begins_at = (to_date(v_month, '"month_"YYYY_MM') + interval '1 month') at time zone 'UTC';
  perform token_history.alter_briefly(format(
    'alter table public.token_balance_history detach partition token_history.%1$I;
     alter table token_history.%1$I rename to %2$I',
    v_month, 'archived_' || v_month));
  return jsonb_build_object('success', true, 'error', null,
    'archived', jsonb_build_array('token_history.archived_' || v_month), 'is_done', cardinality(v_months) = 1);
end;
$$;

comment on function private.archive_token_history(date) is
  'Removes the oldest month from the history if it ended before a day, and records where each user''s history now '
  'begins. Months whose requests may still be retried stay. Returns success, error, archived (the table of that '
  'month, detached, to be dumped and dropped) and is_done: whether no further month can be archived. Call it until '
  'then, each time in its own transaction; no charge waits for it. Errors: invalid_request, request_in_progress, '
  'month_without_partition.';

create function private.split_other_months()
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
as $$
declare
  v_this_month constant timestamp := date_trunc('month', now() at time zone 'UTC');
  v_month timestamp;
  v_name text;
  v_names text[] := '{}'::text[];
  v_attachments text := '';
  v_comment constant text := obj_description('token_history.other_months'::regclass, 'pg_class');
  v_copied_count bigint;
  v_entry_count bigint := 0;
begin
  if not pg_try_advisory_xact_lock(hashtext('the months of token_history')) then
    return jsonb_build_object('success', false, 'error', 'request_in_progress', 'message', 'The months are being changed');
  end if;
  -- Nobody writes to it any more, once this month and those to come have partitions: who tries nevertheless waits here.
  lock table token_history.other_months in share mode;
  if not exists (select from token_history.other_months) then
    return jsonb_build_object('success', true, 'error', null, 'months', '[]'::jsonb, 'entries', 0);
  elsif to_regclass('token_history.' || to_char(v_this_month, '"month_"YYYY_MM')) is null
    or exists (select from token_history.other_months where created_at >= v_this_month at time zone 'UTC')
  then
    return jsonb_build_object('success', false, 'error', 'month_not_over',
      'message', 'Entries of this month go to token_history.other_months: run prepare_token_history(), and this next month');
  end if;
  -- Copies, complete with index and bounds, so that what charges wait for changes the catalog alone.
  for v_month in
    select distinct date_trunc('month', created_at at time zone 'UTC') as month
    from token_history.other_months
    order by month
  loop
    v_name := to_char(v_month, '"month_"YYYY_MM');
    execute format(
      'create table token_history.%1$I (like token_history.other_months including defaults including indexes,
         constraint bounds check (created_at >= %3$L and created_at < %4$L));
       create trigger %2$I before update or delete or truncate on token_history.%1$I
         for each statement execute function private.forbid_token_history_change()',
      v_name, v_name || '_append_only', v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
    execute format(
      'insert into token_history.%I
       select * from token_history.other_months where created_at >= %L and created_at < %L order by user_id, entry_number',
      v_name, v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
    get diagnostics v_copied_count = row_count;
    v_entry_count := v_entry_count + v_copied_count;
    v_names := v_names || v_name;
    v_attachments := v_attachments || format(
      'alter table public.token_balance_history attach partition token_history.%1$I for values from (%2$L) to (%3$L);
       alter table token_history.%1$I drop constraint bounds;',
      v_name, v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
  end loop;
  if v_entry_count <> (select count(*) from token_history.other_months) then
    raise exception 'Of token_history.other_months % entries were copied, which are not all', v_entry_count;
  end if;
  perform token_history.alter_briefly(
    'alter table public.token_balance_history detach partition token_history.other_months;
     alter table token_history.other_months rename to replaced_other_months;
     alter table token_history.replaced_other_months rename constraint other_months_pkey to replaced_other_months_pkey;
     create table token_history.other_months (like public.token_balance_history including defaults,
       constraint other_months_pkey primary key (user_id, entry_number));
     create trigger other_months_append_only before update or delete or truncate on token_history.other_months
       for each statement execute function private.forbid_token_history_change();
     alter table public.token_balance_history attach partition token_history.other_months default;' || v_attachments);
  execute format('comment on table token_history.other_months is %L', v_comment);
  execute 'drop table token_history.replaced_other_months';
  return jsonb_build_object('success', true, 'error', null, 'months', to_jsonb(v_names), 'entries', v_entry_count);
end;
$$;

comment on function private.split_other_months() is
  'Moves the entries of token_history.other_months into partitions of their months, so that they can be archived; '
  'all or nothing. Copies them before it takes the lock that blocks charges. To be run by hand once '
  'prepare_token_history() has created this month and the next ones. Returns success, error, months and entries. '
  'Errors: request_in_progress, month_not_over.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.replay_token_grants(uuid, bigint),
  private.open_grants(uuid, bigint)
from public, anon, authenticated;

revoke execute on function private.archive_token_history(date), private.split_other_months() from public, anon, authenticated;

