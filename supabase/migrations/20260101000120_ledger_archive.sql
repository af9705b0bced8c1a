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

create function private.spend_replayed(p_grants private.replayed_grant[], p_tokens numeric)
returns private.replayed_grant[]
language sql
immutable
set search_path = ''
as $$
  select coalesce(array_agg((grants.entry_number, grants.kind, grants.priority, grants.expires_at,
    grants.remaining - greatest(least(grants.remaining, p_tokens - grants.before), 0))::private.replayed_grant), '{}')
  from (
    select one.*, sum(one.remaining) over (order by one.priority, one.expires_at, one.kind, one.entry_number) - one.remaining as before
    from unnest(p_grants) as one
  ) as grants
  where grants.remaining > p_tokens - grants.before;
$$;

comment on function private.spend_replayed(private.replayed_grant[], numeric) is
  'Grants after so many tokens were spent of them in their order; without those that are used up.';

create function private.change_replayed(
  p_grants private.replayed_grant[],
  p_wallet_id uuid,
  p_parts jsonb,
  p_sign integer,
  p_ends_at timestamptz
)
returns private.replayed_grant[]
language sql
stable
set search_path = ''
as $$
  with parts as (
    select (part ->> 'grant')::numeric::bigint as entry_number, sum((part ->> 'tokens')::numeric)::bigint * p_sign as tokens
    from jsonb_path_query(p_parts, '$[*]') as part
    group by 1
  )
  select coalesce(array_agg((changed.entry_number, changed.kind, changed.priority, changed.expires_at,
    changed.remaining)::private.replayed_grant), '{}')
  from (
    select grants.entry_number, grants.kind, grants.priority,
      case when parts.entry_number is null then grants.expires_at else coalesce(p_ends_at, grants.expires_at) end as expires_at,
      grants.remaining + coalesce(parts.tokens, 0) as remaining
    from unnest(p_grants) as grants
    left join parts using (entry_number)
    union all
    -- One that was used up.
    select parts.entry_number, coalesce(openings.kind, (known.metadata #>> '{grant,kind}')::public.token_grant_kind, 'paid'),
      coalesce(openings.priority, (known.metadata #>> '{grant,priority}')::integer, 50),
      coalesce(openings.expires_at, (known.metadata #>> '{grant,expires_at}')::timestamptz, 'infinity'), parts.tokens
    from parts
    left join token_history.grant_openings as openings
      on openings.user_id = p_wallet_id and openings.entry_number = parts.entry_number
    left join public.token_balance_history as known
      on known.user_id = p_wallet_id and known.entry_number = parts.entry_number
    where parts.entry_number <> all(array(select grants.entry_number from unnest(p_grants) as grants))
  ) as changed
  where changed.remaining <> 0;
$$;

comment on function private.change_replayed(private.replayed_grant[], uuid, jsonb, integer, timestamptz) is
  'Grants after an entry that names them gave them tokens (sign 1) or took some (-1), and ended them at a time if there is one.';

create function private.replay_token_grants(p_wallet_id uuid, p_to_entry bigint default null)
returns setof private.replayed_grant
language plpgsql
stable
set search_path = ''
as $$
declare
  v_operations constant text[] := private.operations_of_grants();
  v_grants private.replayed_grant[];
  v_spent numeric := 0;
  v_entry record;
  v_parts jsonb;
begin
  select array_agg((entry_number, kind, priority, expires_at, remaining)::private.replayed_grant) into v_grants
  from token_history.grant_openings
  where user_id = p_wallet_id and remaining > 0;
  v_grants := coalesce(v_grants, '{}');
  -- Charges in a row are one: between two entries about grants their order is fixed. The last row is the end of the history.
  for v_entry in
    select *
    from (
      select entries.*, sum(case when entries.is_plain then -entries.delta else 0 end) over (order by entries.entry_number) as spent
      from (
        select entry_number, delta, created_at, operation_type, metadata,
          operation_type <> all(v_operations) and not coalesce(metadata, '{}') ? 'grants' as is_plain
        from public.token_balance_history
        where user_id = p_wallet_id and (p_to_entry is null or entry_number <= p_to_entry)
        union all
        select 9223372036854775807, 0, 'infinity', null, null, false
      ) as entries
    ) as entries
    where not entries.is_plain
    order by entries.entry_number
  loop
    if v_entry.spent > v_spent then
      v_grants := private.spend_replayed(v_grants, v_entry.spent - v_spent);
      v_spent := v_entry.spent;
    end if;
    exit when v_entry.operation_type is null;
    v_parts := v_entry.metadata -> 'grants';
    if v_entry.operation_type <> all(v_operations) then
      -- A charge says itself which grants it took, where tokens of one that had ended were kept.
      if exists (select from unnest(v_grants) as grants where grants.expires_at <= v_entry.created_at) then
        v_grants := private.change_replayed(v_grants, p_wallet_id, v_parts, -1, null);
      else
        v_grants := private.spend_replayed(v_grants, -v_entry.delta);
      end if;
      continue;
    end if;
    if v_entry.operation_type = 'rollover' then
      v_grants := private.change_replayed(v_grants, p_wallet_id, v_parts, -1, v_entry.created_at);
    elsif v_entry.delta <> 0 and v_parts is not null then
      v_grants := private.change_replayed(v_grants, p_wallet_id, v_parts, sign(v_entry.delta)::integer, null);
    end if;
    if v_entry.operation_type = 'grant' or v_entry.metadata ? 'grant' then
      v_grants := v_grants || (v_entry.entry_number,
        coalesce((v_entry.metadata #>> '{grant,kind}')::public.token_grant_kind, 'paid'),
        coalesce((v_entry.metadata #>> '{grant,priority}')::integer, 50),
        coalesce((v_entry.metadata #>> '{grant,expires_at}')::timestamptz, 'infinity'),
        case when v_entry.operation_type = 'rollover'
          then (select sum((part ->> 'tokens')::numeric)::bigint from jsonb_path_query(v_parts, '$[*]') as part)
          else v_entry.delta end)::private.replayed_grant;
    end if;
  end loop;
  return query select * from unnest(v_grants) as grants where grants.remaining <> 0;
end;
$$;

comment on function private.replay_token_grants(uuid, bigint) is
  'What is left of a wallet''s grants by its history alone, up to an entry (null: all of it), from nothing or from where the '
  'history begins.';

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
  private.spend_replayed(private.replayed_grant[], numeric),
  private.change_replayed(private.replayed_grant[], uuid, jsonb, integer, timestamptz),
  private.replay_token_grants(uuid, bigint),
  private.open_grants(uuid, bigint)
from public, anon, authenticated;

revoke execute on function private.archive_token_history(date), private.split_other_months() from public, anon, authenticated;

