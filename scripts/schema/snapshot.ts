import type postgres from "postgres";

/** Schemas of the platform and of Postgres; the rest is ours. */
const FOREIGN =
  `('pg_catalog', 'information_schema', 'auth', 'storage', 'extensions', 'graphql', 'graphql_public', 'realtime',
  'vault', 'pgsodium', 'supabase_migrations', 'cron', 'net')`;

/**
 * The schema as a text to compare: schemas, types, tables with columns, constraints, indexes, policies, triggers and
 * grants, and functions with their properties. A function's body is represented by its digest.
 */
export async function schemaSnapshot(sql: postgres.Sql): Promise<string> {
  const parts = [SCHEMAS, TYPES, TABLES, VIEWS, FUNCTIONS];
  const texts = await Promise.all(parts.map(async (part) => {
    const rows = await sql.unsafe<{ text: string }[]>(part.replaceAll("$FOREIGN", FOREIGN));
    return rows.map(({ text }) => text).join("\n\n");
  }));
  return `-- Written by \`deno task types\` from the migrations; not to be changed by hand, and never run. What a change of the
-- schema does shows here: a grant or a policy that nobody wanted, too.

${texts.filter(Boolean).join("\n\n")}\n`;
}

/** Not those of extensions. */
const OURS = (catalog: string, oid: string) =>
  `not exists (select from pg_catalog.pg_depend as depend where depend.classid = '${catalog}'::regclass
     and depend.objid = ${oid} and depend.deptype = 'e')`;

/** The grants of an object to API roles and to everybody, one per line. */
const grantsOf = (acl: string, kind: string, object: string) => `
  (select string_agg(format('grant %s on %s %s to %s;', granted.privileges, '${kind}', ${object}, granted.grantee), e'\\n'
     order by granted.grantee)
   from (
     select case when acl.grantee = 0 then 'public' else acl.grantee::regrole::text end as grantee,
       string_agg(lower(acl.privilege_type), ', ' order by acl.privilege_type) as privileges
     from pg_catalog.aclexplode(${acl}) as acl
     where acl.grantee in (0, 'anon'::regrole, 'authenticated'::regrole, 'service_role'::regrole)
     group by acl.grantee
   ) as granted)`;

const SCHEMAS = `
  select concat_ws(e'\\n', format('create schema %I;', nspname), ${
  grantsOf("namespace.nspacl", "schema", "quote_ident(nspname)")
}) as text
  from pg_catalog.pg_namespace as namespace
  where nspname not in $FOREIGN and nspname !~ '^pg_' and nspname <> 'public' and ${
  OURS("pg_catalog.pg_namespace", "namespace.oid")
}
  order by nspname`;

const TYPES = `
  select format('create type %s as enum (%s);', types.oid::regtype,
    (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_catalog.pg_enum
     where enumtypid = types.oid)) as text
  from pg_catalog.pg_type as types
  join pg_catalog.pg_namespace as namespace on namespace.oid = typnamespace
  where typtype = 'e' and nspname not in $FOREIGN and nspname !~ '^pg_' and ${
  OURS("pg_catalog.pg_type", "types.oid")
}
  order by nspname, typname`;

const NAME = "format('%I.%I', nspname, relname)";

