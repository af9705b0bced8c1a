-- The list of jobs, and what a run leaves behind.

begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;

select plan(14);

select has_view('public', 'job_status', 'there is a view of every job');
select isnt_empty('select * from job_status', 'and it has rows');
select is_empty(
  $$ select name from private.jobs where kind = 'sql' and to_regproc(command) is null $$,
  'every function of the list exists'
);
select is_empty(
  $$ select name from private.jobs where command ~* 'sb_secret|bearer|eyj|http' $$,
  'no command holds an address or a secret'
);

select is(run_job('nobody') ->> 'error', 'not_found', 'a job that is not in the list is refused');
select is(run_job('prune_job_runs') ->> 'outcome', 'succeeded', 'a job can be run by hand');
select results_eq(
  $$ select state, is_overdue from job_status where name = 'prune_job_runs' $$,
  $$ values ('succeeded', false) $$,
  'and then is done'
);

create function public.pgtap_job() returns integer language plpgsql as $$ begin return 1 / 0; end $$;
insert into private.jobs (name, description, schedule, kind, command, timeout_ms, overdue_after, created_at)
values ('pgtap_job', 'Fails', '*/5 * * * *', 'sql', 'public.pgtap_job', 1000, '1 hour', now() - interval '1 day');
select ok((select is_overdue from job_status where name = 'pgtap_job'), 'a job that was not run for a day is overdue');
select ok('pgtap_job' in (select job_runner.due_jobs('90 seconds')), 'and due');
select is(run_job('pgtap_job') ->> 'outcome', 'failed', 'one that fails says so');
select matches((select last_error from job_status where name = 'pgtap_job'), '22012', 'with the error');
select ok((select is_overdue from job_status where name = 'pgtap_job'), 'and is overdue as before');

select throws_ok(
  $$ update private.jobs set schedule = 'every day' where name = 'pgtap_job' $$, '23514', null, 'a schedule must be readable'
);
select is(
  job_runner.latest_time('20 3 * * *', '2026-03-04 03:19:59+00'), '2026-03-03 03:20+00'::timestamptz,
  'a cron text is read in UTC'
);

select * from finish();
rollback;
