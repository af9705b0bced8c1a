-- What a hosted project's schema `realtime` has for Postgres Changes, by the platform's names and signatures. Whatever a
-- policy calls may count on the search path of the connection, as it may on a hosted project: `apply_rls` sets none of its
-- own. Run as the superuser after ../schema.sql, and every statement bears being run again.

do $$ begin
  if to_regtype('realtime.action') is null then
    create type realtime.action as enum ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'ERROR');
    create type realtime.equality_op as enum (
      'eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'ilike', 'is', 'match', 'imatch', 'isdistinct'
    );
    create type realtime.user_defined_filter as (
      column_name text, op realtime.equality_op, value text, negate boolean
    );
    create type realtime.wal_column as (
      name text, type_name text, type_oid oid, value jsonb, is_pkey boolean, is_selectable boolean
    );
    create type realtime.wal_rls as (
      wal jsonb, is_rls_enabled boolean, subscription_ids uuid[], errors text[]
    );
  end if;
end $$;

create or replace function realtime.to_regrole(role_name text) returns regrole language sql immutable
  return role_name::regrole;

-- With a modifier of -1 a type's name takes any length: plain "character" would cut a value to one letter.
create or replace function realtime.cast(val text, type_ regtype) returns jsonb language plpgsql immutable as $$
  declare
    v_result jsonb;
  begin
    if type_ = 'pg_catalog.bytea'::regtype then return to_jsonb(val); end if;
    execute format('select to_jsonb(%L::%s)', val, pg_catalog.format_type(type_, -1)) into v_result;
    return v_result;
  end $$;

create or replace function realtime.check_equality_op(
  op realtime.equality_op, type_ regtype, val_1 text, val_2 text, negate boolean
) returns boolean language plpgsql stable as $$
  declare
    v_type constant text := pg_catalog.format_type(type_, -1);
    v_result boolean;
    v_condition constant text := case op
      when 'eq' then '= %2$L::%3$s'
      when 'neq' then '<> %2$L::%3$s'
      when 'lt' then '< %2$L::%3$s'
      when 'lte' then '<= %2$L::%3$s'
      when 'gt' then '> %2$L::%3$s'
      when 'gte' then '>= %2$L::%3$s'
      when 'in' then '= any (%2$L::%3$s[])'
      when 'like' then 'like %2$L::%3$s'
      when 'ilike' then 'ilike %2$L::%3$s'
      when 'match' then '~ %2$L::%3$s'
      when 'imatch' then '~* %2$L::%3$s'
      when 'isdistinct' then 'is distinct from %2$L::%3$s'
      when 'is' then 'is ' || val_2
    end;
  begin
    if op = 'is' and val_2 not in ('null', 'true', 'false', 'unknown') then
      raise exception 'invalid value for is filter: must be null, true, false, or unknown';
    end if;
    execute format('select %1$L::%3$s ' || v_condition, val_1, val_2, v_type) into v_result;
    return v_result <> negate;
  end $$;

create or replace function realtime.check_equality_op(
  op realtime.equality_op, type_ regtype, val_1 text, val_2 text
) returns boolean language sql stable
  return realtime.check_equality_op(op, type_, val_1, val_2, false);

-- All filters must hold; one whose column is not among the given does not, nor one whose answer is unknown.
create or replace function realtime.is_visible_through_filters(
  columns realtime.wal_column[], filters realtime.user_defined_filter[]
) returns boolean language sql stable as $$
  select coalesce(bool_and(coalesce(wanted.is_met, false)), true)
  from (
    select case when known.name is not null then
      realtime.check_equality_op(
        asked.op,
        coalesce(known.type_oid::regtype, known.type_name::regtype),
        known.value #>> '{}',
        asked.value,
        coalesce(asked.negate, false)
      ) end as is_met
    from unnest(filters) asked left join unnest(columns) known on known.name = asked.column_name
  ) wanted
$$;

