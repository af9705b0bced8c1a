-- The schedule: one list of jobs, whoever runs it, and the outcome of each run.
--
-- A run is recorded before its work begins and ended after it, each in a transaction of its own. A run that was cut
-- off shows as one that never ended, and the next run continues with the rest. A job is done when its work is done:
-- an HTTP job when its function has responded, not when the request was queued. pg_cron runs the list if it exists;
-- otherwise `deno task jobs watch` or the local stack does. All three call job_runner.run().

-- Reading a cron text -------------------------------------------------------------------------------------------

create schema job_runner;

comment on schema job_runner is 'Runs private.jobs. Only the tables'' owner may use it.';

create function job_runner.cron_values(p_field text, p_first integer, p_last integer)
returns integer[]
language sql
immutable
set search_path = ''
as $$
  with parts as (
    select regexp_match(part, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$') as found
    from regexp_split_to_table(p_field, ',') as part
  ),
  ranges as (
    select
      case when found[1] = '*' then p_first else found[2]::integer end as first,
      case when found[1] = '*' then p_last else coalesce(found[3], found[2])::integer end as last,
      case
        when found[4] is null then 1
        -- As in cron: a step belongs to a range.
        when found[1] = '*' or found[3] is not null then found[4]::integer
      end as step
    from parts
  )
  select case
    when bool_and(coalesce(first between p_first and p_last and last between first and p_last and step > 0, false))
    then (select array_agg(distinct value)
      from ranges, generate_series(ranges.first, ranges.last, nullif(ranges.step, 0)) as value)
  end
  from ranges;
$$;

comment on function job_runner.cron_values(text, integer, integer) is
  'The numbers from p_first to p_last that match one field of a cron expression (*, 5, 1-5, */10, 0-30/10, or a list '
  'of these). Null for an invalid field.';

create function job_runner.latest_time(p_schedule text, p_at timestamptz)
returns timestamptz
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_fields constant text[] := regexp_split_to_array(trim(p_schedule), '\s+');
  v_minutes constant integer[] := job_runner.cron_values(v_fields[1], 0, 59);
  v_hours constant integer[] := job_runner.cron_values(v_fields[2], 0, 23);
  v_month_days constant integer[] := job_runner.cron_values(v_fields[3], 1, 31);
  v_months constant integer[] := job_runner.cron_values(v_fields[4], 1, 12);
  v_week_days constant integer[] := job_runner.cron_values(v_fields[5], 0, 7);
  v_at constant timestamp := p_at at time zone 'UTC';
  v_day date;
  v_fits_month_day boolean;
  v_fits_week_day boolean;
  v_time timestamp;
begin
  if cardinality(v_fields) <> 5 or v_minutes is null or v_hours is null or v_month_days is null or v_months is null
    or v_week_days is null
  then
    return null;
  end if;
  -- The next 29 February may be eight years away.
  for v_days_back in 0..3000 loop
    v_day := v_at::date - v_days_back;
    v_fits_month_day := extract(day from v_day) = any(v_month_days);
    v_fits_week_day := extract(dow from v_day) = any(v_week_days) or extract(isodow from v_day) = any(v_week_days);
    continue when extract(month from v_day) <> all(v_months)
      -- As in cron: of two restricted day fields, one match is enough.
      or not case
        when v_fields[3] like '*%' or v_fields[5] like '*%' then v_fits_month_day and v_fits_week_day
        else v_fits_month_day or v_fits_week_day
      end;
    select max(v_day + make_interval(hours => hour, mins => minute)) into v_time
    from unnest(v_hours) as hour, unnest(v_minutes) as minute
    where v_day + make_interval(hours => hour, mins => minute) <= v_at;
    if v_time is not null then return v_time at time zone 'UTC'; end if;
  end loop;
  return null;
end;
$$;

comment on function job_runner.latest_time(text, timestamptz) is
  'The last minute up to p_at at which a cron expression (five fields, UTC) was due. Null for an invalid expression.';

-- Tables --------------------------------------------------------------------------------------------------------

create table private.jobs (
  name text not null,
  description text not null,
  schedule text not null,
  kind text not null,
  command text not null,
  is_repeated boolean not null default false,
  expected_result jsonb,
  is_enabled boolean not null default true,
  timeout_ms integer not null,
  overdue_after interval not null,
  created_at timestamptz not null default now(),
  constraint jobs_pkey primary key (name),
  constraint jobs_name_plain check (name ~ '^[a-z][a-z0-9_]{2,50}$'),
  constraint jobs_schedule_readable check (job_runner.latest_time(schedule, '2026-01-01 00:00+00') is not null),
  constraint jobs_kind_known check (kind in ('sql', 'http')),
  constraint jobs_command_a_name check (
    case kind
      when 'sql' then command ~ '^(public|private)[.][a-z][a-z0-9_]{0,62}$'
      else command ~ '^[a-z0-9][a-z0-9-]*(/[a-z0-9-]+)?([?]action=[a-z0-9_-]+(&if_[a-z_]+=true)?)?$'
    end
  ),
  constraint jobs_timeout_in_range check (timeout_ms between 1000 and 7200000)
);

comment on table private.jobs is 'The list of all scheduled jobs. After a change: select private.install_schedule().';
comment on column private.jobs.name is 'The job''s name, in messages and in pg_cron.';
comment on column private.jobs.description is 'What the job does, for people.';
comment on column private.jobs.schedule is 'A cron expression of five fields, in UTC.';
comment on column private.jobs.kind is 'sql: a database function; http: an Edge Function, by POST.';
comment on column private.jobs.command is
  'Only a name: a function without arguments, with its schema (private or public); or <function>, '
  '<function>/<action>, <function>?action=<action>.';
comment on column private.jobs.is_repeated is
  'Whether one run calls its function repeatedly. SQL: each call in its own transaction, until the function returns '
  '0, an object of zeros, or is_done (or is_complete) as true, for at most half of timeout_ms. HTTP: while the '
  'response has is_done (or is_complete) as false the job runs again at once, at most 60 times per scheduled time.';
comment on column private.jobs.expected_result is
  'What the result must contain; otherwise the run''s outcome is a problem. Null accepts any result.';
comment on column private.jobs.is_enabled is 'False takes the job off the schedule; it can still be run by hand.';
comment on column private.jobs.timeout_ms is 'The maximum duration of a run; a longer run is ended.';
comment on column private.jobs.overdue_after is 'The job is overdue when it was last done longer ago than this.';

create table private.job_runs (
  job_name text not null,
  id bigint generated always as identity,
  started_at timestamptz not null,
  ends_by timestamptz not null,
  ended_at timestamptz,
  outcome text,
  result jsonb,
  error text,
  backend_pid integer,
  backend_started_at timestamptz,
  http_request_id bigint,
  constraint job_runs_pkey primary key (id),
  constraint job_runs_job_name_fkey foreign key (job_name) references private.jobs (name) on update cascade on delete cascade,
  constraint job_runs_outcome_known check (outcome in ('succeeded', 'problem', 'failed', 'lost')),
  constraint job_runs_ended_with_outcome check ((ended_at is null) = (outcome is null))
);

create index job_runs_job_name_idx on private.job_runs (job_name, id);
create unique index job_runs_open_idx on private.job_runs (job_name) where ended_at is null;

comment on table private.job_runs is 'Each run of a job and its outcome, kept for 14 days.';
comment on column private.job_runs.job_name is 'The job that ran.';
comment on column private.job_runs.started_at is 'Recorded before the work begins.';
comment on column private.job_runs.ends_by is 'A run that takes longer is ended.';
comment on column private.job_runs.ended_at is
  'When the work was done; for an HTTP job, when the function responded.';
comment on column private.job_runs.outcome is
  'succeeded; problem: the work was done, but the result does not match jobs.expected_result; failed: see error; '
  'lost: the run was cut off, or no response came. Null while it runs.';
comment on column private.job_runs.result is
  'What the function returned; for a repeated job the sums, and the number of steps.';
comment on column private.job_runs.error is 'Why it failed or was lost.';
comment on column private.job_runs.backend_pid is 'The database session that runs it; null for a run from outside.';
comment on column private.job_runs.backend_started_at is 'When that session began: the system reuses process ids.';
comment on column private.job_runs.http_request_id is 'The request''s id in pg_net.';

alter table private.jobs enable row level security;
alter table private.job_runs enable row level security;

-- Policies ------------------------------------------------------------------------------------------------------

create policy "servers read the jobs" on private.jobs for select to service_role using (true);
create policy "servers read the runs" on private.job_runs for select to service_role using (true);

-- Runs: beginning and end ---------------------------------------------------------------------------------------

create function job_runner.is_alive(p_run private.job_runs)
returns boolean
language sql
volatile
set search_path = ''
as $$
  select case
    when p_run.backend_pid is null then clock_timestamp() < p_run.ends_by + interval '30 seconds'
    else exists (
      select from pg_catalog.pg_stat_activity as session
      where session.pid = p_run.backend_pid
        and session.backend_start = p_run.backend_started_at
        -- The session must still run the statement that began the run: a pooled session may run another one.
        and coalesce(session.query_start, session.backend_start) <= p_run.started_at
        and case coalesce(session.state, 'disabled')
          when 'active' then true
          when 'disabled' then clock_timestamp() < p_run.ends_by + interval '30 seconds' -- The server does not tell.
          else false
        end
    )
  end;
$$;

comment on function job_runner.is_alive(private.job_runs) is
  'Whether an open run can still end by itself: its session still works on it, or a response may still come.';

create function job_runner.finish_run(
  p_run_id bigint,
  p_result jsonb,
  p_error text default null,
  p_ended_at timestamptz default clock_timestamp()
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update private.job_runs as run
  set ended_at = greatest(run.started_at, p_ended_at),
    outcome = case
      when p_error is not null then 'failed'
      when job.expected_result is not null and (p_result @> job.expected_result) is not true then 'problem'
      else 'succeeded'
    end,
    result = p_result,
    error = left(p_error, 2000)
  from private.jobs as job
  where run.id = p_run_id and run.ended_at is null and job.name = run.job_name;
  return found;
end;
$$;

comment on function job_runner.finish_run(bigint, jsonb, text, timestamptz) is
  'Ends a run: as failed if there is an error, otherwise by its result. Returns false if the run had already ended '
  'as lost.';

create function job_runner.finish_http_run(
  p_run_id bigint,
  p_status integer,
  p_body text,
  p_failure text default null,
  p_ended_at timestamptz default clock_timestamp()
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_is_good constant boolean := coalesce(p_status between 200 and 299, false);
  v_result jsonb := jsonb_build_object('status', p_status);
begin
  if v_is_good and octet_length(p_body) <= 8000 then
    begin
      if jsonb_typeof(p_body::jsonb) = 'object' then v_result := v_result || p_body::jsonb; end if;
    exception when invalid_text_representation or untranslatable_character then
      null; -- Not JSON: the status says enough.
    end;
  end if;
  return job_runner.finish_run(p_run_id, v_result, case
    when p_failure is not null or p_status is null then coalesce(p_failure, 'no answer')
    when not v_is_good then concat('HTTP ', p_status, ': ', left(p_body, 500))
  end, p_ended_at);
end;
$$;

comment on function job_runner.finish_http_run(bigint, integer, text, text, timestamptz) is
  'Ends a run by its function''s response: succeeded for a 2xx status, otherwise failed with the response or '
  'p_failure.';

create function job_runner.collect_answers()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_answer record;
  v_count integer := 0;
begin
  if to_regclass('net._http_response') is null then return 0; end if;
  for v_answer in execute
    'select run.id, answer.status_code, answer.content, answer.timed_out, answer.error_msg, answer.created
     from private.job_runs as run
     join net._http_response as answer on answer.id = run.http_request_id and answer.created >= run.started_at
     where run.ended_at is null'
  loop
    v_count := v_count + job_runner.finish_http_run(v_answer.id, v_answer.status_code, v_answer.content,
      case when v_answer.timed_out then 'no answer in time' else v_answer.error_msg end, v_answer.created)::integer;
  end loop;
  return v_count;
end;
$$;

comment on function job_runner.collect_answers() is
  'Ends the runs whose responses pg_net has received. Returns how many.';

create function job_runner.reap_runs()
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_run private.job_runs;
begin
  perform job_runner.collect_answers();
  for v_run in
    select * from private.job_runs where ended_at is null for no key update skip locked
  loop
    if not job_runner.is_alive(v_run) then
      update private.job_runs
      set ended_at = clock_timestamp(), outcome = 'lost',
        error = case when v_run.backend_pid is null then 'no answer came' else 'the session that ran it is gone' end
      where id = v_run.id;
    elsif v_run.backend_pid is not null and clock_timestamp() > v_run.ends_by then
      begin
        perform pg_cancel_backend(v_run.backend_pid);
      exception when insufficient_privilege then
        null; -- Another role's session: its owner has to end it, and the job shows as overdue.
      end;
    end if;
  end loop;
end;
$$;

comment on function job_runner.reap_runs() is
  'Ends runs that can no longer end by themselves, and cancels runs that take too long.';

create function job_runner.due_jobs(p_grace interval default '0', p_name text default null)
returns setof text
language sql
volatile
set search_path = ''
as $$
  select jobs.name
  from private.jobs
  cross join lateral (select job_runner.latest_time(jobs.schedule, clock_timestamp() - p_grace) as due_at) as slot
  left join lateral (
    select * from private.job_runs where job_name = jobs.name order by id desc limit 1
  ) as run on true
  cross join lateral (
    select count(*) filter (where newest.started_at >= slot.due_at) as run_count,
      count(*) filter (where newest.started_at >= slot.due_at and newest.position <= 3) as count
    from (
      select started_at, row_number() over (order by id desc) as position
      from private.job_runs where job_name = jobs.name order by id desc
      limit case when jobs.kind = 'http' and jobs.is_repeated then 60 else 3 end
    ) as newest
  ) as tries
  where jobs.is_enabled
    and (p_name is null or jobs.name = p_name)
    and (jobs.kind = 'http' or to_regproc(jobs.command) is not null)
    and (run.id is null or run.ended_at is not null)
    and (coalesce(run.started_at, jobs.created_at) < slot.due_at
      or (run.outcome in ('lost', 'failed') and tries.count < 3
        and run.ended_at < clock_timestamp() - case run.outcome
          when 'lost' then interval '0' else make_interval(mins => tries.count::integer) end)
      -- The job pauses in the middle of its work.
      or (jobs.kind = 'http' and jobs.is_repeated and run.outcome = 'succeeded' and tries.run_count < 60
        and coalesce(run.result -> 'is_done', run.result -> 'is_complete') = 'false'))
  order by jobs.timeout_ms, jobs.name;
$$;

comment on function job_runner.due_jobs(interval, text) is
  'The jobs (or the named one) that should have run by p_grace ago but did not, quick ones first. A failed or lost '
  'job is retried up to three times per scheduled time. An unfinished repeated HTTP job runs again at once, up to 60 '
  'times.';

create function job_runner.start_run(
  p_name text,
  p_is_outside boolean default false,
  p_only_due interval default null
)
returns private.job_runs
language plpgsql
set search_path = ''
as $$
declare
  v_job private.jobs;
  v_run private.job_runs;
begin
  -- Skipped if another session starts it at this moment.
  select * into v_job from private.jobs where name = p_name for no key update skip locked;
  if not found
    or exists (select from private.job_runs where job_name = p_name and ended_at is null)
    or (p_only_due is not null and not exists (select from job_runner.due_jobs(p_only_due, p_name)))
  then
    return null;
  end if;
  insert into private.job_runs (job_name, started_at, ends_by, backend_pid, backend_started_at)
  select p_name, clock_timestamp(), clock_timestamp() + make_interval(secs => v_job.timeout_ms / 1000.0),
    session.pid, session.backend_start
  from (select case when p_is_outside or v_job.kind = 'http' then null else pg_backend_pid() end as pid) as own
  left join pg_catalog.pg_stat_activity as session using (pid)
  returning * into v_run;
  return v_run;
end;
$$;

comment on function job_runner.start_run(text, boolean, interval) is
  'Records the start of a run. Returns null if the job is already running or, with p_only_due, another run has '
  'already done it. A run from outside (an HTTP client, invisible to the database) counts as alive until its time is '
  'over.';

-- Runs: the work ------------------------------------------------------------------------------------------------

create function job_runner.try_step(p_job private.jobs, p_result jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_function constant regproc := to_regproc(p_job.command);
  v_answer jsonb;
  v_sums jsonb;
  v_is_idle boolean;
  v_message text;
  v_code text;
begin
  if v_function is null then
    return jsonb_build_object('error', format('the function %s does not exist', p_job.command));
  end if;
  begin
    if (select prorettype = 'void'::regtype from pg_catalog.pg_proc where oid = v_function) then
      execute format('select %s()', v_function);
    else
      execute format('select to_jsonb(answer) from %s() as answer', v_function) into v_answer;
    end if;
  exception when query_canceled or others then
    -- The error is not swallowed: the run ends as failed with it.
    get stacked diagnostics v_message = message_text, v_code = returned_sqlstate;
    return jsonb_build_object('error', format('%s (%s)', v_message, v_code));
  end;
  if jsonb_typeof(v_answer) is distinct from 'object' then
    v_answer := jsonb_strip_nulls(jsonb_build_object('count', v_answer));
  elsif v_answer -> 'success' = 'false' then
    return jsonb_build_object('error', concat_ws(': ', v_answer ->> 'error', v_answer ->> 'message'));
  end if;
  select coalesce(jsonb_object_agg(one.key, case
      when jsonb_typeof(one.value) = 'number' and jsonb_typeof(p_result -> one.key) = 'number'
        then to_jsonb((p_result ->> one.key)::numeric + (one.value #>> '{}')::numeric)
      else one.value
    end), '{}'),
    coalesce(bool_and(one.value = '0') filter (where jsonb_typeof(one.value) = 'number'), true)
  into v_sums, v_is_idle
  from jsonb_each(v_answer) as one;
  return jsonb_build_object(
    'result', p_result || (v_sums - array['success', 'error']) || jsonb_build_object('steps', coalesce((p_result ->> 'steps')::integer, 0) + 1),
    'is_done', not p_job.is_repeated or coalesce(coalesce(v_answer -> 'is_done', v_answer -> 'is_complete') = 'true', v_is_idle));
end;
$$;

comment on function job_runner.try_step(private.jobs, jsonb) is
  'Calls a job''s function once, all or nothing. Returns error, or result (p_result with the new numbers added) and '
  'is_done.';

create function job_runner.ask_function(p_job private.jobs, p_run_id bigint)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_url text;
  v_secret_key text;
  v_request_id bigint;
begin
  if to_regproc('net.http_post') is null then
    return 'pg_net is not installed: this job needs `deno task jobs watch`';
  elsif to_regclass('vault.decrypted_secrets') is null then
    return 'Vault is not installed: this job needs `deno task jobs watch`';
  end if;
  execute 'select decrypted_secret from vault.decrypted_secrets where name = $1' into v_url using 'tessera_project_url';
  execute 'select decrypted_secret from vault.decrypted_secrets where name = $1' into v_secret_key using 'tessera_secret_key';
  if v_url is null then
    return 'Vault has no secret tessera_project_url';
  elsif v_secret_key is null then
    return 'Vault has no secret tessera_secret_key';
  end if;
  execute 'select net.http_post(url := $1, body := $2, headers := $3, timeout_milliseconds := $4)'
  into v_request_id
  using rtrim(v_url, '/') || '/functions/v1/' || p_job.command, '{}'::jsonb,
    jsonb_build_object('Content-Type', 'application/json', 'apikey', v_secret_key), p_job.timeout_ms;
  update private.job_runs set http_request_id = v_request_id where id = p_run_id;
  return null;
end;
$$;

comment on function job_runner.ask_function(private.jobs, bigint) is
  'Queues an HTTP job''s request in pg_net, with address and key from Vault. Returns which setting is missing, or '
  'null. The run ends when the response arrives.';

-- Procedures that commit can neither be declared with a search_path nor be security definer, and Supabase's linter
-- warns about the search_path. They set it in each of their transactions, name every schema, and only the tables'
-- owner may call them.

create procedure job_runner.run(p_name text, p_only_due interval default null)
language plpgsql
as $$
declare
  v_job private.jobs;
  v_run private.job_runs;
  v_step jsonb;
  v_result jsonb := '{}'::jsonb;
  v_error text;
begin
  set local search_path = '';
  perform job_runner.reap_runs();
  commit;
  set local search_path = '';
  v_run := job_runner.start_run(p_name, p_only_due => p_only_due);
  select * into v_job from private.jobs where name = p_name;
  commit;
  set local search_path = '';
  if v_job.name is null then
    raise exception 'There is no job named %', p_name using errcode = 'undefined_object';
  elsif v_run.id is null then
    return;
  elsif v_job.kind = 'http' then
    v_error := job_runner.ask_function(v_job, v_run.id);
    if v_error is not null then perform job_runner.finish_run(v_run.id, null, v_error); end if;
    commit;
    return;
  end if;
  loop
    v_step := job_runner.try_step(v_job, v_result);
    commit;
    set local search_path = '';
    v_error := v_step ->> 'error';
    v_result := coalesce(v_step -> 'result', v_result);
    exit when v_error is not null
      or (v_step -> 'is_done') = 'true'
      or clock_timestamp() > v_run.started_at + (v_run.ends_by - v_run.started_at) / 2;
  end loop;
  perform job_runner.finish_run(v_run.id, v_result, v_error);
  commit;
end;
$$;

comment on procedure job_runner.run(text, interval) is
  'Runs a job now, unless it is already running or, with p_only_due, no longer due. Records the start, works step by '
  'step and records the end, each in its own transaction. For an HTTP job it returns at once; the response ends the '
  'run. Raises only for an unknown name.';

create procedure job_runner.watch(p_grace interval default '90 seconds')
language plpgsql
as $$
declare
  v_name text;
begin
  set local search_path = '';
  perform job_runner.reap_runs();
  commit;
  set local search_path = '';
  foreach v_name in array array(select job_runner.due_jobs(p_grace)) loop
    call job_runner.run(v_name, p_grace);
  end loop;
end;
$$;

comment on procedure job_runner.watch(interval) is
  'Collects responses, ends hanging runs, and runs jobs that were missed by more than p_grace, e.g. after a crash or '
  'a paused project. Runs every minute beside pg_cron; with p_grace 0 it replaces pg_cron.';

create function public.run_job(p_name text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job private.jobs;
  v_run private.job_runs;
  v_step jsonb;
  v_result jsonb := '{}'::jsonb;
  v_error text;
begin
  perform job_runner.reap_runs();
  select * into v_job from private.jobs where name = p_name;
  if not found then
    return jsonb_build_object('success', false, 'error', 'not_found', 'message', 'There is no job of this name');
  end if;
  v_run := job_runner.start_run(p_name);
  if v_run.id is null then
    return jsonb_build_object('success', false, 'error', 'request_in_progress', 'message', 'The job is being run');
  elsif v_job.kind = 'http' then
    v_error := job_runner.ask_function(v_job, v_run.id);
    if v_error is not null then perform job_runner.finish_run(v_run.id, null, v_error); end if;
  else
    v_step := job_runner.try_step(v_job, v_result);
    perform job_runner.finish_run(v_run.id, v_step -> 'result', v_step ->> 'error');
  end if;
  return (
    select jsonb_build_object('success', coalesce(outcome not in ('failed', 'lost'), true), 'error', null,
      'run_id', id, 'outcome', outcome, 'result', result, 'message', error)
    from private.job_runs where id = v_run.id
  );
end;
$$;

comment on function public.run_job(text) is
  'Runs a job by hand, in this transaction and in one step; the schedule does the rest. Returns success, error '
  '(not_found, request_in_progress), run_id, outcome (null until an HTTP job''s function has responded), result and '
  'message.';

-- Jobs of this file ---------------------------------------------------------------------------------------------

create function private.prune_job_runs(p_limit integer default 10000)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_run_count integer;
  v_cron_count integer := 0;
begin
  delete from private.job_runs
  where id = any(array(
    select id from private.job_runs
    where ended_at < now() - interval '14 days'
      -- Rows that job_status shows stay, however old.
      and id not in (select max(id) from private.job_runs group by job_name)
      and id not in (select max(id) from private.job_runs where outcome in ('succeeded', 'problem') group by job_name)
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_run_count = row_count;
  if to_regclass('cron.job_run_details') is not null then
    execute
      'delete from cron.job_run_details where runid = any(array(
         select details.runid from cron.job_run_details as details join cron.job using (jobid)
         where job.jobname like ''tessera: %'' and details.end_time < now() - interval ''7 days''
         limit $1))'
    using p_limit;
    get diagnostics v_cron_count = row_count;
  end if;
  return jsonb_build_object('job_runs', v_run_count, 'cron_runs', v_cron_count);
end;
$$;

comment on function private.prune_job_runs(integer) is
  'Deletes runs that ended more than 14 days ago, except the last ones of each job, and pg_cron''s records of these '
  'jobs after 7 days; at most p_limit of each. Returns job_runs and cron_runs.';

-- The view ------------------------------------------------------------------------------------------------------

create view public.job_status with (security_invoker = true) as
select
  jobs.name,
  case
    when not jobs.is_enabled then 'disabled'
    when jobs.kind = 'sql' and to_regproc(jobs.command) is null then 'missing'
    when newest.id is null then 'waiting'
    else coalesce(newest.outcome, 'running')
  end as state,
  jobs.is_enabled and now() - coalesce(done.ended_at, jobs.created_at) > jobs.overdue_after as is_overdue,
  newest.started_at as last_started_at,
  done.ended_at as last_done_at,
  (extract(epoch from ended.ended_at - ended.started_at) * 1000)::bigint as last_duration_ms,
  ended.outcome as last_outcome,
  ended.result as last_result,
  ended.error as last_error,
  jobs.schedule,
  jobs.kind,
  jobs.command,
  jobs.timeout_ms,
  jobs.overdue_after,
  jobs.description
from private.jobs
left join lateral (
  select * from private.job_runs where job_name = jobs.name order by id desc limit 1
) as newest on true
left join lateral (
  select * from private.job_runs where job_name = jobs.name and ended_at is not null order by id desc limit 1
) as ended on true
left join lateral (
  select * from private.job_runs where job_name = jobs.name and outcome in ('succeeded', 'problem') order by id desc limit 1
) as done on true;

comment on view public.job_status is 'One row per job: its state, when it was last done, and whether it is overdue.';
comment on column public.job_status.name is 'The job''s name.';
comment on column public.job_status.state is
  'waiting: never run; running; succeeded, problem, failed or lost: the outcome of the last run; missing: its '
  'function does not exist; disabled.';
comment on column public.job_status.is_overdue is 'Whether the job was last done longer ago than overdue_after.';
comment on column public.job_status.last_started_at is 'When the newest run began, whatever its outcome.';
comment on column public.job_status.last_done_at is 'When a run last completed its work.';
comment on column public.job_status.last_duration_ms is 'The duration of the last run that ended.';
comment on column public.job_status.last_outcome is 'The outcome of the last run that ended.';
comment on column public.job_status.last_result is 'The result of that run.';
comment on column public.job_status.last_error is 'Why that run failed or was lost.';
comment on column public.job_status.schedule is 'A cron expression, in UTC.';
comment on column public.job_status.kind is 'sql or http.';
comment on column public.job_status.command is 'The function that does the work.';
comment on column public.job_status.timeout_ms is 'The maximum duration of a run.';
comment on column public.job_status.overdue_after is 'The job is overdue when it was last done longer ago than this.';
comment on column public.job_status.description is 'What the job does.';

-- Installation --------------------------------------------------------------------------------------------------

create function job_runner.ensure_extension(p_name text, p_schema text default null)
returns text
language plpgsql
set search_path = ''
as $$
begin
  if exists (select from pg_catalog.pg_extension where extname = p_name) then return null; end if;
  if not exists (select from pg_catalog.pg_available_extensions where name = p_name) then
    return format('the extension %s is not available on this server', p_name);
  end if;
  execute format('create extension if not exists %I', p_name)
    || case when p_schema is null then '' else format(' with schema %I', p_schema) end;
  return null;
exception
  -- An available extension may still refuse: wrong database, not preloaded, not for this role.
  when raise_exception or internal_error or insufficient_privilege or feature_not_supported or undefined_file
    or undefined_object or invalid_schema_name or object_not_in_prerequisite_state
  then
    return format('the extension %s cannot be created: %s', p_name, sqlerrm);
end;
$$;

comment on function job_runner.ensure_extension(text, text) is
  'Creates an extension if possible. Returns why it could not, or null if the extension exists.';

create function private.install_schedule()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_problems text[] := '{}'::text[];
  v_entry record;
  v_names text[] := '{}'::text[];
begin
  v_problems := array_remove(array[
    job_runner.ensure_extension('pg_cron', 'pg_catalog'),
    job_runner.ensure_extension('pg_net', 'extensions'),
    job_runner.ensure_extension('supabase_vault')
  ], null);
  begin
    if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
      for v_entry in
        select format('tessera: %s', name) as name, schedule, format('call job_runner.run(%L)', name) as command
        from private.jobs where is_enabled
        union all
        values ('tessera: watch', '* * * * *', 'call job_runner.watch()'),
          ('tessera: watch from the start', '@reboot', 'call job_runner.watch()')
      loop
        execute 'select cron.schedule($1, $2, $3)' using v_entry.name, v_entry.schedule, v_entry.command;
        v_names := v_names || v_entry.name;
      end loop;
      execute 'select cron.unschedule(jobid) from cron.job where jobname like ''tessera: %'' and jobname <> all($1)'
      using v_names;
    end if;
  exception when insufficient_privilege or undefined_function or invalid_schema_name then
    v_names := '{}';
    v_problems := v_problems || format('pg_cron cannot be used: %s', sqlerrm);
  end;
  return jsonb_build_object('installed', to_jsonb(v_names), 'problems', to_jsonb(v_problems));
end;
$$;

comment on function private.install_schedule() is
  'Registers private.jobs with pg_cron and removes jobs that are no longer listed; may be repeated. Creates pg_cron, '
  'pg_net and Vault if possible. Returns installed (pg_cron''s names of the jobs, which begin with "tessera: ") and '
  'problems.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on private.jobs, private.job_runs, public.job_status to service_role;

revoke execute on function
  public.run_job(text),
  private.prune_job_runs(integer),
  private.install_schedule()
from public, anon, authenticated;

grant execute on function public.run_job(text) to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_rate_limits', '*/5 * * * *', 'sql', 'private.cleanup_rate_limits', true, null, 60000, '30 minutes',
    'Deletes refilled quotas'),
  ('prune_job_runs', '40 3 * * *', 'sql', 'private.prune_job_runs', true, null, 300000, '2 days',
    'Deletes old runs of this schedule');

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.job_runs where job_name = 'none' order by id desc limit 1;
  perform 1 from private.job_runs where job_name = 'none' and ended_at is null;
  perform private.install_schedule();
end;
$$;
