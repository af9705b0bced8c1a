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

-- The clock: a fixed start and the minutes that the caller's connection says have passed.
create table simulation.start as select date_trunc('minute', pg_catalog.now()) as at;
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
    continue when target.prosrc !~* '\\mnow\\(\\)' and target.prosrc !~ 'public\\.token_balances'; -- None of the ledger's.
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
    where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relkind in ('r', 'p') and relname like 'token\\_%'
      and not relispartition
  loop
    execute format('create trigger simulation before insert or update or delete on %s for each statement
      when (current_setting(''simulation.plan'', true) <> '''') execute function simulation.before_write()',
      ledger_table);
  end loop;
end $$;

create function simulation.minute_of(p_time timestamptz) returns jsonb language sql stable as $$
  select case when isfinite(p_time) then to_jsonb(trim_scale(extract(epoch from p_time - start.at) / 60))
    else '"Infinity"' end
  from simulation.start
$$;

create function simulation.state() returns jsonb language sql stable as $$
  select jsonb_build_object(
    'accounts', coalesce((
      select jsonb_object_agg(user_id, jsonb_build_object('balance', balance, 'held', held, 'entries', entry_count))
      from public.token_balances), '{}'),
    'entries', coalesce((
      select jsonb_object_agg(user_id || ' ' || entry_number, jsonb_build_object('delta', delta,
        'balance_after', balance_after, 'operation', operation_type, 'request', request_id))
      from public.token_balance_history), '{}'),
    'requests', coalesce((
      select jsonb_object_agg(request_id, jsonb_build_object('user', user_id, 'operation', operation_type,
        'fingerprint', fingerprint, 'amount', amount, 'status', status, 'attempt', attempt,
        'ends', simulation.minute_of(expires_at), 'charged', charged, 'balance_after', balance_after,
        'response', response))
      from public.token_consumption_locks), '{}'),
    'anomalies', coalesce((
      select jsonb_object_agg(user_id || ' ' || anomaly_type || ' ' || occurrence, severity)
      from public.token_anomalies), '{}'),
    'broken', coalesce((select jsonb_agg(to_jsonb(problem)) from public.verify_token_ledger() as problem), '[]')
      || coalesce((select jsonb_agg(to_jsonb(problem)) from public.verify_token_chain() as problem), '[]'))
$$;

-- Calls one after the other, each at its minute; a plan that fails, fails before the end at the latest.
create function simulation.play(p_statements text[], p_minutes text[], p_plans text[])
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
  return jsonb_build_object('answers', v_answers, 'state', simulation.state());
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
