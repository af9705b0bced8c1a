-- Rate limits: the used part of any quota. The counters are unlogged: after a database crash all quotas are full
-- again. A budget that must survive a crash belongs in a table of its own.

create unlogged table private.rate_limits (
  key text collate "C" primary key check (length(key) between 1 and 300),
  -- GCRA's "theoretical arrival time": the quota is full again from then on.
  full_at timestamptz not null
) with (fillfactor = 50);

comment on table private.rate_limits is 'Used quotas by key. A key without a row has its whole quota.';
comment on column private.rate_limits.key is 'What the quota is for, as its caller names it';
comment on column private.rate_limits.full_at is 'When the quota is full again';

alter table private.rate_limits enable row level security;

create policy "nobody reads counters" on private.rate_limits for select to public using (false);

create function public.take_rate_limits(p_limits jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_states jsonb;
  v_denied jsonb;
begin
  -- An invalid number would give tokens back, or let everything through.
  if p_limits is null or exists (
    select from jsonb_to_recordset(p_limits)
      as (key text, quota double precision, window_s double precision, cost double precision)
    where (key is not null and quota between 0 and 1000000000 and window_s between 0.001 and 100000000
      and coalesce(cost, 1) between 0 and 1000000000) is not true
  ) then
    return jsonb_build_object('allowed', false, 'denied_by', null, 'retry_after_s', null, 'limits', '[]'::jsonb,
      'error', 'invalid_request', 'message', 'Expected a key, a quota from 0 to 1000000000, a window_s from 0.001 to '
        '100000000 and a cost from 0 to 1000000000, of each');
  end if;
  -- Takes from all first, and gives back if one denies; the rows stay locked meanwhile, in the order of their keys,
  -- so two calls cannot deadlock. A millisecond makes up for what full_at loses by rounding.
  with asked as (
    select name, key, quota, window_s, window_s * coalesce(cost, 1) / nullif(quota, 0) as spacing_s
    from jsonb_to_recordset(p_limits)
      as (name text, key text, quota double precision, window_s double precision, cost double precision)
  ),
  taken as (
    insert into private.rate_limits as used (key, full_at)
    select key, v_now + spacing_s * interval '1 second' from asked where spacing_s <= window_s order by key collate "C"
    on conflict (key) do update set full_at = greatest(used.full_at, v_now) + (excluded.full_at - v_now)
    -- Judged by the time at which the row is locked: by an earlier time, a caller that waited for it would find the
    -- quota used up by the difference.
    returning key, greatest(0, extract(epoch from full_at - clock_timestamp()))::double precision as used_s
  )
  select
    jsonb_agg(jsonb_build_object('name', name, 'quota', quota, 'window_s', window_s,
      'remaining', floor(quota * (1 - used_s / window_s) + 0.001), 'reset_s', ceil(used_s))),
    jsonb_agg(jsonb_build_object('name', name, 'quota', quota, 'window_s', window_s, 'remaining', 0,
      'reset_s', ceil(coalesce(used_s - spacing_s, 0)), 'retry_after_s', case when used_s is not null then greatest(1, ceil(used_s - window_s)) end)
      order by used_s - window_s desc nulls first) filter (where used_s is null or used_s > window_s + 0.001)
  into v_states, v_denied
  from asked
  left join taken using (key);

  if v_denied is null then
    return jsonb_build_object('allowed', true, 'denied_by', null, 'retry_after_s', 0,
      'limits', coalesce(v_states, '[]'));
  end if;
  update private.rate_limits as used
  set full_at = used.full_at - asked.window_s * coalesce(asked.cost, 1) / asked.quota * interval '1 second'
  from jsonb_to_recordset(p_limits)
    as asked (key text, quota double precision, window_s double precision, cost double precision)
  where used.key = asked.key and asked.quota > 0 and coalesce(asked.cost, 1) <= asked.quota;
  return jsonb_build_object('allowed', false, 'denied_by', v_denied #> '{0,name}',
    'retry_after_s', case when v_denied #> '{0,retry_after_s}' <> 'null' then v_denied #> '{0,retry_after_s}' end,
    'limits', v_denied);
end
$$;

comment on function public.take_rate_limits(jsonb) is
  'Takes from several quotas at once: from all of them or from none. p_limits: [{ "name", "key", "quota", '
  '"window_s", "cost" }]; cost defaults to 1, and a key may appear once. Each quota refills evenly over its window '
  'and may be used in one burst (GCRA, as in ITU-T I.371). An invalid number denies all, with error invalid_request. '
  'Returns { "allowed", "denied_by", "retry_after_s", "limits": [{ "name", "quota", "window_s", "remaining", '
  '"reset_s" }] }: all limits that were taken, or those that deny, the longest wait first. retry_after_s is null if '
  'the request can never be allowed.';

create function private.give_back_rate_limits(p_limits jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit record;
begin
  for v_limit in
    select key, make_interval(secs => window_s * coalesce(cost, 1) / quota) as spacing
    from jsonb_to_recordset(p_limits)
      as (key text, quota double precision, window_s double precision, cost double precision)
    where quota > 0
    order by key collate "C"
  loop
    update private.rate_limits set full_at = full_at - v_limit.spacing where key = v_limit.key;
  end loop;
end
$$;

comment on function private.give_back_rate_limits(jsonb) is
  'Gives back what take_rate_limits took with the same p_limits, if the action did not happen.';

create function private.forget_rate_limits(p_keys text[])
returns void
language sql
security definer
set search_path = ''
as $$
  delete from private.rate_limits where key = any(p_keys);
$$;

comment on function private.forget_rate_limits(text[]) is 'Deletes the keys, so that their quotas are whole again.';

create function private.cleanup_rate_limits(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.rate_limits
  where ctid = any(array(
    select ctid from private.rate_limits
    where full_at < clock_timestamp()
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.cleanup_rate_limits(integer) is
  'Deletes at most p_limit keys whose quota has refilled; no limit depends on it. Returns how many.';

revoke all on function
  public.take_rate_limits(jsonb),
  private.give_back_rate_limits(jsonb),
  private.forget_rate_limits(text[]),
  private.cleanup_rate_limits(integer)
from public, anon, authenticated;
grant execute on function public.take_rate_limits(jsonb) to service_role;
