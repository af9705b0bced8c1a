-- What a user may do: how often (by plan), how much in a day and a month (by its own wish), and whether at all.
--
-- All of it is asked in the call that holds the tokens. A user's row of request_counters is locked before that of
-- token_balances, in batches too, so that two calls cannot wait for each other in a circle.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.token_plans (
  plan text not null,
  request_limits jsonb not null,
  constraint token_plans_pkey primary key (plan),
  constraint token_plans_request_limits_are_objects check (
    jsonb_typeof(request_limits) = 'object'
    and not jsonb_path_exists(request_limits, 'strict $.* ? (@.type() != "object")')
    and not jsonb_path_exists(request_limits, '$.* ? (!(
      @.quota.type() == "number" && @.quota >= 0 && @.quota <= 1000000000
      && @.window_s.type() == "number" && @.window_s >= 0.001 && @.window_s <= 100000000))')
  )
);

comment on table private.token_plans is
  'How often a user of a plan may call functions. A user without a plan has ''default''. An operator changes it in '
  'SQL.';
comment on column private.token_plans.plan is 'The name that token_accounts.plan refers to.';
comment on column private.token_plans.request_limits is
  'By name: "user" for all metered functions together, "function" for each of them, or a function''s name for that '
  'one: {"quota": requests, "window_s": seconds}. A missing name means no limit. Some names have a limit even if '
  'they are missing: "replay" for repeated requests, "stored_recording" for recordings read from Storage, and the '
  'names of other endpoints; see docs/limits.md.';

insert into private.token_plans (plan, request_limits)
values ('default',
  '{"user": {"quota": 120, "window_s": 60}, "function": {"quota": 60, "window_s": 60},
    "replay": {"quota": 600, "window_s": 3600}}');

create table public.token_accounts (
  user_id uuid not null,
  plan text references private.token_plans (plan),
  paused_at timestamptz,
  pause_reason text,
  daily_cap_tokens bigint,
  monthly_cap_tokens bigint,
  day date not null default '-infinity',
  spent_before_day numeric not null default 0,
  month date not null default '-infinity',
  spent_before_month numeric not null default 0,
  forgotten_at timestamptz,
  constraint token_accounts_pkey primary key (user_id),
  constraint token_accounts_caps_not_negative check (daily_cap_tokens >= 0 and monthly_cap_tokens >= 0)
);

create index token_accounts_plan_idx on public.token_accounts (plan);

comment on table public.token_accounts is
  'Users and teams'' wallets with settings of their own: a plan, a pause, a cap.';
comment on column public.token_accounts.user_id is 'The user, or the team''s wallet, which has no plan.';
comment on column public.token_accounts.plan is 'Null means ''default''.';
comment on column public.token_accounts.paused_at is 'Since when the user''s requests are refused; null: not paused.';
comment on column public.token_accounts.pause_reason is 'The reason, for the operator and the user.';
comment on column public.token_accounts.daily_cap_tokens is
  'The most that the user wants to spend per day (UTC); null: no cap.';
comment on column public.token_accounts.monthly_cap_tokens is
  'The most that the user wants to spend per month (UTC); null: no cap.';
comment on column public.token_accounts.day is 'The day of spent_before_day.';
comment on column public.token_accounts.spent_before_day is 'What the user had spent in total when that day began.';
comment on column public.token_accounts.forgotten_at is
  'When the user was forgotten. The row stays, paused and empty, because a token of the user may still be valid for '
  'a while.';
comment on column public.token_accounts.month is 'The first day of the month of spent_before_month.';
comment on column public.token_accounts.spent_before_month is
  'What the user had spent in total when that month began.';

create unlogged table private.request_counters (
  subject uuid not null,
  full_at_s double precision not null default 0,
  function_full_at_s jsonb not null default '{}',
  constraint request_counters_pkey primary key (subject)
) with (fillfactor = 50);

comment on table private.request_counters is
  'How much of its rate limits each user has used, in one row, so that one write updates all of them. Unlogged: '
  'after a database crash all limits are full again.';
comment on column private.request_counters.subject is 'The user.';
comment on column private.request_counters.full_at_s is
  'When the limit of all functions together is full again (GCRA''s theoretical arrival time), in seconds since 1970.';
comment on column private.request_counters.function_full_at_s is 'The same for each function, by its name.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.token_plans enable row level security;
alter table public.token_accounts enable row level security;
alter table private.request_counters enable row level security;

