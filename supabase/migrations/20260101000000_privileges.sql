-- Deny by default. Supabase grants every new table, sequence and function of schema public to the API roles;
-- from here on each migration names who may do what, and an object that is forgotten is closed.

alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

-- Postgres lets PUBLIC execute new functions; only the form without a schema takes that default away.
alter default privileges revoke execute on functions from public;

create schema if not exists private;
