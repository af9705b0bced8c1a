import type postgres from "postgres";

/**
 * Adds the simulator's tools to a migrated database, in a separate schema: a settable clock, points before each write
 * at which a call can be paused or killed, and one function that returns the whole state.
 */
export async function instrument(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(INSTRUMENTS);
}

const INSTRUMENTS = `
create schema simulation;

-- The clock: a start two days before a month ends (UTC), and the minutes that the caller's connection says have passed.
create table simulation.start as
  select (date_trunc('month', pg_catalog.now() at time zone 'UTC') + interval '1 month' - interval '2 days')
    at time zone 'UTC' as at;
do $$ begin
  execute format('create function simulation.now() returns timestamptz language sql stable as
    $now$ select timestamptz %L + current_setting(''simulation.minute'')::integer * interval ''1 minute'' $now$',
    (select at from simulation.start));
end $$;

-- Every function of the ledger and every default that reads the time reads this clock instead; nothing else is changed.
do $$
declare
  target record;
begin
  for target in
    select pg_get_functiondef(oid) as definition, prosrc from pg_proc
    where pronamespace in ('public'::regnamespace, 'private'::regnamespace) and prokind = 'f'
      and prosrc ~* '\\m(now\\(\\)|current_timestamp|clock_timestamp|statement_timestamp|transaction_timestamp)'
  loop
    -- None of the ledger's.
    continue when target.prosrc !~* '\\mnow\\(\\)' and target.prosrc !~ '(public|private)\\.(token|wallet)_';
    if target.prosrc !~* '\\m(now|clock_timestamp)\\(\\)' then
      raise 'The simulator knows only the clocks now() and clock_timestamp(): %', target.definition;
    end if;
    execute regexp_replace(target.definition, '\\m(now|clock_timestamp)\\(\\)', 'simulation.now()', 'gi');
  end loop;
  for target in
    select adrelid::regclass as name, attname from pg_attrdef
    join pg_class on pg_class.oid = adrelid
    join pg_attribute on attrelid = adrelid and attnum = adnum
    where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and pg_get_expr(adbin, adrelid) = 'now()'
  loop
    execute format('alter table %s alter column %I set default simulation.now()', target.name, target.attname);
  end loop;
end $$;

create function simulation.die() returns void language plpgsql as $$
begin
  perform pg_terminate_backend(pg_backend_pid());
  perform pg_sleep(60);
end $$;

-- simulation.plan says what happens before a call's first write, second write and so on: a pause in milliseconds,
-- 'die' for the end of the connection, 'fail' for an error.
create function simulation.before_write() returns trigger language plpgsql as $$
declare
  v_plan text[] := current_setting('simulation.plan');
begin
  perform set_config('simulation.plan', coalesce(v_plan[2:], '{}')::text, true);
  case v_plan[1]
    when 'die' then perform simulation.die();
    when 'fail' then raise sqlstate 'SIM00';
    else perform pg_sleep(coalesce(v_plan[1]::float8, 0) / 1000);
  end case;
  return null;
end $$;
do $$
declare
  ledger_table regclass;
begin
  for ledger_table in
    select oid from pg_class
    where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relkind in ('r', 'p')
      and relname ~ '^(token|wallet)_' and not relispartition
  loop
    execute format('create trigger simulation before insert or update or delete on %s for each statement
      when (current_setting(''simulation.plan'', true) <> '''') execute function simulation.before_write()',
      ledger_table);
  end loop;
end $$;

create function simulation.minute_of(p_time timestamptz) returns jsonb language plpgsql stable as $$
begin
  return (
    select case when p_time is null then null when isfinite(p_time) then to_jsonb(floor(extract(epoch from p_time - start.at) / 60))
      else '"Infinity"' end
    from simulation.start);
end $$;

create function simulation.time_of(p_minute bigint) returns timestamptz language sql stable as $$
  select at + p_minute * interval '1 minute' from simulation.start
$$;

-- In plpgsql what is told at the end of each history is planned once, which takes longer than telling it.
create function simulation.parts_of(p_parts jsonb) returns text language plpgsql stable as $$
begin
  return (
    select coalesce(string_agg((part ->> 'grant') || ': ' || (part ->> 'tokens'), ', ' order by place), '')
    from jsonb_array_elements(p_parts) with ordinality as parts (part, place)
    where (part -> 'tokens')::bigint > 0);
end $$;

-- Which grants paid for a charge, and how much each of them.
create function simulation.parts_of_charge(p_charge public.token_balance_history) returns jsonb language plpgsql stable as $$
declare
  v_end constant numeric := private.end_of_charge(p_charge.user_id, p_charge.entry_number, p_charge.balance_after);
begin
  return (
    select jsonb_agg(jsonb_build_object('grant', grants.entry_number, 'tokens', spent.spent_to - spent.spent_from)
      order by spent.spent_from)
    from private.grants_of_spending(p_charge.user_id, v_end + p_charge.delta, v_end) as spent
    join public.token_grants as grants on grants.id = spent.grant_id);
end $$;

create function simulation.state(p_minute text) returns jsonb language plpgsql as $$
begin
  perform set_config('simulation.minute', p_minute, true), set_config('simulation.plan', '', true);
  perform public.wallet_state(user_id) from public.token_balances;
  return jsonb_build_object(
    'accounts', coalesce((
      select jsonb_object_agg(user_id, jsonb_build_object('balance', balance, 'held', held, 'entries', entry_count,
        'debt', debt, 'spent', granted - balance, 'next', simulation.minute_of(next_expiry_at)))
      from public.token_balances where entry_count > 0), '{}'),
    'entries', coalesce((
      select jsonb_object_agg(user_id || ' ' || entry_number, jsonb_build_object('delta', delta,
        'balance_after', balance_after, 'operation', operation_type, 'request', request_id, 'actor', actor_id,
        'parts', simulation.parts_of(case when operation_type = any(private.operations_of_grants()) then metadata -> 'grants'
          else simulation.parts_of_charge(history) end)))
      from public.token_balance_history as history), '{}'),
    'grants', coalesce((
      select jsonb_object_agg(wallet_id || ' ' || place, jsonb_build_object('kind', kind, 'priority', priority,
        'amount', amount, 'left', remaining, 'expired', expired, 'effective', simulation.minute_of(effective_at),
        'expires', simulation.minute_of(expires_at), 'source', source, 'entry', entry_number))
      from (
        select grants.*, coalesce(left_of.tokens, case when entry_number is null then amount - reversed else 0 end) as remaining,
          row_number() over (partition by wallet_id order by id) as place
        from (select grants.wallet_id, kind, priority, amount, expired, effective_at, expires_at, source, entry_number, id, reversed
          from public.token_grants as grants) as grants
        join public.token_balances on user_id = wallet_id
        left join private.grants_left(wallet_id, granted - balance) as left_of on left_of.grant_id = grants.id
      ) as grants), '{}'),
    'debts', coalesce((
      select jsonb_object_agg(source, debt) from private.token_payments where debt > 0), '{}'),
    'members', coalesce((
      select jsonb_object_agg(wallet_id || ' ' || user_id, jsonb_build_object('role', role, 'cap', monthly_cap_tokens,
        'held', held, 'spent', case when month >= private.month_of(simulation.now()) then spent else 0 end,
        'removed_at', simulation.minute_of(removed_at), 'removed_by', removed_by))
      from private.wallet_members), '{}'),
    'requests', coalesce((
      select jsonb_object_agg(request_id, jsonb_build_object('user', user_id, 'actor', actor_id,
        'operation', operation_type,
        'fingerprint', case when operation_type <> 'grant' then fingerprint end, 'amount', amount, 'status', status, 'attempt', attempt,
        'ends', simulation.minute_of(expires_at), 'charged', charged, 'balance_after', balance_after,
        'response', response))
      from public.token_consumption_locks), '{}'),
    'reversals', coalesce((
      select jsonb_object_agg(reversal_id, jsonb_build_object('source', source, 'wallet', wallet_id, 'amount', amount))
      from private.token_reversals), '{}'),
    'refunds', coalesce((
      select jsonb_object_agg(refund_id, jsonb_build_object('request', request_id, 'amount', tokens))
      from private.token_refunds), '{}'),
    'rollovers', coalesce((
      select jsonb_object_agg(request_id, jsonb_build_object('wallet', wallet_id, 'rolledOver', rolled_over, 'expired', expired))
      from private.token_rollovers), '{}'),
    'anomalies', coalesce((
      select jsonb_object_agg(user_id || ' ' || anomaly_type || ' ' || occurrence, severity)
      from public.token_anomalies where anomaly_type in ('usage_unknown', 'shortfall', 'debt')), '{}'),
    'broken', coalesce((select jsonb_agg(to_jsonb(problem)) from public.verify_token_ledger() as problem), '[]')
      || coalesce((select jsonb_agg(to_jsonb(problem)) from public.verify_token_chain() as problem), '[]'));
end $$;

-- Calls one after the other, each at its minute; a plan that fails, fails before the end at the latest.
create function simulation.play(p_statements text[], p_minutes text[], p_plans text[], p_last_minute text)
returns text language plpgsql as $$
declare
  v_answer jsonb;
  v_answers jsonb[] := '{}';
begin
  for v_index in 1 .. coalesce(array_length(p_statements, 1), 0) loop
    begin
      perform set_config('simulation.minute', p_minutes[v_index], true);
      perform set_config('simulation.plan', p_plans[v_index], true);
      execute p_statements[v_index] into v_answer;
      if p_plans[v_index] <> '' then raise sqlstate 'SIM00'; end if;
    exception
      when sqlstate 'SIM00' then v_answer := null;
      when others then v_answer := to_jsonb(sqlstate || ' ' || sqlerrm);
    end;
    v_answers := array_append(v_answers, v_answer);
  end loop;
  return jsonb_build_object('answers', v_answers, 'state', simulation.state(p_last_minute));
end $$;

-- The cleanup's hand once round the table.
create function simulation.cleanup(p_pages integer) returns jsonb language plpgsql as $$
declare
  v_answer jsonb;
  v_users integer := 0;
  v_deleted integer := 0;
begin
  loop
    v_answer := public.cleanup_expired_locks(p_pages);
    v_users := v_users + (v_answer ->> 'users_with_expired_holds')::integer;
    v_deleted := v_deleted + (v_answer ->> 'deleted_locks')::integer;
    exit when (select cleanup_page from private.token_settings) = 0;
  end loop;
  return jsonb_build_object('users_with_expired_holds', v_users, 'deleted_locks', v_deleted);
end $$;

-- A team, and limits that no history reaches.
update private.token_plans set request_limits = '{}';
create function simulation.found_team() returns void language plpgsql as $$
declare
  v_team constant uuid := '00000000-0000-4000-8000-00000000000f';
  v_ann constant uuid := '00000000-0000-4000-8000-00000000000a';
  v_ben constant uuid := '00000000-0000-4000-8000-00000000000b';
  v_start constant timestamptz := (select at from simulation.start);
begin
  delete from private.wallets;
  insert into private.wallets (id, name, created_by, created_at) values (v_team, 'team', v_ann, v_start);
  insert into public.token_balances (user_id, created_at, updated_at) values (v_team, v_start, v_start);
  insert into private.wallet_members (wallet_id, user_id, role, monthly_cap_tokens, joined_at)
  values (v_team, v_ann, 'owner', null, v_start), (v_team, v_ben, 'member', 8, v_start);
end $$;
select simulation.found_team();

create function simulation.join(p_user_id uuid, p_wallet_id uuid, p_member_id uuid, p_role text, p_cap bigint)
returns jsonb language plpgsql as $$
declare
  v_code constant text := md5(random()::text) || md5(random()::text);
  v_answer jsonb;
begin
  v_answer := public.invite_to_wallet(p_user_id, p_wallet_id, v_code, p_role, null, p_cap);
  return case when (v_answer ->> 'success')::boolean then public.accept_wallet_invitation(p_member_id, v_code)
    else v_answer end;
end $$;

create function simulation.clear() returns void language plpgsql as $$
begin
  perform set_config('simulation.plan', '', true);
  delete from public.token_balances;
  delete from public.token_balance_history;
  delete from public.token_consumption_locks;
  delete from public.token_anomalies;
  delete from public.token_grants;
  delete from private.token_grant_slices;
  delete from private.token_grant_epochs;
  delete from private.token_payments;
  delete from private.token_reversal_parts;
  delete from private.token_reversals;
  delete from private.token_refunds;
  delete from private.token_rollovers;
  delete from private.rate_limits;
  delete from private.request_counters;
  perform simulation.found_team();
end $$;
alter table public.token_balance_history disable trigger token_balance_history_append_only;

-- One month and the table for all others are enough to come across both, and far faster to audit than a year.
do $$
declare
  v_month regclass;
begin
  for v_month in
    select inhrelid from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'public.token_balance_history'::regclass and relname like 'month\\_%'
    order by relname offset 1
  loop
    execute format('drop table %s', v_month);
  end loop;
end $$;
`;
