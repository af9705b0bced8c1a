import type postgres from "postgres";

/**
 * Functions that play a history inside the database, in one transaction. Steps speak of users, salons, codes and messages
 * by the model's names; the environment has what each name stands for.
 */
const INSTRUMENTS_SQL = `
create schema community_simulation;
grant usage on schema community_simulation to authenticated, anon;

create function community_simulation.value_of(p_value jsonb, p_environment jsonb) returns text language sql as $$
  select case jsonb_typeof(p_value)
    when 'null' then null
    when 'array' then '{' || coalesce((
      select string_agg(community_simulation.value_of(one, p_environment), ',') from jsonb_array_elements(p_value) as one), '') || '}'
    when 'string' then
      case when p_value #>> '{}' like '@%' then p_environment ->> substr(p_value #>> '{}', 2) else p_value #>> '{}' end
    else p_value #>> '{}' end;
$$;

-- As REST: the claims and the rights of who asks. An error is an answer, too.
create function community_simulation.act(p_step jsonb, p_environment jsonb) returns jsonb language plpgsql as $$
declare
  v_user constant text := p_environment ->> (p_step ->> 'user');
  v_role constant text := case when v_user is null then 'anon' else 'authenticated' end;
  v_sql text;
  v_name text;
  v_rows integer;
  v_answer jsonb;
begin
  if p_step ? 'call' then
    v_sql := format('select to_jsonb(public.%I(%s))', p_step ->> 'call', (
      select string_agg(format('%I => %L', key, community_simulation.value_of(value, p_environment)), ', ')
      from jsonb_each(p_step -> 'args')));
  else
    v_sql := p_step ->> 'sql';
    for v_name in select jsonb_array_elements_text(p_step -> 'names') loop
      v_sql := replace(v_sql, '{' || v_name || '}', quote_nullable(p_environment ->> v_name));
    end loop;
  end if;
  perform set_config('request.jwt.claims', jsonb_strip_nulls(jsonb_build_object('sub', v_user, 'role', v_role))::text, true);
  perform set_config('role', v_role, true);
  if p_step ? 'call' then
    execute v_sql into v_answer;
  else
    execute v_sql;
    get diagnostics v_rows = row_count;
    v_answer := jsonb_build_object('rows', v_rows);
  end if;
  perform set_config('role', 'postgres', true);
  return v_answer;
exception when others then
  return jsonb_build_object('raised', sqlstate, 'why', sqlerrm);
end;
$$;

-- Puts all that happened so much further into the past.
create function community_simulation.wait(p_seconds integer) returns void language plpgsql as $$
declare
  v_span constant interval := make_interval(secs => p_seconds);
begin
  update public.chat_messages set created_at = created_at - v_span;
  update public.salon_members set muted_until = muted_until - v_span where muted_until is not null;
  update private.salon_bans set until = until - v_span;
  update private.salon_absences set removed_at = removed_at - v_span, muted_until = muted_until - v_span;
  update private.salon_invitations set expires_at = expires_at - v_span, created_at = created_at - v_span;
  update private.salon_codes set created_at = created_at - v_span;
end;
$$;

create function community_simulation.may_speak(p_topic text, p_extension text) returns boolean language plpgsql as $$
begin
  perform set_config('realtime.topic', p_topic, true);
  insert into realtime.messages (topic, extension) values (p_topic, p_extension);
  raise exception using errcode = 'ZZZZZ';
exception
  when insufficient_privilege then
    return false;
  when sqlstate 'ZZZZZ' then
    return true;
end;
$$;

create function community_simulation.may_hear(p_topic text) returns boolean language plpgsql as $$
begin
  perform set_config('realtime.topic', p_topic, true);
  return exists (select from realtime.messages);
end;
$$;

create function community_simulation.topics_heard(p_users uuid[], p_salons uuid[]) returns jsonb language plpgsql as $$
declare
  v_topic text;
  v_heard text[] := '{}';
begin
  foreach v_topic in array
    array(select 'user:' || one from unnest(p_users) as one) || array(select 'salon:' || one from unnest(p_salons) as one)
      || array(select 'salon:' || one || ':typing' from unnest(p_salons) as one)
  loop
    if community_simulation.may_hear(v_topic) then
      v_heard := v_heard || v_topic;
    end if;
  end loop;
  return to_jsonb(v_heard);
end;
$$;

create function community_simulation.topics_spoken_on(p_user uuid, p_salon uuid) returns jsonb language sql as $$
  select coalesce(jsonb_agg(topic || ' ' || extension), '[]')
  from unnest(array['salon:' || p_salon, 'salon:' || p_salon || ':typing', 'user:' || p_user]) as topic,
    unnest(array['broadcast', 'presence']) as extension
  where community_simulation.may_speak(topic, extension);
$$;

create function community_simulation.page_of(p_answer jsonb) returns jsonb language sql as $$
  select jsonb_build_object('error', p_answer -> 'error', 'messages', (
    select coalesce(jsonb_agg(jsonb_build_object('message', 'message:' || (one ->> 'id'), 'author', one -> 'user_id',
      'content', one -> 'content', 'is_pinned', one -> 'is_pinned', 'reactions', one -> 'reactions',
      'reply_to', case when jsonb_typeof(one -> 'reply_to') = 'object' then jsonb_build_object(
        'message', 'message:' || (one #>> '{reply_to,id}'), 'author', one #> '{reply_to,user_id}',
        'content', one #> '{reply_to,content}') end,
      'is_own', one ->> 'client_id' is not null) order by place), '[]')
    from jsonb_array_elements(p_answer -> 'messages') with ordinality as listed (one, place)));
$$;

-- What somebody sees, of everything and of one salon: with the rights of who asks.
create function community_simulation.look(p_user uuid, p_users uuid[], p_salons uuid[], p_salon uuid) returns jsonb
language plpgsql as $$
begin
  return jsonb_build_object(
    'messages', (
      select jsonb_agg(jsonb_build_array('message:' || id, user_id, content, is_deleted) order by id) from public.chat_messages),
    'messages_with_profiles', (
      select jsonb_agg(jsonb_build_array('message:' || id, full_name, content) order by id) from public.chat_messages_with_profiles),
    'reactions', (
      select jsonb_agg(jsonb_build_array('message:' || message_id, user_id, emoji) order by id) from public.message_reactions),
    'members', (
      select jsonb_agg(jsonb_build_array(salon_id, user_id, role, coalesce(muted_until > clock_timestamp(), false)))
      from public.salon_members),
    'salons', (
      select jsonb_agg(jsonb_build_array(id, owner_id, visibility, is_active, member_count)) from public.salons),
    'pins', (select jsonb_agg('message:' || message_id) from public.message_pins),
    'my_salons', (
      select jsonb_agg(jsonb_build_array(id, role, 'code:' || share_code, notifications_enabled, message_count, last_seq,
        last_read_seq, unread_count))
      from public.my_salons),
    'salons_with_details', (
      select jsonb_agg(jsonb_build_array(id, 'code:' || share_code, owner_name, actual_member_count, message_count))
      from public.salons_with_details),
    'unread_counts', (
      select jsonb_agg(jsonb_build_array(salon_id, unread, last_seq, last_read_seq)) from public.unread_counts()),
    'directory', (
      select jsonb_agg(one -> 'id') from jsonb_array_elements(public.list_public_salons() -> 'salons') as one),
    'profiles', (select jsonb_agg(full_name) from public.profiles where id = any(p_users)),
    'private_profiles', (select jsonb_agg(user_id) from public.profile_private),
    'blocks', (select jsonb_agg(user_id) from public.my_blocks()),
    'own_messages', (
      select jsonb_agg('message:' || (one ->> 'id')) from jsonb_array_elements(public.my_messages() -> 'messages') as one),
    'hears', community_simulation.topics_heard(p_users, p_salons),
    'speaks', community_simulation.topics_spoken_on(p_user, p_salon),
    'after', community_simulation.page_of(public.messages_after(p_salon, 0)),
    'before', community_simulation.page_of(public.messages_before(p_salon)),
    'pinned', community_simulation.page_of(public.pinned_messages(p_salon)),
    'people', (
      select jsonb_agg(jsonb_build_array(one -> 'user_id', one -> 'role', one -> 'full_name'))
      from jsonb_array_elements(public.list_salon_members(p_salon) -> 'members') as one),
    'is_member', public.user_is_salon_member(p_salon),
    'standing', (
      select jsonb_build_array(one -> 'role', one -> 'is_muted', one -> 'is_banned', one ->> 'removed_at' is not null)
      from public.my_salon_standing(p_salon) as one));
end;
$$;

-- Who is not signed in: the code of the refusal for each table, view and topic.
create function community_simulation.look_from_outside(p_salon uuid) returns jsonb language plpgsql as $$
declare
  v_name text;
  v_seen jsonb := '{}';
  v_has_rows boolean;
begin
  foreach v_name in array array['chat_messages', 'message_reactions', 'message_pins', 'salon_members', 'salons', 'my_salons',
    'salons_with_details', 'chat_messages_with_profiles', 'profile_private', 'profiles']
  loop
    begin
      execute format('select exists (select from public.%I)', v_name) into v_has_rows;
      v_seen := v_seen || jsonb_build_object(v_name, v_has_rows);
    exception when insufficient_privilege then
      v_seen := v_seen || jsonb_build_object(v_name, 'no right');
    end;
  end loop;
  return v_seen || jsonb_build_object('hears', community_simulation.may_hear('salon:' || p_salon));
end;
$$;

create function community_simulation.look_as(p_look jsonb, p_environment jsonb) returns jsonb language plpgsql as $$
declare
  v_user constant text := p_environment ->> (p_look ->> 'user');
  v_salon constant uuid := p_environment ->> (p_look ->> 'salon');
  v_role constant text := case when v_user is null then 'anon' else 'authenticated' end;
  v_users constant uuid[] := array(select value from jsonb_each_text(p_environment) where key ~ '^user[0-9]$');
  v_salons constant uuid[] := array(select value from jsonb_each_text(p_environment) where key ~ '^salon[0-9]$');
  v_seen jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_strip_nulls(jsonb_build_object('sub', v_user, 'role', v_role))::text, true);
  perform set_config('role', v_role, true);
  if v_user is null then
    v_seen := community_simulation.look_from_outside(v_salon);
  else
    v_seen := community_simulation.look(v_user::uuid, v_users, v_salons, v_salon);
  end if;
  perform set_config('role', 'postgres', true);
  return v_seen;
exception when others then
  return jsonb_build_object('raised', sqlstate, 'why', sqlerrm);
end;
$$;

create function community_simulation.play(p_environment jsonb, p_steps jsonb) returns jsonb language plpgsql as $$
declare
  v_environment jsonb := p_environment;
  v_step jsonb;
  v_look jsonb;
  v_answer jsonb;
  v_seen jsonb;
  v_played jsonb[] := '{}';
begin
  for v_step in select jsonb_array_elements(p_steps) loop
    if v_step ? 'wait' then
      perform community_simulation.wait((v_step ->> 'wait')::integer);
      v_answer := '{}';
    else
      v_answer := community_simulation.act(v_step, v_environment);
    end if;
    if v_answer ? (v_step #>> '{saves,key}') then
      v_environment := v_environment || jsonb_build_object(v_step #>> '{saves,as}', v_answer ->> (v_step #>> '{saves,key}'));
    end if;
    v_seen := '[]';
    for v_look in select jsonb_array_elements(v_step -> 'looks') loop
      v_seen := v_seen || jsonb_build_array(community_simulation.look_as(v_look, v_environment));
    end loop;
    v_played := v_played || jsonb_build_object('answer', v_answer, 'seen', v_seen);
  end loop;
  return jsonb_build_object('played', to_jsonb(v_played), 'environment', v_environment,
    'broken', (select coalesce(jsonb_agg(verified), '[]') from public.verify_community() as verified),
    'told', (
      select coalesce(jsonb_agg(topic || ' ' || event), '[]') from realtime.messages
      where topic like 'user:%' and event in ('reply', 'mention')));
end;
$$;

grant execute on all functions in schema community_simulation to authenticated, anon;

-- Something to hear: found at once, before what other histories left.
insert into realtime.messages (topic, extension, event) values ('somewhere', 'broadcast', 'begin');
`;

/** Makes a database one that histories can be played in. */
export async function instrument(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(INSTRUMENTS_SQL);
}
