-- Deny by default. Supabase grants every new table, sequence and function of schema public to the API roles;
-- from here on each migration names who may do what, and an object that is forgotten is closed.

alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

-- What only functions and operators use: REST does not show this schema, whatever is granted in it. A project may have a
-- schema of this name already, with defaults of its own; what is made here stays closed in it too.
create schema if not exists private;

comment on schema private is 'What only functions of the database and operators use. No API shows it.';

alter default privileges in schema private revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema private revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema private revoke all on functions from anon, authenticated, service_role;

-- The view public.job_status asks with the rights of its reader; no function in here may be executed by anybody but its owner,
-- except what policies ask: a policy needs the right to its functions and none to their schema.
grant usage on schema private to service_role;

-- Postgres lets PUBLIC execute new functions; only the form without a schema takes that default away.
alter default privileges revoke execute on functions from public;