create or replace function realtime.wal2json_escape_identifier(name text) returns text
  language sql immutable strict
  return regexp_replace(name, '([ '',.*\\])', '\\\1', 'g');

create or replace function realtime.quote_wal2json(entity regclass) returns text
  language sql stable strict as $$
  select realtime.wal2json_escape_identifier(namespace.nspname) || '.' ||
    realtime.wal2json_escape_identifier(class.relname)
  from pg_catalog.pg_class class join pg_catalog.pg_namespace namespace on namespace.oid = class.relnamespace
  where class.oid = entity
$$;

create or replace function realtime.build_prepared_statement_sql(
  prepared_statement_name text, entity regclass, columns realtime.wal_column[]
) returns text language sql stable as $$
  select format('prepare %I as select exists (select from %s where %s)', prepared_statement_name, entity,
    string_agg(format('%I = %L', key.name, key.value #>> '{}'), ' and '))
  from unnest(columns) key
  where key.is_pkey
$$;

create or replace function realtime.filters_hash(filters realtime.user_defined_filter[]) returns bytea
  language sql immutable strict parallel safe
  return sha256(convert_to(filters::text, 'UTF8'));

create table if not exists realtime.subscription (
  id bigint generated always as identity constraint pk_subscription primary key,
  subscription_id uuid not null,
  entity regclass not null,
  filters realtime.user_defined_filter[] not null default '{}',
  claims jsonb not null,
  claims_role regrole not null generated always as (realtime.to_regrole(claims ->> 'role')) stored,
  created_at timestamp not null default timezone('utc', now()),
  action_filter text default '*' constraint subscription_action_filter_check
    check (action_filter in ('*', 'INSERT', 'UPDATE', 'DELETE')),
  selected_columns text[]
);
create index if not exists ix_realtime_subscription_entity on realtime.subscription (entity);
create unique index if not exists subscription_subscription_id_entity_filters_hash_key on realtime.subscription (
  subscription_id, entity, realtime.filters_hash(filters), action_filter, coalesce(selected_columns, '{}')
);

create or replace function realtime.subscription_check_filters() returns trigger language plpgsql as $$
  declare
    v_readable constant text[] := array(
      select attname from pg_catalog.pg_attribute
      where attrelid = new.entity and attnum > 0 and not attisdropped
        and pg_catalog.has_column_privilege(new.claims ->> 'role', attrelid, attnum, 'select')
    );
    v_filter realtime.user_defined_filter;
    v_type regtype;
    v_column text;
  begin
    foreach v_filter in array new.filters loop
      if v_filter.column_name <> all (v_readable) then
        raise exception 'invalid column for filter %', v_filter.column_name;
      end if;
      select atttypid into v_type from pg_catalog.pg_attribute
      where attrelid = new.entity and attname = v_filter.column_name;
      perform realtime.check_filter(v_filter, v_type);
    end loop;
    foreach v_column in array coalesce(new.selected_columns, '{}') loop
      if v_column <> all (v_readable) then raise exception 'invalid column for select %', v_column; end if;
    end loop;
    -- In one order, so that the same filters in another are the same subscription.
    new.filters := array(
      select filter from unnest(new.filters) filter
      order by filter.column_name, filter.op, filter.value, filter.negate
    );
    if new.selected_columns is not null then
      new.selected_columns := array(select name from unnest(new.selected_columns) name order by name);
    end if;
    return new;
  end $$;

-- Whatever would fail at a change fails here, when the subscription is made. Not part of a hosted project.
create or replace function realtime.check_filter(filter realtime.user_defined_filter, type_ regtype) returns void
  language plpgsql as $$
  begin
    if filter.op = 'in' then
      if jsonb_array_length(realtime.cast(filter.value, (pg_catalog.format_type(type_, -1) || '[]')::regtype)) > 100 then
        raise exception 'too many values for `in` filter. Maximum 100';
      end if;
      return;
    elsif filter.op = 'is' then
      if filter.value not in ('null', 'true', 'false', 'unknown') then
        raise exception 'invalid value for is filter: must be null, true, false, or unknown';
      elsif filter.value <> 'null' and type_ <> 'boolean'::regtype then
        raise exception 'is % filter requires a boolean column, got %', filter.value, type_;
      end if;
      return;
    elsif filter.op in ('match', 'imatch') then
      begin
        perform '' ~ filter.value;
      exception when others then
        raise exception 'invalid regular expression for % filter: %', filter.op, sqlerrm;
      end;
    elsif filter.op not in ('like', 'ilike') then
      perform realtime.cast(filter.value, type_);
    end if;
    begin
      perform realtime.check_equality_op(filter.op, type_, filter.value, filter.value, coalesce(filter.negate, false));
    exception when others then
      raise exception 'operator % is not supported on column % of type %: %',
        filter.op, filter.column_name, type_, sqlerrm;
    end;
  end $$;

create or replace trigger tr_check_filters before insert or update on realtime.subscription
  for each row execute function realtime.subscription_check_filters();

-- The values of a change, as wal2json names them, with what a role may see of them.
create or replace function realtime.wal_columns(given jsonb, keys jsonb, entity regclass, reader regrole)
  returns realtime.wal_column[] language sql stable as $$
  select array_agg((
    value ->> 'name',
    value ->> 'type',
    value ->> 'typeoid',
    realtime.cast(value ->> 'value', coalesce((value ->> 'typeoid')::oid::regtype, (value ->> 'type')::regtype)),
    keys @> jsonb_build_array(jsonb_build_object('name', value -> 'name')),
    coalesce(pg_catalog.has_column_privilege(reader, entity, (
      select attnum from pg_catalog.pg_attribute
      where attrelid = entity and attname = value ->> 'name' and not attisdropped
    ), 'select'), false)
  )::realtime.wal_column)
  from jsonb_array_elements(given) value
$$;

-- As is_visible_through_filters, by the values as Postgres wrote them: as JSON, an array or a composite could not be read
-- again. A filter that fails for a value does not hold; the others' subscriptions are none of its business.
create or replace function realtime.passes_filters(given jsonb, filters realtime.user_defined_filter[])
  returns boolean language plpgsql stable as $$
  declare
    v_filter realtime.user_defined_filter;
    v_value jsonb;
  begin
    foreach v_filter in array filters loop
      select value into v_value from jsonb_array_elements(given) value where value ->> 'name' = v_filter.column_name;
      if not found then return false; end if;
      begin
        if realtime.check_equality_op(
          v_filter.op,
          (v_value ->> 'typeoid')::oid::regtype,
          -- wal2json leaves out what bytes begin with.
          case v_value ->> 'typeoid' when '17' then '\x' else '' end || (v_value ->> 'value'),
          v_filter.value,
          coalesce(v_filter.negate, false)
        ) is not true then return false; end if;
      exception when others then
        return false;
      end;
    end loop;
    return true;
  end $$;

-- What a role is told of a change: the columns that it may read, that were asked for (keys always), and that are not too
-- large where the whole is.
create or replace function realtime.visible_values(
  known realtime.wal_column[], selected text[], is_too_large boolean, are_only_keys boolean
) returns jsonb language sql immutable as $$
  select jsonb_object_agg(one.name, one.value)
  from unnest(known) one
  where one.is_selectable
    and (selected is null or one.name = any (selected) or one.is_pkey)
    and (not is_too_large or octet_length(one.value::text) <= 64)
    and (not are_only_keys or one.is_pkey)
$$;

create or replace function realtime.apply_rls(wal jsonb, max_record_bytes integer default 1024 * 1024)
  returns setof realtime.wal_rls language plpgsql volatile as $$
  declare
    v_entity constant regclass := format('%I.%I', wal ->> 'schema', wal ->> 'table')::regclass;
    v_action constant text := case wal ->> 'action'
      when 'I' then 'INSERT' when 'U' then 'UPDATE' when 'D' then 'DELETE' else 'ERROR' end;
    v_is_guarded constant boolean := (select relrowsecurity from pg_catalog.pg_class where oid = v_entity);
    v_is_too_large constant boolean := octet_length(wal::text) > max_record_bytes;
    v_bare constant jsonb := jsonb_build_object(
      'schema', wal ->> 'schema', 'table', wal ->> 'table', 'type', v_action);
    -- Read once: a subscription that is written anew meanwhile would be missed between two statements.
    v_heard constant realtime.subscription[] := array(
      select subscription from realtime.subscription
      where entity = v_entity and action_filter in ('*', v_action)
    );
    v_role regrole;
    v_new realtime.wal_column[];
    v_old realtime.wal_column[];
    v_whole realtime.wal_column[];
    v_refusal text;
    v_allowed bigint[];
    v_failed bigint[];
    v_group record;
    v_is_visible boolean;
  begin
    perform set_config('role', 'none', true);
    for v_role in
      select distinct claims_role from unnest(v_heard) order by claims_role
    loop
      v_new := realtime.wal_columns(wal -> 'columns', wal -> 'pk', v_entity, v_role);
      v_old := realtime.wal_columns(wal -> 'identity', wal -> 'pk', v_entity, v_role);

      -- What an update left untouched and did not repeat is as it was.
      v_whole := v_new || array(
        select before from unnest(v_old) before
        where not exists (select from unnest(v_new) after where after.name = before.name)
      );

      v_refusal := case
        when v_action = 'DELETE' then null
        when not exists (select from unnest(v_new) where is_pkey) then 'Error 400: Bad Request, no primary key'
        when exists (select from unnest(v_new) where is_pkey and not is_selectable) then 'Error 401: Unauthorized'
      end;
      if v_refusal is not null then
        return query
          select v_bare, v_is_guarded, array_agg(subscription_id), array[v_refusal]
          from unnest(v_heard) where claims_role = v_role
          group by selected_columns;
        continue;
      end if;

      if v_is_guarded and v_action <> 'DELETE' then
        if exists (select from pg_catalog.pg_prepared_statements where name = 'walrus_rls_stmt') then
          deallocate walrus_rls_stmt;
        end if;
        execute realtime.build_prepared_statement_sql('walrus_rls_stmt', v_entity, v_new);
      end if;

      -- Each filter and each reader's claims are looked at once, however many subscriptions share them.
      v_allowed := '{}';
      v_failed := '{}';
      for v_group in
        with candidate as (
          select id, claims, filters from unnest(v_heard) where claims_role = v_role
        ),
        passing as materialized (
          select wanted.filters
          from (select distinct filters from candidate) wanted
          where realtime.passes_filters(wal -> 'columns', wanted.filters)
            or v_action = 'DELETE' and realtime.passes_filters(wal -> 'identity', wanted.filters)
        )
        select candidate.claims::text as claims, array_agg(candidate.id) as ids
        from candidate join passing on passing.filters = candidate.filters
        group by candidate.claims
      loop
        if not v_is_guarded or v_action = 'DELETE' then
          v_allowed := v_allowed || v_group.ids;
          continue;
        end if;
        -- A policy may fail for one reader's claims alone: the others hear of the change.
        begin
          perform set_config('request.jwt.claims', v_group.claims, true),
            set_config('role', pg_catalog.pg_get_userbyid(v_role), true);
          execute 'execute walrus_rls_stmt' into v_is_visible;
          if v_is_visible then v_allowed := v_allowed || v_group.ids; end if;
        exception when others then
          v_failed := v_failed || v_group.ids;
          raise warning 'Row level security of % failed for a subscriber: %', v_entity, sqlerrm;
        end;
        perform set_config('role', 'none', true);
      end loop;

      return query
        select
          v_bare || jsonb_build_object(
            'commit_timestamp', to_char(
              (wal ->> 'timestamp')::timestamptz at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'columns', (
              select jsonb_agg(jsonb_build_object('name', attname, 'type', typname) order by attnum)
              from pg_catalog.pg_attribute join pg_catalog.pg_type on pg_type.oid = atttypid
              where attrelid = v_entity and attnum > 0 and not attisdropped
                and pg_catalog.has_column_privilege(v_role, v_entity, attnum, 'select')
                and (listener.selected is null or attname = any (listener.selected)
                  or wal -> 'pk' @> jsonb_build_array(jsonb_build_object('name', attname)))
            ))
          || case when v_action in ('INSERT', 'UPDATE') then jsonb_build_object('record',
              realtime.visible_values(v_whole, listener.selected, v_is_too_large, false))
            else '{}' end
          || case when v_action in ('UPDATE', 'DELETE') then jsonb_build_object('old_record',
              -- Nobody can tell who might have read a row that is gone: its key alone is told of.
              realtime.visible_values(
                v_old, listener.selected, v_is_too_large, v_action = 'DELETE' and v_is_guarded))
            else '{}' end,
          v_is_guarded,
          listener.ids,
          case when v_is_too_large then array['Error 413: Payload Too Large'] else '{}'::text[] end
        from (
          select selected_columns as selected, array_agg(subscription_id) as ids
          from unnest(v_heard) where id = any (v_allowed) group by selected_columns
        ) listener;
      return query
        select v_bare, v_is_guarded, array_agg(subscription_id),
          array['Error 500: Internal Server Error, RLS policy evaluation failed']
        from unnest(v_heard) where id = any (v_failed) group by selected_columns;
    end loop;
  end $$;

create or replace function realtime.list_changes(
  publication name, slot_name name, max_changes integer, max_record_bytes integer
) returns table (
  wal jsonb, is_rls_enabled boolean, subscription_ids uuid[], errors text[], slot_changes_count bigint
) language sql set log_min_messages to 'fatal' as $$
  with wanted as (
    select
      concat_ws(',', case when pubinsert then 'insert' end, case when pubupdate then 'update' end,
        case when pubdelete then 'delete' end) as actions,
      (
        select string_agg(realtime.quote_wal2json(format('%I.%I', schemaname, tablename)::regclass), ',')
        from pg_catalog.pg_publication_tables where pubname = publication
      ) as tables
    from pg_catalog.pg_publication where pubname = publication
  ),
  change as materialized (
    select decoded.data::jsonb as data
    from wanted, pg_catalog.pg_logical_slot_get_changes(slot_name, null, max_changes,
      'format-version', '2', 'include-transaction', 'false', 'include-timestamp', 'true',
      'include-type-oids', 'true', 'include-pk', 'true', 'actions', wanted.actions, 'add-tables', wanted.tables
    ) decoded
    where wanted.tables is not null
  ),
  told as (
    select answer.* from change, realtime.apply_rls(change.data, max_record_bytes) answer
    where cardinality(answer.subscription_ids) > 0
  )
  select told.*, (select count(*) from change) from told
  union all
  select null, null, null, null, (select count(*) from change) where not exists (select from told)
$$;
grant select on realtime.subscription to postgres, anon, authenticated, service_role;
grant usage on sequence realtime.subscription_id_seq to anon, authenticated, service_role;

do $$
declare
  v_target record;
begin
  alter table realtime.subscription owner to supabase_realtime_admin;
  for v_target in
    select typname from pg_type
    where typnamespace = 'realtime'::regnamespace
      and typname in ('action', 'equality_op', 'user_defined_filter', 'wal_column', 'wal_rls')
  loop
    execute format('alter type realtime.%I owner to supabase_realtime_admin', v_target.typname);
  end loop;
  for v_target in select oid::regprocedure as signature from pg_proc where pronamespace = 'realtime'::regnamespace loop
    execute format('alter routine %s owner to supabase_realtime_admin', v_target.signature);
    execute format('grant all on routine %s to postgres', v_target.signature);
  end loop;
end $$;