create policy "owners and members read the account" on public.token_accounts
  for select to authenticated
  using (user_id = (select auth.uid()) or user_id = any((select private.shared_wallets())::uuid[]));
create policy "nobody reads counters" on private.request_counters for select to public using (false);
create policy "servers read the plans" on private.token_plans
  for select to service_role using (true);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.spend_cap_refusal(p_request_id text, p_user_id uuid, p_amount numeric)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_today date;
  v_month date;
  v_balance public.token_balances;
  v_spent numeric;
  v_account public.token_accounts;
  v_cap record;
begin
  insert into public.token_balances (user_id) values (p_user_id) on conflict do nothing;
  select * into v_balance from public.token_balances where user_id = p_user_id for update;
  -- The time once the row is locked: who waited for it over midnight must not go back to the day before.
  v_today := clock_timestamp() at time zone 'UTC';
  v_month := date_trunc('month', v_today);
  v_spent := v_balance.granted - v_balance.balance;
  update public.token_accounts
  set day = v_today, spent_before_day = case when day = v_today then spent_before_day else v_spent end,
    month = v_month, spent_before_month = case when month = v_month then spent_before_month else v_spent end
  where user_id = p_user_id and (day < v_today or month < v_month) and forgotten_at is null;
  select * into v_account from public.token_accounts where user_id = p_user_id;
  -- least() passes over a cap that there is not.
  if v_balance.held > 0 and p_amount + v_balance.held + v_spent > least(
    v_account.daily_cap_tokens + v_account.spent_before_day, v_account.monthly_cap_tokens + v_account.spent_before_month)
  then
    v_balance := private.catch_up_wallet(p_user_id, clock_timestamp());
  end if;
  for v_cap in
    select *
    from (values
      ('daily', v_account.daily_cap_tokens, v_account.spent_before_day, v_today + 1),
      ('monthly', v_account.monthly_cap_tokens, v_account.spent_before_month, (v_month + interval '1 month')::date)
    ) as caps (cap, tokens, spent_before, ends_on)
    where p_amount > tokens - (v_spent - spent_before) - v_balance.held
  loop
    return private.token_refusal(p_request_id, 'spend_cap_reached',
      format('The account''s own %s cap is %s tokens; spent or held are %s, this request may need %s', v_cap.cap,
        v_cap.tokens, v_spent - v_cap.spent_before + v_balance.held, p_amount),
      v_balance.balance,
      jsonb_build_object('cap', v_cap.cap, 'cap_tokens', v_cap.tokens,
        'spent', v_spent - v_cap.spent_before, 'held', v_balance.held, 'required', p_amount,
        'resets_at', v_cap.ends_on::timestamp at time zone 'UTC'));
  end loop;
  return null;
end;
$$;

comment on function private.spend_cap_refusal(text, uuid, numeric) is
  'The refusal of a request that would exceed the user''s daily or monthly cap; null for others. Held tokens count '
  'as spent, unless the hold has expired. The first request of a day stores what was spent before it.';

