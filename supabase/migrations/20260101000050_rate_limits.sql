-- Rate limits: how much of a quota is used, for whatever wants one. The counters are not written to the log of the
-- database: after a crash all quotas are whole again. A budget that must survive a crash belongs in a table of its own.

create unlogged table public.rate_limits (
  key text primary key check (length(key) between 1 and 300),
  -- GCRA's "theoretical arrival time": the quota is whole again from then on.
  full_at timestamptz not null
) with (fillfactor = 50);

comment on table public.rate_limits is 'Used quotas, by key; a key that is not there has its whole quota';
comment on column public.rate_limits.key is 'What the quota is of, as its caller names it';
comment on column public.rate_limits.full_at is 'From then on the quota is whole again';

alter table public.rate_limits enable row level security;

create function public.take_rate_limits(p_limits jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_limit record;
  v_full_at timestamptz;
  v_taken text[] := '{}';
  v_spacings interval[] := '{}';
  v_states jsonb := '[]';
begin
  for v_limit in
    select one.*, make_interval(secs => one.window_s) as window_length,
      make_interval(secs => one.window_s * one.cost / nullif(one.quota, 0)) as spacing
    from (
      select value ->> 'name' as name, value ->> 'key' as key, (value ->> 'quota')::double precision as quota,
        (value ->> 'window_s')::double precision as window_s, coalesce((value ->> 'cost')::double precision, 1) as cost
      from jsonb_array_elements(p_limits)
    ) as one
    order by one.key collate "C"
  loop
    v_full_at := null;
    if v_limit.cost <= v_limit.quota then
      insert into public.rate_limits as used (key, full_at)
      values (v_limit.key, v_now + v_limit.spacing)
      on conflict (key) do update set full_at = greatest(used.full_at, v_now) + v_limit.spacing
        where greatest(used.full_at, v_now) + v_limit.spacing <= v_now + v_limit.window_length
      returning used.full_at into v_full_at;
    end if;
    if v_full_at is null then
      update public.rate_limits as used set full_at = used.full_at - taken.spacing
      from unnest(v_taken, v_spacings) as taken (key, spacing)
      where used.key = taken.key;
      select used.full_at into v_full_at from public.rate_limits as used where used.key = v_limit.key;
      return jsonb_build_object(
        'allowed', false,
        'denied_by', v_limit.name,
        'retry_after_s', case when v_limit.cost <= v_limit.quota then
          greatest(1, ceil(extract(epoch from v_full_at + v_limit.spacing - v_limit.window_length - v_now))) end,
        'limits', jsonb_build_array(jsonb_build_object('name', v_limit.name, 'quota', v_limit.quota,
          'window_s', v_limit.window_s, 'remaining', 0,
          'reset_s', ceil(extract(epoch from coalesce(v_full_at, v_now) - v_now))))
      );
    end if;
    v_taken := v_taken || v_limit.key;
    v_spacings := v_spacings || v_limit.spacing;
    v_states := v_states || jsonb_build_object('name', v_limit.name, 'quota', v_limit.quota,
      'window_s', v_limit.window_s,
      'remaining', floor(v_limit.quota * (1 - extract(epoch from v_full_at - v_now) / v_limit.window_s) + 1e-6),
      'reset_s', ceil(extract(epoch from v_full_at - v_now)));
  end loop;
  return jsonb_build_object('allowed', true, 'denied_by', null, 'retry_after_s', 0, 'limits', v_states);
end
$$;

comment on function public.take_rate_limits(jsonb) is
  'Takes from several quotas at once, from all or from none. p_limits: [{ "name", "key", "quota", "window_s", "cost" }];
cost is 1 unless given, a key may be named once. Each quota refills evenly over its window, and may be used in one burst
(GCRA, as in ITU-T I.371). Answers { "allowed", "denied_by", "retry_after_s", "limits": [{ "name", "quota", "window_s",
"remaining", "reset_s" }] }; retry_after_s is null for what can never be allowed.';

create function public.cleanup_rate_limits(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.rate_limits
  where ctid = any(array(
    select ctid from public.rate_limits
    where full_at < clock_timestamp()
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function public.cleanup_rate_limits(integer) is
  'Deletes keys whose quota is whole again, at most p_limit of them; no limit depends on it. Returns how many.';

revoke all on function
  public.take_rate_limits(jsonb),
  public.cleanup_rate_limits(integer)
from public, anon, authenticated;
grant execute on function
  public.take_rate_limits(jsonb),
  public.cleanup_rate_limits(integer)
to service_role;