/** Partitions are left out: which ones exist depends on the day. */
const TABLES = `
  select concat_ws(e'\\n',
    format(e'create %stable %s (\\n%s\\n)%s;', case relpersistence when 'u' then 'unlogged ' else '' end, ${NAME},
      concat_ws(e',\\n',
        (select string_agg(format('  %I %s%s%s', attname, pg_catalog.format_type(atttypid, atttypmod),
           case when attgenerated <> '' then ' generated always as (' || pg_catalog.pg_get_expr(adbin, adrelid) || ') stored'
             when attidentity <> '' then ' generated as identity'
             when adbin is not null then ' default ' || pg_catalog.pg_get_expr(adbin, adrelid) else '' end,
           case when attnotnull then ' not null' else '' end), e',\\n' order by attnum)
         from pg_catalog.pg_attribute
         left join pg_catalog.pg_attrdef on adrelid = attrelid and adnum = attnum
         where attrelid = class.oid and attnum > 0 and not attisdropped),
        (select string_agg(format('  constraint %I %s', conname, pg_catalog.pg_get_constraintdef(constraints.oid)), e',\\n'
           order by contype = 'p' desc, conname)
         from pg_catalog.pg_constraint as constraints where conrelid = class.oid and contype <> 'n')),
      coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '')
        || case when relkind = 'p' then ' partition by ' || pg_catalog.pg_get_partkeydef(class.oid) else '' end),
    (select string_agg(pg_catalog.pg_get_indexdef(indexrelid) || ';', e'\\n' order by indexrelid::regclass::text)
     from pg_catalog.pg_index as indexes
     where indrelid = class.oid and not exists (select from pg_catalog.pg_constraint where conindid = indexrelid)),
    (select string_agg(pg_catalog.pg_get_triggerdef(triggers.oid) || ';', e'\\n' order by tgname)
     from pg_catalog.pg_trigger as triggers where tgrelid = class.oid and not tgisinternal),
    case when relrowsecurity then format('alter table %s enable row level security;', ${NAME}) end,
    (select string_agg(format('create policy %I on %s%s for %s to %s%s%s;', polname, ${NAME},
       case when polpermissive then '' else ' as restrictive' end,
       case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
       (select string_agg(case when role = 0 then 'public' else role::regrole::text end, ', ' order by role)
        from unnest(polroles) as role),
       ' using (' || pg_catalog.pg_get_expr(polqual, polrelid) || ')',
       ' with check (' || pg_catalog.pg_get_expr(polwithcheck, polrelid) || ')'), e'\\n' order by polname)
     from pg_catalog.pg_policy where polrelid = class.oid),
    ${grantsOf("class.relacl", "table", NAME)},
    (select string_agg(format('grant %s (%s) on table %s to %s;', privilege, columns, ${NAME}, grantee), e'\\n'
       order by grantee, privilege)
     from (
       select case when acl.grantee = 0 then 'public' else acl.grantee::regrole::text end as grantee,
         lower(acl.privilege_type) as privilege, string_agg(quote_ident(attname), ', ' order by attnum) as columns
       from pg_catalog.pg_attribute, pg_catalog.aclexplode(attacl) as acl
       where attrelid = class.oid and attnum > 0
         and acl.grantee in (0, 'anon'::regrole, 'authenticated'::regrole, 'service_role'::regrole)
       group by 1, 2
     ) as granted)) as text
  from pg_catalog.pg_class as class
  join pg_catalog.pg_namespace as namespace on namespace.oid = relnamespace
  where relkind in ('r', 'p') and not relispartition and nspname not in $FOREIGN and nspname !~ '^pg_'
    and ${OURS("pg_catalog.pg_class", "class.oid")}
  order by nspname, relname`;

const VIEWS = `
  select concat_ws(e'\\n', format('create view %s%s as%s', ${NAME},
    coalesce(' with (' || array_to_string(reloptions, ', ') || ')', ''), e'\\n' || pg_catalog.pg_get_viewdef(class.oid)),
    ${grantsOf("class.relacl", "table", NAME)}) as text
  from pg_catalog.pg_class as class
  join pg_catalog.pg_namespace as namespace on namespace.oid = relnamespace
  where relkind in ('v', 'm') and nspname not in $FOREIGN and nspname !~ '^pg_' and ${
  OURS("pg_catalog.pg_class", "class.oid")
}
  order by nspname, relname`;

const SIGNATURE =
  "format('%I.%I(%s)', nspname, proname, pg_catalog.pg_get_function_identity_arguments(functions.oid))";

const FUNCTIONS = `
  select concat_ws(e'\\n',
    format('create %s %I.%I(%s)%s language %s %s%s%s; -- body %s', case prokind when 'p' then 'procedure' else 'function' end,
      nspname, proname, pg_catalog.pg_get_function_arguments(functions.oid),
      ' returns ' || pg_catalog.pg_get_function_result(functions.oid), lanname,
      case provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      case when prosecdef then ' security definer' else '' end,
      coalesce(' set ' || array_to_string(proconfig, ' set '), ''),
      left(encode(sha256(convert_to(coalesce(pg_catalog.pg_get_function_sqlbody(functions.oid), prosrc), 'UTF8')), 'hex'), 16)),
    ${grantsOf("coalesce(proacl, pg_catalog.acldefault('f', proowner))", "function", SIGNATURE)}) as text
  from pg_catalog.pg_proc as functions
  join pg_catalog.pg_namespace as namespace on namespace.oid = pronamespace
  join pg_catalog.pg_language as languages on languages.oid = prolang
  where prokind in ('f', 'p') and nspname not in $FOREIGN and nspname !~ '^pg_' and ${
  OURS("pg_catalog.pg_proc", "functions.oid")
}
  order by nspname, proname, pg_catalog.pg_get_function_identity_arguments(functions.oid)`;
