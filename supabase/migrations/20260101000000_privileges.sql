-- Deny by default. Supabase grants every new table, sequence and function of schema public to the API roles; from
-- here on each migration grants rights by name, and an object that was forgotten is closed.

alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

-- Objects that only functions and operators use: REST does not expose this schema, whatever is granted in it. A
-- project may already have a schema of this name, with its own default privileges; objects created here are closed
-- anyway.
create schema if not exists private;

comment on schema private is 'What only database functions and operators use. No API shows it.';

alter default privileges in schema private revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema private revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema private revoke all on functions from anon, authenticated, service_role;

-- The view public.job_status runs with the rights of its reader; only the owner may execute functions in this schema. The
-- exception is functions in policies: they need the right to execute, and no right to the schema.
grant usage on schema private to service_role;

-- Postgres lets PUBLIC execute new functions; only the form without a schema revokes that default.
alter default privileges revoke execute on functions from public;
