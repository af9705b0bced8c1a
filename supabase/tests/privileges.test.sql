-- What is open to whom, as Postgres itself sees it. Run by `supabase test db` and by tests/postgres15.

begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;

select plan(11);

select is_empty(
  $$ select relname from pg_class
     where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relkind in ('r', 'p')
       and not relrowsecurity $$,
  'every table has row level security'
);

select is_empty(
  $$ select oid::regprocedure from pg_proc
     where pronamespace in ('public'::regnamespace, 'private'::regnamespace)
       and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
       and not coalesce(proconfig @> array['search_path=""'], false) $$,
  'every function has an empty search_path'
);

select is_empty(
  $$ select oid::regprocedure, role from pg_proc, unnest(array['anon', 'authenticated']) as role
     where pronamespace in ('public'::regnamespace, 'private'::regnamespace) and prosecdef
       and has_function_privilege(role, oid, 'execute')
       -- Policies and views ask these with the rights of who reads, and REST shows none of them; what REST shows acts for whom
       -- the token names, itself or through a function that no user may execute.
       and not (role = 'authenticated' and (pronamespace = 'private'::regnamespace
         or prosrc ~ '\mauth[.]uid[(][)]|\mprivate[.]\w+[(]')) $$,
  'no user may execute a function with the rights of its owner that does not ask who calls'
);

select is_empty(
  $$ select oid::regclass, role from pg_class, unnest(array['anon', 'authenticated']) as role
     where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relkind in ('r', 'p')
       and has_table_privilege(role, oid, 'insert, update, delete, truncate') $$,
  'no user may write a table'
);

select is_empty(
  $$ select nspname, role from pg_namespace, unnest(array['anon', 'authenticated', 'service_role']) as role
     where nspname in ('token_history', 'job_runner') and has_schema_privilege(role, nspname, 'usage') $$,
  'nobody but the owner looks into the internal schemas'
);

select is_empty(
  $$ select oid::regprocedure from pg_proc
     where pronamespace = 'private'::regnamespace and has_function_privilege('service_role', oid, 'execute') $$,
  'nobody but the owner executes a function of private'
);

select table_privs_are('private', 'jobs', 'service_role', array['SELECT']);
select table_privs_are('private', 'job_runs', 'authenticated', array[]::text[]);
select table_privs_are('public', 'token_balance_history', 'service_role', array['SELECT']);
select function_privs_are('public', 'run_job', array['text'], 'service_role', array['EXECUTE']);
select function_privs_are('public', 'run_job', array['text'], 'authenticated', array[]::text[]);

select * from finish();
rollback;