create function private.take_request_limits(
  p_request_id text,
  p_user_id uuid,
  p_user_rule jsonb,
  p_name text,
  p_rule jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_turn integer;
  v_now_s double precision;
  v_user_window_s double precision;
  v_user_spacing_s double precision;
  v_user_full_at_s double precision;
  v_user_wait_s double precision;
  v_window_s double precision;
  v_spacing_s double precision;
  v_full_at_s double precision;
  v_wait_s double precision;
  v_taken jsonb;
  v_limit jsonb;
begin
  -- GCRA (ITU-T I.371): each request moves the time at which its limit is whole again by window / quota, up to a window
  -- from now. What has no rule has a window without end, of which nothing is used. Few expressions, as each is prepared
  -- anew in each transaction.
  v_user_window_s := coalesce((p_user_rule ->> 'window_s')::double precision, 'Infinity');
  v_user_spacing_s := case when p_user_rule is null then 0
    else v_user_window_s / greatest((p_user_rule ->> 'quota')::double precision, 0.5) end;
  v_window_s := coalesce((p_rule ->> 'window_s')::double precision, 'Infinity');
  v_spacing_s := case when p_rule is null then 0
    else v_window_s / greatest((p_rule ->> 'quota')::double precision, 0.5) end;
  loop
    v_now_s := date_part('epoch', clock_timestamp());
    -- A millisecond makes up for rounding. Of a quota below 1 there is never enough. Where a time is not there, greatest()
    -- passes over it: nothing is used. A condition without a column would get a node of its own.
    update private.request_counters as used
    set full_at_s = greatest(used.full_at_s, v_now_s) + v_user_spacing_s,
      function_full_at_s = case when p_rule is null then used.function_full_at_s
        else used.function_full_at_s || jsonb_build_object(p_name,
          greatest((used.function_full_at_s ->> p_name)::double precision, v_now_s) + v_spacing_s) end
    where used.subject = p_user_id
      and used.full_at_s <= case when v_user_spacing_s <= v_user_window_s
        then v_now_s + v_user_window_s - v_user_spacing_s + 0.001 else '-Infinity' end
      and coalesce((used.function_full_at_s ->> p_name)::double precision, 0) <= case when v_spacing_s <= v_window_s
        then v_now_s + v_window_s - v_spacing_s + 0.001 else '-Infinity' end
    returning jsonb_build_object('limits', jsonb_build_array(
      p_user_rule || jsonb_build_object('name', 'user', 'used_s', used.full_at_s - v_now_s),
      p_rule || jsonb_build_object('name', p_name,
        'used_s', (used.function_full_at_s ->> p_name)::double precision - v_now_s)))
    into v_taken;
    if found then
      return v_taken;
    end if;
    v_turn := coalesce(v_turn, 0) + 1;
    insert into private.request_counters (subject) values (p_user_id) on conflict do nothing;
    continue when found and v_turn < 4;
    -- A time of more than a window and a minute from now is of a longer window that the user had once: it counts no more.
    update private.request_counters as used
    set full_at_s = case when used.full_at_s > v_now_s + v_user_window_s + 60 then 0 else used.full_at_s end,
      function_full_at_s = case when (used.function_full_at_s ->> p_name)::double precision > v_now_s + v_window_s + 60
        then used.function_full_at_s - p_name else used.function_full_at_s end
    where used.subject = p_user_id
      and (used.full_at_s > v_now_s + v_user_window_s + 60
        or (used.function_full_at_s ->> p_name)::double precision > v_now_s + v_window_s + 60);
    continue when found and v_turn < 4;
    select full_at_s, (function_full_at_s ->> p_name)::double precision into v_user_full_at_s, v_full_at_s
    from private.request_counters where subject = p_user_id;
    v_user_wait_s := case when p_user_rule is null then '-Infinity'
      else greatest(v_user_full_at_s - v_now_s, 0) + v_user_spacing_s - v_user_window_s end;
    v_wait_s := case when p_rule is null then '-Infinity'
      else greatest(v_full_at_s - v_now_s, 0) + v_spacing_s - v_window_s end;
    -- Whoever waited for the row decides anew, at the time that it is now: each turn has one time for all that it asks.
    exit when v_turn >= 4 or greatest(v_user_wait_s, v_wait_s) > extract(epoch from clock_timestamp()) - v_now_s;
  end loop;

  v_limit := case when v_user_wait_s >= v_wait_s
    then p_user_rule || '{"name": "user"}' else p_rule || jsonb_build_object('name', p_name) end;
  perform private.record_request_excess(p_user_id, 'rate_limited', v_limit);
  return private.token_refusal(p_request_id, 'rate_limited', 'Too many requests', null,
    jsonb_build_object('retry_after_s', greatest(1, ceil(least(greatest(v_user_wait_s, v_wait_s), 100000000))),
      'limits', jsonb_build_array(v_limit || jsonb_build_object('used_s', v_limit -> 'window_s'))));
end;
$$;

comment on function private.take_request_limits(text, uuid, jsonb, text, jsonb) is
  'Takes from the limit of all functions together and from that of one function: from both or from none. A limit is '
  '{"quota", "window_s"}, null for none. Returns limits: for each name quota, window_s and used_s (the used part of '
  'the window), null for a missing limit. Or error rate_limited with retry_after_s and the limit that denies, which '
  'is recorded as an anomaly once per window.';

create function private.request_limit_of(p_user_id uuid, p_name text, p_rule jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    (select plans.request_limits -> p_name
     from (select p_user_id as user_id) as asking
     left join public.token_accounts as accounts on accounts.user_id = asking.user_id
     join private.token_plans as plans on plans.plan = coalesce(accounts.plan, 'default')),
    p_rule);
end;
$$;

comment on function private.request_limit_of(uuid, text, jsonb) is
  'The limit of that name in the user''s plan, otherwise the given one.';

create function private.answer_known_request(
  p_request_id text,
  p_user_id uuid,
  p_token_amount numeric,
  p_operation_type text,
  p_fingerprint text,
  p_metadata jsonb,
  p_run_id uuid,
  p_is_counted boolean,
  p_wallet_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lock public.token_consumption_locks;
  v_outcome jsonb;
  v_limits jsonb;
begin
  select * into v_lock from public.token_consumption_locks where request_id = p_request_id;
  if not found or private.token_request_problem(p_request_id, p_user_id, p_token_amount, p_operation_type, p_metadata)
    is not null
  then
    return null;
  end if;
  v_outcome := private.known_request_outcome(v_lock, coalesce(p_wallet_id, p_user_id), p_token_amount, p_operation_type,
    p_fingerprint, p_run_id, case when p_wallet_id is not null then p_user_id end);
  -- A run that asks again for its own hold, as it did not hear of it, is no retry of anybody's.
  if v_outcome is not null and p_is_counted and (v_lock.run_id = p_run_id) is not true then
    v_limits := private.take_request_limits(p_request_id, p_user_id, null, 'replay',
      private.request_limit_of(p_user_id, 'replay', '{"quota": 600, "window_s": 3600}'));
    if v_limits ? 'error' then
      return v_limits;
    end if;
  end if;
  return v_outcome || coalesce(v_limits, '{"limits": null}');
end;
$$;

comment on function private.answer_known_request(text, uuid, numeric, text, text, jsonb, uuid, boolean, uuid) is
  'The outcome of a known request id, without a write to the ledger; null for one that may run. p_is_counted: it '
  'takes from the limit "replay" (600 an hour unless the plan has another), except when the run that holds asks for '
  'its own hold.';

create function public.admit_request(
  p_request_id text,
  p_user_id uuid,
  p_token_amount numeric,
  p_operation_type text,
  p_fingerprint text default null,
  p_metadata jsonb default null,
  p_time_to_live interval default '10 minutes',
  p_run_id uuid default null,
  p_wallet_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_plan text;
  v_is_paused boolean;
  v_pause_reason text;
  v_has_cap boolean;
  v_user_rule jsonb;
  v_function_rule jsonb;
  v_is_balance_locked boolean;
  v_limits jsonb;
  v_denied jsonb;
  v_outcome jsonb;
begin
  select plan, paused_at is not null, pause_reason, daily_cap_tokens is not null or monthly_cap_tokens is not null
  into v_plan, v_is_paused, v_pause_reason, v_has_cap
  from public.token_accounts
  where user_id = p_user_id;
  select request_limits -> 'user', coalesce(request_limits -> p_operation_type, request_limits -> 'function')
  into v_user_rule, v_function_rule
  from private.token_plans
  where plan = coalesce(v_plan, 'default');
  if p_wallet_id is not null then
    if p_wallet_id = p_user_id then
      return public.admit_request(p_request_id, p_user_id, p_token_amount, p_operation_type, p_fingerprint, p_metadata,
        p_time_to_live, p_run_id);
    end if;
    -- Before anything of the wallet is told: who is no member learns nothing of it. The hold asks again, with it locked.
    v_denied := private.member_refusal(p_request_id, p_wallet_id, p_user_id, p_token_amount, false);
    if v_denied is not null then
      v_outcome := private.answer_known_request(p_request_id, p_user_id, p_token_amount, p_operation_type, p_fingerprint,
        p_metadata, p_run_id, true, p_wallet_id);
      -- Else a stranger could ask without end, where each time somebody else's wallet may be locked.
      if v_outcome is null and p_user_id is not null and p_operation_type is not null
        and (v_user_rule is not null or v_function_rule is not null)
      then
        v_limits := private.take_request_limits(p_request_id, p_user_id, v_user_rule, p_operation_type, v_function_rule);
      end if;
      return coalesce(v_outcome, v_denied || coalesce(v_limits, '{"limits": null}'));
    end if;
    select v_is_paused is true or accounts.paused_at is not null,
      case when v_is_paused then v_pause_reason else accounts.pause_reason end,
      accounts.daily_cap_tokens is not null or accounts.monthly_cap_tokens is not null
    into v_is_paused, v_pause_reason, v_has_cap
    from (select p_wallet_id as wallet_id) as paying
    left join public.token_accounts as accounts on accounts.user_id = paying.wallet_id;
  end if;
  -- What runs, or was answered, takes from no limit of what is new. Who gives no fingerprint has an id that is new.
  if p_fingerprint is not null then
    perform from public.token_consumption_locks where request_id = p_request_id;
    if found then
      v_outcome := private.answer_known_request(p_request_id, p_user_id, p_token_amount, p_operation_type, p_fingerprint,
        p_metadata, p_run_id, true, p_wallet_id);
      if v_outcome is not null then
        return v_outcome;
      end if;
    end if;
  end if;

  if v_is_paused is not true and p_user_id is not null and p_operation_type is not null
    and (v_user_rule is not null or v_function_rule is not null)
  then
    v_limits := private.take_request_limits(p_request_id, p_user_id, v_user_rule, p_operation_type, v_function_rule);
  end if;
  if v_is_paused or v_has_cap or v_limits ? 'error' then
    if v_is_paused then
      v_denied := private.token_refusal(p_request_id, 'account_paused',
        concat_ws(': ', 'This account is paused', v_pause_reason));
    elsif v_limits ? 'error' then
      v_denied := v_limits;
      v_limits := null;
    else
      v_denied := private.spend_cap_refusal(p_request_id, coalesce(p_wallet_id, p_user_id), p_token_amount);
      v_is_balance_locked := true; -- And counters come before it.
    end if;
    if v_denied is not null then
      -- It may have begun in another call since we looked.
      return coalesce(
        private.answer_known_request(p_request_id, p_user_id, p_token_amount, p_operation_type, p_fingerprint, p_metadata,
          p_run_id, v_is_balance_locked is not true, p_wallet_id),
        coalesce(v_limits, '{"limits": null}') || v_denied);
    end if;
  end if;
  v_outcome := public.hold_tokens(p_request_id, coalesce(p_wallet_id, p_user_id), p_token_amount, p_operation_type,
    p_fingerprint, p_metadata, p_time_to_live, p_run_id, case when p_wallet_id is not null then p_user_id end);
  if v_outcome ->> 'error' = 'insufficient_tokens' then
    perform private.count_user_failure(p_user_id, 'insufficient_tokens');
  end if;
  return v_outcome || coalesce(v_limits, '{"limits": null}');
end;
$$;

comment on function public.admit_request(text, uuid, numeric, text, text, jsonb, interval, uuid, uuid) is
  'hold_tokens for a user''s own request. In the same call it checks whether the account is paused, takes from the '
  'plan''s rate limits and checks the caps. Further outcomes: account_paused, rate_limited (with retry_after_s), '
  'spend_cap_reached (with cap, cap_tokens, spent, held, required, resets_at). limits: name, quota, window_s and '
  'used_s (the used part of the window) of each; null where there is none, and if the plan has none for this call. A '
  'denied request takes from no limit. A running or settled request gets its own outcome even if new ones are '
  'denied. With a fingerprint it only takes from the limit "replay" (600 an hour unless the plan has another), and '
  'from none if a run asks for its own hold again. Without one, as for an id made for this call, it takes what a new '
  'request takes, if no limit denies. With a wallet_id a team''s wallet pays; the user must be a member who may spend: '
  'else forbidden, or member_cap_reached. Then the wallet''s pause and caps count instead of the user''s caps; the user''s '
  'pause and rate limits still count.';

create function public.admit_reading(
  p_request_id text,
  p_user_id uuid,
  p_least_amount numeric,
  p_wallet_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_is_paused boolean;
  v_pause_reason text;
  v_rule jsonb;
  v_is_known boolean;
  v_taken jsonb;
  v_wallet_id constant uuid := coalesce(p_wallet_id, p_user_id);
  v_available bigint;
  v_is_event_due boolean;
  v_balance public.token_balances;
  v_denied jsonb;
begin
  select accounts.paused_at is not null, accounts.pause_reason,
    coalesce(plans.request_limits -> 'stored_recording', '{"quota": 120, "window_s": 3600}'),
    exists (
      select from public.token_consumption_locks as locks
      where locks.request_id = p_request_id and locks.user_id = v_wallet_id
        and locks.actor_id is not distinct from case when p_wallet_id is not null then p_user_id end
        and locks.status in ('held', 'settled'))
  into v_is_paused, v_pause_reason, v_rule, v_is_known
  from (select p_user_id as user_id) as asking
  left join public.token_accounts as accounts on accounts.user_id = asking.user_id
  left join private.token_plans as plans on plans.plan = coalesce(accounts.plan, 'default');
  if p_wallet_id is not null and not v_is_known then
    v_denied := private.member_refusal(p_request_id, p_wallet_id, p_user_id, p_least_amount, false);
    if v_denied is null and v_is_paused is not true then
      select paused_at is not null, pause_reason into v_is_paused, v_pause_reason
      from public.token_accounts where user_id = p_wallet_id;
    end if;
  end if;
  if v_is_paused and not v_is_known and v_denied is null then
    return private.token_refusal(p_request_id, 'account_paused',
      concat_ws(': ', 'This account is paused', v_pause_reason));
  end if;
  v_taken := private.take_request_limits(p_request_id, p_user_id, null, 'stored_recording', v_rule);
  if v_taken ? 'error' then
    return v_taken;
  elsif v_denied is not null then
    return v_denied;
  elsif v_is_known then -- What was paid for is read again to be known again.
    return jsonb_build_object('success', true);
  end if;
  select balance - held, next_expiry_at <= clock_timestamp() into v_available, v_is_event_due
  from public.token_balances where user_id = v_wallet_id;
  if v_available < p_least_amount or v_is_event_due then
    v_balance := private.lock_current_wallet(v_wallet_id);
    v_available := v_balance.balance - v_balance.held;
  end if;
  if coalesce(v_available, 0) < p_least_amount then
    perform private.count_user_failure(p_user_id, 'insufficient_tokens');
    return private.token_refusal(p_request_id, 'insufficient_tokens',
      format('This request needs at least %s tokens and %s are available', p_least_amount, coalesce(v_available, 0)),
      null, jsonb_build_object('required', p_least_amount, 'available', coalesce(v_available, 0)));
  end if;
  return jsonb_build_object('success', true);
end;
$$;

comment on function public.admit_reading(text, uuid, numeric, uuid) is
  'Before a recording is read from Storage, as its length decides the hold: takes from the limit "stored_recording" '
  '(120 an hour unless the plan has another), and checks that the account is not paused and can pay the lowest '
  'possible cost. Returns success, or account_paused, rate_limited, insufficient_tokens as admit_request does. A '
  'running or settled request only takes from the limit.';

create function private.note_call_excess(p_user_id uuid, p_limit jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.record_request_excess(p_user_id, 'rate_limited', p_limit);
end;
$$;

comment on function private.note_call_excess(uuid, jsonb) is
  'Records, once per window, that a user exceeded the limit of an endpoint that costs no tokens.';

create function private.cleanup_request_counters(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now_s constant double precision := extract(epoch from clock_timestamp());
  v_count integer;
begin
  delete from private.request_counters
  where subject = any(array(
    select subject from private.request_counters
    where (full_at_s < v_now_s or full_at_s = 'Infinity')
      and not exists (
        select from jsonb_each_text(function_full_at_s)
        where value::double precision > v_now_s and value::double precision < 'Infinity')
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cleanup_request_counters(integer) is
  'Deletes the counters of users whose limits have refilled, at most p_limit of them; no limit depends on it. Returns '
  'how many.';

create function private.spent_since_month(p_user_id uuid, p_today date, p_after_entry bigint, p_to_entry bigint)
returns table (this_month numeric, today numeric)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select coalesce(sum(-delta), 0),
    coalesce(sum(-delta) filter (where created_at >= p_today::timestamp at time zone 'UTC'), 0)
  from public.token_balance_history
  where user_id = p_user_id and operation_type <> all(private.operations_of_grants()) and entry_number > p_after_entry and entry_number <= p_to_entry
    and created_at >= date_trunc('month', p_today::timestamp) at time zone 'UTC';
end;
$$;

comment on function private.spent_since_month(uuid, date, bigint, bigint) is
  'What a user spent in the month of a day, and since that day began (UTC): sums the entries between two entry '
  'numbers.';

create function public.set_spend_caps(
  p_user_id uuid,
  p_daily_tokens bigint,
  p_monthly_tokens bigint,
  p_actor_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_balance public.token_balances;
  v_today date;
  v_seen bigint;
  v_spent record;
  v_newest record;
  v_refunded record;
begin
  if p_user_id is null or p_daily_tokens not between 0 and 9007199254740991
    or p_monthly_tokens not between 0 and 9007199254740991
  then
    return jsonb_build_object('success', false, 'error', 'invalid_request',
      'message', 'Expected a user_id and caps of 0 to 9007199254740991 tokens, or null for none');
  elsif p_actor_id is not null and private.wallet_role(p_user_id, p_actor_id) is distinct from 'owner' then
    return jsonb_build_object('success', false, 'error', 'forbidden',
      'message', 'Only an owner of the wallet sets its caps');
  end if;
  insert into public.token_balances (user_id) values (p_user_id) on conflict do nothing;
  -- A cap that is new counts what the ledger's history says of this day and month; later ones know. It is summed before the
  -- balance is locked, for which charges wait: then there is only what came meanwhile.
  loop
    v_today := clock_timestamp() at time zone 'UTC';
    select entry_count into v_seen from public.token_balances where user_id = p_user_id;
    select * into v_spent from private.spent_since_month(p_user_id, v_today, 0, v_seen);
    select * into v_balance from public.token_balances where user_id = p_user_id for update;
    exit when v_today = (clock_timestamp() at time zone 'UTC')::date;
  end loop;
  if p_actor_id is not null and private.wallet_role(p_user_id, p_actor_id) is distinct from 'owner' then
    return jsonb_build_object('success', false, 'error', 'forbidden',
      'message', 'Only an owner of the wallet sets its caps');
  elsif v_balance.is_closed then
    return jsonb_build_object('success', false, 'error', 'account_paused',
      'message', 'This account is paused: it was deleted');
  end if;
  select * into v_newest from private.spent_since_month(p_user_id, v_today, v_seen, v_balance.entry_count);
  select * into v_refunded from private.refunded_since_month(p_user_id, v_today);
  insert into public.token_accounts as known
    (user_id, daily_cap_tokens, monthly_cap_tokens, day, month, spent_before_day, spent_before_month)
  values (p_user_id, p_daily_tokens, p_monthly_tokens, v_today, date_trunc('month', v_today),
    v_balance.granted - v_balance.balance - v_spent.today - v_newest.today + v_refunded.today,
    v_balance.granted - v_balance.balance - v_spent.this_month - v_newest.this_month + v_refunded.this_month)
  on conflict (user_id) do update
  set daily_cap_tokens = excluded.daily_cap_tokens, monthly_cap_tokens = excluded.monthly_cap_tokens,
    day = excluded.day, month = excluded.month, spent_before_day = excluded.spent_before_day,
    spent_before_month = excluded.spent_before_month;
  return jsonb_build_object('success', true, 'error', null);
end;
$$;

comment on function public.set_spend_caps(uuid, bigint, bigint, uuid) is
  'Sets the most that a user wants to spend per day and per month (UTC), in tokens; null removes a cap. Tokens that '
  'were already spent in the current day and month count. The user may be a '
  'team''s wallet; the actor must then be one of its owners. Errors: invalid_request, forbidden, account_paused (for a '
  'forgotten user).';

create function public.account_limits(p_user_id uuid, p_actor_id uuid default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_account public.token_accounts;
  v_balance public.token_balances;
  v_today constant date := now() at time zone 'UTC';
  v_spent numeric;
  v_plan text;
begin
  if p_actor_id is not null and private.wallet_role(p_user_id, p_actor_id) is null then
    return null;
  end if;
  select * into v_account from public.token_accounts where user_id = p_user_id;
  select * into v_balance from public.token_balances where user_id = p_user_id;
  v_spent := v_balance.granted - v_balance.balance;
  v_plan := coalesce(
    case when p_actor_id is null then v_account.plan
      else (select plan from public.token_accounts where user_id = p_actor_id) end,
    'default');
  return jsonb_build_object(
    'plan', v_plan,
    'request_limits', coalesce((select request_limits from private.token_plans where plan = v_plan), '{}'),
    'paused_at', v_account.paused_at,
    'pause_reason', v_account.pause_reason,
    'daily_cap_tokens', v_account.daily_cap_tokens,
    'monthly_cap_tokens', v_account.monthly_cap_tokens,
    'spent_today', case when v_account.daily_cap_tokens is not null or v_account.monthly_cap_tokens is not null then
      case when v_account.day = v_today then v_spent - v_account.spent_before_day else 0 end end,
    'spent_this_month', case when v_account.daily_cap_tokens is not null or v_account.monthly_cap_tokens is not null then
      case when v_account.month = date_trunc('month', v_today)::date then v_spent - v_account.spent_before_month
        else 0 end end
  );
end;
$$;

comment on function public.account_limits(uuid, uuid) is
  'Plan, rate limits, pause and caps of a user; or of a team''s wallet, with the plan of the actor, and null if the actor is '
  'not a member. spent_today and spent_this_month are known if there is a cap.';

create function private.take_off_caps(p_user_id uuid, p_charged_at timestamptz, p_tokens bigint)
returns void
language sql
set search_path = ''
as $$
  update public.token_accounts
  set spent_before_day = spent_before_day
      + case when day = (p_charged_at at time zone 'UTC')::date then p_tokens else 0 end,
    spent_before_month = spent_before_month
      + case when month = date_trunc('month', p_charged_at at time zone 'UTC')::date then p_tokens else 0 end
  where user_id = p_user_id and month = date_trunc('month', p_charged_at at time zone 'UTC')::date;
$$;

comment on function private.take_off_caps(uuid, timestamptz, bigint) is
  'A charge of a time was given back: it counts no more in the caps of its day and month.';

create function public.pause_account(p_user_id uuid, p_reason text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.token_accounts as known (user_id, paused_at, pause_reason)
  values (p_user_id, now(), p_reason)
  on conflict (user_id) do update
  set paused_at = excluded.paused_at, pause_reason = excluded.pause_reason
  where known.paused_at is null;
  return found;
end;
$$;

comment on function public.pause_account(uuid, text) is
  'Refuses all new requests of the user; running requests end as usual. The reason is shown to the user. Returns '
  'false if the account was already paused.';

create function public.resume_account(p_user_id uuid)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.token_accounts
  set paused_at = null, pause_reason = null
  where user_id = p_user_id and paused_at is not null and forgotten_at is null;
  return found;
end;
$$;

comment on function public.resume_account(uuid) is
  'Ends a pause, unless the user is forgotten. Returns whether the account was paused.';

create function public.set_account_plan(p_user_id uuid, p_plan text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if p_user_id is null or not exists (select from private.token_plans where plan = coalesce(p_plan, 'default')) then
    return jsonb_build_object('success', false, 'error', 'invalid_request',
      'message', 'Expected a user_id and a plan of token_plans, or null for the default');
  end if;
  insert into public.token_accounts as known (user_id, plan) values (p_user_id, p_plan)
  on conflict (user_id) do update set plan = excluded.plan
  where known.forgotten_at is null;
  if not found then
    return jsonb_build_object('success', false, 'error', 'account_paused',
      'message', 'This account is paused: it was deleted');
  end if;
  return jsonb_build_object('success', true, 'error', null);
end;
$$;

comment on function public.set_account_plan(uuid, text) is
  'Puts a user on a plan from token_plans; null: the default. Errors: invalid_request, account_paused (for a '
  'forgotten user).';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.token_accounts to authenticated, service_role;
grant select on private.token_plans to service_role;

revoke execute on function
  private.spend_cap_refusal(text, uuid, numeric),
  private.take_off_caps(uuid, timestamptz, bigint),
  private.spent_since_month(uuid, date, bigint, bigint),
  private.take_request_limits(text, uuid, jsonb, text, jsonb),
  private.request_limit_of(uuid, text, jsonb),
  private.answer_known_request(text, uuid, numeric, text, text, jsonb, uuid, boolean, uuid),
  public.admit_reading(text, uuid, numeric, uuid),
  private.note_call_excess(uuid, jsonb),
  private.cleanup_request_counters(integer),
  public.admit_request(text, uuid, numeric, text, text, jsonb, interval, uuid, uuid),
  public.set_spend_caps(uuid, bigint, bigint, uuid),
  public.account_limits(uuid, uuid),
  public.pause_account(uuid, text),
  public.resume_account(uuid),
  public.set_account_plan(uuid, text)
from public, anon, authenticated;

grant execute on function
  public.admit_reading(text, uuid, numeric, uuid),
  public.admit_request(text, uuid, numeric, text, text, jsonb, interval, uuid, uuid),
  public.set_spend_caps(uuid, bigint, bigint, uuid),
  public.account_limits(uuid, uuid),
  public.pause_account(uuid, text),
  public.resume_account(uuid),
  public.set_account_plan(uuid, text)
to service_role;

-- Limits of calls ----------------------------------------------------------------------------------------------

insert into private.call_limit_sources (name, limit_of, note_excess, description)
values ('plans', 'request_limit_of', 'note_call_excess', 'The limits in the user''s plan');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_request_counters', '*/5 * * * *', 'sql', 'private.cleanup_request_counters', true, null, 60000, '30 minutes',
    'Deletes the request counters of users whose limits have refilled');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.token_accounts where plan = 'none';
end;
$$;
