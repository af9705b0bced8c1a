import postgres from "postgres";
import { localModule } from "./paths.ts";
import type { Secrets } from "./secrets.ts";

/** Changes with the SQL below, so that it runs again on a data folder of an earlier version. */
const VERSION = "tessera local stack 3, lite 0.10.0";

/** The roles, schemas and defaults that a hosted project has before its first migration. */
export async function bootstrapRoles(adminUrl: string, secrets: Secrets): Promise<{ isNew: boolean }> {
  return await asAdmin(adminUrl, async (sql) => {
    if (await isBootstrapped(sql)) return { isNew: false };
    const realtimeSql = await readRealtimeSql();
    await sql.begin((transaction) => transaction.unsafe(`${rolesSql(secrets)}\n${realtimeSql}`));
    return { isNew: true };
  });
}

/** The schema `realtime`, as the platform makes it, for a superuser to run. */
export async function readRealtimeSql(): Promise<string> {
  const files = ["realtime/schema.sql", "realtime/changes/schema.sql"];
  return (await Promise.all(files.map((name) => Deno.readTextFile(localModule(name))))).join("\n");
}

/** Gives lite's schemas for Auth and Storage the owners, rights and functions of a hosted project. */
export async function finishSystemSchemas(adminUrl: string): Promise<void> {
  await asAdmin(adminUrl, (sql) => sql.begin((transaction) => transaction.unsafe(SYSTEM_SCHEMAS_SQL)));
}

/** Whether all of this module's SQL has run on a database, in this version. */
export async function isBootstrapped(sql: postgres.Sql): Promise<boolean> {
  const [found] = await sql`
    select shobj_description(oid, 'pg_database') as version from pg_database where datname = current_database()`;
  return found?.version === VERSION;
}

async function asAdmin<Result>(
  adminUrl: string,
  work: (sql: postgres.Sql) => Promise<Result>,
): Promise<Result> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {}, fetch_types: false });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** Roles are global to a server, so each statement must be repeatable. */
function rolesSql(secrets: Secrets): string {
  const role = (name: string, options: string) => `
    do $$ begin
      if not exists (select from pg_roles where rolname = '${name}') then create role ${name}; end if;
    end $$;
    alter role ${name} ${options};`;
  return [
    role("anon", "nologin noinherit"),
    role("authenticated", "nologin noinherit"),
    role("service_role", "nologin noinherit bypassrls"),
    role("supabase_auth_admin", "nologin noinherit createrole"),
    role("supabase_storage_admin", "nologin noinherit createrole"),
    role(
      "postgres",
      `login createrole createdb bypassrls replication password '${secrets.postgresPassword}'`,
    ),
    role("authenticator", `login noinherit password '${secrets.authenticatorPassword}'`),
    // The role with which REST, Auth and Storage connect, as they share one process here. It owns the tables of Auth
    // and Storage and sees all table names, but reads the project's data only after it has switched to an API role.
    role("tessera_lite", `login inherit password '${secrets.litePassword}'`),
    `
    grant anon, authenticated, service_role to authenticator;
    grant anon, authenticated, service_role to postgres with admin option;
    grant anon, authenticated, service_role to tessera_lite with inherit false;
    grant supabase_auth_admin, supabase_storage_admin, pg_read_all_data to tessera_lite;
    grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
    -- A hosted project lets postgres make policies on Storage's tables through an extension; here it is a member.
    grant supabase_storage_admin to postgres;

    alter database postgres owner to postgres;
    grant create on database postgres to supabase_auth_admin, supabase_storage_admin;
    grant usage on schema public to anon, authenticated, service_role;
    grant all on schema public to postgres;

    alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges for role postgres in schema public grant all on functions to anon, authenticated, service_role;
    alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;

    create schema if not exists extensions authorization postgres;
    grant usage on schema extensions to anon, authenticated, service_role, tessera_lite;
    create extension if not exists pgcrypto with schema extensions;
    create extension if not exists "uuid-ossp" with schema extensions;
    create extension if not exists pg_stat_statements with schema extensions;
    grant all on all functions in schema extensions to postgres, anon, authenticated, service_role;

    alter database postgres set search_path to "$user", public, extensions;
    alter role postgres set search_path to "$user", public, extensions;
    alter role tessera_lite set search_path to public, extensions;

    -- Tells REST that the schema changed, as hosted; REST forgets what it knew of it.
    create or replace function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql as $$
      begin notify pgrst, 'reload schema'; end $$;
    drop event trigger if exists pgrst_ddl_watch;
    create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
    drop event trigger if exists pgrst_drop_watch;
    create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_ddl_watch();
    `,
  ].join("\n");
}

const SYSTEM_SCHEMAS_SQL = `
  do $$
  declare
    target record;
  begin
    for target in
      select namespace.nspname as schema, class.relname as name, class.relkind as kind
      from pg_class class join pg_namespace namespace on namespace.oid = class.relnamespace
      where namespace.nspname in ('auth', 'storage') and class.relkind in ('r', 'p', 'v', 'S')
        and not exists (select from pg_depend where objid = class.oid and deptype in ('a', 'i') and class.relkind = 'S')
    loop
      execute format('alter %s %I.%I owner to supabase_%s_admin',
        case target.kind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
        target.schema, target.name, target.schema);
    end loop;
    for target in
      select namespace.nspname as schema, procedure.oid::regprocedure as signature
      from pg_proc procedure join pg_namespace namespace on namespace.oid = procedure.pronamespace
      where namespace.nspname in ('auth', 'storage')
    loop
      execute format('alter routine %s owner to supabase_%s_admin', target.signature, target.schema);
    end loop;
    for target in
      select namespace.nspname as schema, type.typname as name
      from pg_type type join pg_namespace namespace on namespace.oid = type.typnamespace
      where namespace.nspname in ('auth', 'storage') and type.typtype in ('e', 'd')
    loop
      execute format('alter type %I.%I owner to supabase_%s_admin', target.schema, target.name, target.schema);
    end loop;
  end $$;
  alter schema auth owner to supabase_auth_admin;
  alter schema storage owner to supabase_storage_admin;

  -- Lite made the history of migrations too, which on a hosted project the CLI makes as postgres.
  alter schema supabase_migrations owner to postgres;
  alter table supabase_migrations.schema_migrations owner to postgres;

  grant usage on schema auth to postgres, anon, authenticated, service_role;
  grant all on all tables in schema auth to postgres;
  grant all on all routines in schema auth to postgres;

  grant usage on schema storage to postgres, anon, authenticated, service_role;
  grant all on storage.buckets, storage.objects to postgres, anon, authenticated, service_role;
  alter table storage.buckets enable row level security;
  alter table storage.objects enable row level security;

  create or replace function auth.uid() returns uuid language sql stable as $$
    select coalesce(
      nullif(current_setting('request.jwt.claim.sub', true), ''),
      (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
  $$;
  create or replace function auth.role() returns text language sql stable as $$
    select coalesce(
      nullif(current_setting('request.jwt.claim.role', true), ''),
      (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    )::text
  $$;
  create or replace function auth.email() returns text language sql stable as $$
    select coalesce(
      nullif(current_setting('request.jwt.claim.email', true), ''),
      (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email')
    )::text
  $$;
  create or replace function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(
      nullif(current_setting('request.jwt.claim', true), ''),
      nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
  $$;
  comment on database postgres is '${VERSION}';
`;
