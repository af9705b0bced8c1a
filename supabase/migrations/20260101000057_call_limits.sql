-- How often a user may call an endpoint that costs no tokens. The endpoint states the limit; another module may
-- return a different one for the user, and may record excess calls.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.call_limit_sources (
  name text not null,
  limit_of text not null,
  note_excess text not null,
  description text not null,
  constraint call_limit_sources_pkey primary key (name),
  constraint call_limit_sources_limit_of_a_name check (limit_of ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint call_limit_sources_note_excess_a_name check (note_excess ~ '^[a-z][a-z0-9_]{0,62}$')
);

comment on table private.call_limit_sources is
  'Modules that may change a user''s call limits; each module adds itself.';
comment on column private.call_limit_sources.name is
  'Names the source. If there are several, each gets the limit that the one before returned.';
comment on column private.call_limit_sources.limit_of is
  'A function of schema private that takes a user''s id, an endpoint''s name and a limit, {"quota", "window_s"}, and '
  'returns the limit for this user.';
comment on column private.call_limit_sources.note_excess is
  'A function of schema private that takes a user''s id and the limit, {"name", "quota", "window_s"}, that denied a '
  'call.';
comment on column private.call_limit_sources.description is 'Where its limits come from.';

alter table private.call_limit_sources enable row level security;

create policy "nobody but the functions" on private.call_limit_sources using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function public.take_call_limit(p_user_id uuid, p_name text, p_rule jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_source private.call_limit_sources;
  v_rule jsonb := p_rule;
  v_key text;
  v_quota double precision;
  v_window_s double precision;
  v_now timestamptz;
  v_used_s double precision;
  v_taken jsonb;
begin
  for v_source in select * from private.call_limit_sources order by name loop
    execute format('select private.%I($1, $2, $3)', v_source.limit_of) into v_rule using p_user_id, p_name, v_rule;
  end loop;
  -- The key includes the window: what was used of an earlier, longer window no longer counts.
  v_key := 'call ' || p_user_id || ' ' || p_name || ' ' || (v_rule ->> 'window_s');
  v_quota := (v_rule ->> 'quota')::double precision;
  v_window_s := (v_rule ->> 'window_s')::double precision;
  v_now := clock_timestamp();
  -- Does the same as take_rate_limits, in 456,000 instructions instead of 733,000, if a quota is in use and not used
  -- up.
  update private.rate_limits
  set full_at = greatest(full_at, v_now) + make_interval(secs => v_window_s / greatest(v_quota, 1))
  where key = v_key and v_quota >= 1
    and full_at <= v_now + make_interval(secs => v_window_s - v_window_s / greatest(v_quota, 1) + 0.001)
  returning extract(epoch from full_at - v_now) into v_used_s;
  if found then
    return jsonb_build_object('allowed', true, 'denied_by', null, 'retry_after_s', 0,
      'limits', jsonb_build_array(jsonb_build_object('name', p_name, 'quota', v_quota, 'window_s', v_window_s,
        'remaining', floor(v_quota * (1 - v_used_s / v_window_s) + 0.001), 'reset_s', ceil(v_used_s))));
  end if;
  v_taken := public.take_rate_limits(jsonb_build_array(jsonb_build_object('name', p_name, 'key', v_key,
    'quota', v_quota, 'window_s', v_window_s)));
  if (v_taken -> 'allowed')::boolean or v_taken ? 'error' then
    return v_taken;
  end if;
  for v_source in select * from private.call_limit_sources order by name loop
    execute format('select private.%I($1, $2)', v_source.note_excess) using p_user_id, v_taken #> '{limits,0}';
  end loop;
  return v_taken;
end;
$$;

comment on function public.take_call_limit(uuid, text, jsonb) is
  'Takes one call from a user''s limit for an endpoint that costs no tokens: the given limit, {"quota", "window_s"}, '
  'unless a source in call_limit_sources knows another. Returns what take_rate_limits returns.';

create function private.forget_call_limits(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from private.rate_limits
  where key >= 'call ' || p_user_id || ' ' and key < 'call ' || p_user_id || '!';
end;
$$;

comment on function private.forget_call_limits(uuid) is 'A part of forget_user: how often the user called.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  public.take_call_limit(uuid, text, jsonb),
  private.forget_call_limits(uuid)
from public, anon, authenticated;

grant execute on function public.take_call_limit(uuid, text, jsonb) to service_role;

-- User data -----------------------------------------------------------------------------------------------------

insert into private.user_data (name, forget, export, description)
values ('call_limits', 'forget_call_limits', null, 'How often a user called endpoints that cost no tokens, until the limits have refilled');
