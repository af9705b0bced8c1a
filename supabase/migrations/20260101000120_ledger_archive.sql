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

comment on table token_history.openings is 'Each user''s last entry that was archived: the history goes on after it.';

-- Functions -----------------------------------------------------------------------------------------------------

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
  'Takes the oldest month out of the history, if it ended before a day, and notes where each user''s history begins now. Months '
  'whose requests may still be retried stay. Returns success, error, archived (the name of a table that nothing reads any '
  'more, to be dumped and dropped) and is_done: whether no further month is to go. To be called until then, each time in a '
  'transaction of its own, which no charge waits for. Errors: invalid_request, request_in_progress, month_without_partition.';

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
  'Gives the entries of token_history.other_months partitions of their months, so that they can be archived; all or nothing. '
  'Copies them before it locks what charges wait for. To be run by hand once prepare_token_history() has made this month and '
  'the next ones. Returns success, error, months and entries. Errors: request_in_progress, month_not_over.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function private.archive_token_history(date), private.split_other_months() from public, anon, authenticated;

