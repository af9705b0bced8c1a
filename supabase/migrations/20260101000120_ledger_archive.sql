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

create function public.archive_token_history(p_before date)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
as $$
declare
  v_before constant timestamptz := least(p_before::timestamp at time zone 'UTC',
    date_trunc('month', (select now() - lock_retention - interval '1 day' from public.token_settings) at time zone 'UTC')
      at time zone 'UTC');
  v_month text;
  v_ends_at timestamptz;
  v_archived text[] := '{}'::text[];
begin
  if p_before is null then
    return jsonb_build_object('success', false, 'error', 'invalid_request', 'message', 'before is missing');
  elsif exists (select from token_history.other_months where created_at < v_before) then
    return jsonb_build_object('success', false, 'error', 'month_without_partition',
      'message', 'Entries of that time are in token_history.other_months: give them a partition first');
  end if;
  for v_month in
    select relname
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class on pg_class.oid = pg_inherits.inhrelid
    where inhparent = 'public.token_balance_history'::regclass and relname like 'month\_%'
    order by relname
  loop
    v_ends_at := (to_date(v_month, '"month_"YYYY_MM') + interval '1 month') at time zone 'UTC';
    exit when v_ends_at > v_before;
    execute format(
      'insert into token_history.openings as known (user_id, entry_number, balance, granted, chain)
       select distinct on (user_id) user_id, entry_number, balance_after,
         sum(greatest(delta, 0)) over (partition by user_id), chain
       from token_history.%1$I
       order by user_id, entry_number desc
       on conflict (user_id) do update
       set entry_number = excluded.entry_number, balance = excluded.balance,
         granted = known.granted + excluded.granted, chain = excluded.chain;
       alter table public.token_balance_history detach partition token_history.%1$I;
       alter table token_history.%1$I rename to %2$I',
      v_month, 'archived_' || v_month);
    update public.token_settings set history_begins_at = v_ends_at;
    v_archived := v_archived || ('token_history.archived_' || v_month);
  end loop;
  return jsonb_build_object('success', true, 'error', null, 'archived', to_jsonb(v_archived));
end;
$$;

comment on function public.archive_token_history(date) is
  'Takes the months that ended before a day out of the history, and notes where each user''s history begins now. Months '
  'whose requests may still be retried stay. Returns success, error and archived: the names of tables that nothing reads '
  'any more, to be dumped and dropped. Gives up when it had to wait for 2 s, as charges would wait behind it. Errors: '
  'invalid_request, month_without_partition.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function public.archive_token_history(date) from public, anon, authenticated;

grant execute on function public.archive_token_history(date) to service_role;
