-- A user's (or an operator's) questions to the ledger: why was this charged? And the user's data, for export and
-- deletion.

-- Functions -----------------------------------------------------------------------------------------------------

create function private.grants_of_entry(p_entry public.token_balance_history)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('entry_number', paid.entry_number, 'kind', paid.kind, 'tokens', paid.tokens,
    'expires_at', nullif(paid.expires_at, 'infinity'), 'source', paid.source, 'reversed', paid.reversed) order by paid.place), '[]')
  from (
    select grants.entry_number, grants.kind, grants.expires_at, grants.source, grants.reversed,
      sum(spent.spent_to - spent.spent_from)::bigint as tokens, min(spent.spent_from) as place
    from private.end_of_charge(p_entry.user_id, p_entry.entry_number, p_entry.balance_after) as ends (at)
    cross join lateral private.grants_of_spending(p_entry.user_id, ends.at + p_entry.delta, ends.at) as spent
    join public.token_grants as grants on grants.id = spent.grant_id
    group by grants.id
  ) as paid;
$$;

comment on function private.grants_of_entry(public.token_balance_history) is
  'The grants that paid for a charge, in the order in which it took them: {entry_number, kind, tokens, expires_at, source, reversed}. '
  'reversed: what was taken back of that grant since.';

create function private.explain_grant(p_wallet_id uuid, p_entry_number bigint, p_request_id text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('entry_number', grants.entry_number, 'kind', grants.kind, 'priority', grants.priority,
    'amount', grants.amount, 'remaining', coalesce(left_of.tokens, 0), 'refunded', grants.refunded, 'expired', grants.expired,
    'reversed', grants.reversed, 'rolled_over', grants.rolled_over, 'effective_at', grants.effective_at,
    'expires_at', nullif(grants.expires_at, 'infinity'), 'source', grants.source,
    'clawbacks', (
      select coalesce(jsonb_agg(jsonb_build_object('source', payments.source, 'tokens', parts.tokens) order by parts.id), '[]')
      from private.token_reversal_parts as parts
      join private.token_payments as payments on payments.id = parts.payment_id
      where parts.grant_id = grants.id
    ))
  from public.token_grants as grants
  join public.token_balances as balances on balances.user_id = grants.wallet_id
  left join lateral private.grants_left(balances.user_id, balances.granted - balances.balance) as left_of
    on left_of.grant_id = grants.id
  where grants.wallet_id = p_wallet_id
    and (grants.entry_number = p_entry_number
      or p_entry_number is null and grants.entry_number is null and grants.request_id = p_request_id)
  limit 1;
$$;

comment on function private.explain_grant(uuid, bigint, text) is
  'What became of a grant: what is left of it, was refunded to it, expired, was taken back (clawbacks: for the reversals of which '
  'payments) or rolled over. By the number of its entry; by its request''s id where it has not begun.';

create function public.explain_request(p_request_id text, p_user_id uuid default null, p_wallet_id uuid default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_lock public.token_consumption_locks;
  v_entry public.token_balance_history;
  v_metadata jsonb;
  v_events jsonb := '[]'::jsonb;
  v_wallet_id uuid;
  v_is_charge boolean;
  v_refunded bigint := 0;
begin
  if p_wallet_id is not null then
    return case when private.wallet_role(p_wallet_id, p_user_id) is not null
      then public.explain_request(p_request_id, p_wallet_id) end;
  end if;
  select * into v_lock from public.token_consumption_locks
  where request_id = p_request_id and (p_user_id is null or user_id = p_user_id);
  -- The history has no index by request: a user's entries are read one by one, newest first; without a user, all
  -- entries. A user's own question must take only milliseconds.
  if p_user_id is not null then
    select * into v_entry from (
      select * from public.token_balance_history where user_id = p_user_id order by entry_number desc limit 10000
    ) as newest
    where request_id = p_request_id and created_at >= coalesce(v_lock.created_at, '-infinity')
    limit 1;
  elsif v_lock.request_id is not null then
    select * into v_entry from public.token_balance_history
    where user_id = v_lock.user_id and request_id = p_request_id and created_at >= v_lock.created_at
    order by entry_number desc
    limit 1;
  else
    select * into v_entry from public.token_balance_history
    where request_id = p_request_id
    order by created_at desc
    limit 1;
  end if;
  if v_lock.request_id is null and v_entry.request_id is null then
    return null;
  end if;
  v_metadata := coalesce(v_lock.metadata, '{}') || coalesce(v_entry.metadata, '{}');
  v_wallet_id := coalesce(v_lock.user_id, v_entry.user_id);
  v_is_charge := coalesce(v_lock.operation_type, v_entry.operation_type) <> all(private.operations_of_grants());

  if v_lock.status is not null and (v_lock.status <> 'settled' or v_lock.expires_at > v_lock.created_at)
    and v_is_charge and v_lock.attempt > 0
  then
    v_events := v_events || jsonb_build_object('at', v_lock.created_at, 'event', 'held', 'tokens', v_lock.amount);
  end if;
  if v_lock.status in ('released', 'expired') then
    v_events := v_events || jsonb_strip_nulls(jsonb_build_object('at', v_lock.expires_at, 'event', v_lock.status,
      'tokens', v_lock.amount, 'reason', v_lock.metadata ->> 'released_for'));
  elsif v_entry.request_id is not null or v_is_charge then -- A grant without an entry has not begun.
    v_events := v_events || jsonb_strip_nulls(jsonb_build_object(
      'at', coalesce(v_entry.created_at, v_lock.expires_at),
      'event', case when coalesce(v_entry.delta, -v_lock.charged) > 0 then 'granted' else 'charged' end,
      'tokens', abs(coalesce(v_entry.delta, v_lock.charged)),
      'balance_after', coalesce(v_entry.balance_after, v_lock.balance_after),
      'reason', case when v_is_charge then v_entry.metadata ->> 'failed_for' else v_entry.metadata ->> 'reason' end));
  end if;
  if v_entry.entry_number is not null and v_is_charge then
    select coalesce(sum(tokens), 0),
      v_events || coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('at', created_at, 'event', 'refunded', 'tokens', tokens,
        'reason', reason, 'refund_id', refund_id)) order by created_at, refund_id), '[]')
    into v_refunded, v_events
    from private.token_refunds
    where wallet_id = v_wallet_id and charge_entry_number = v_entry.entry_number;
  end if;
  return jsonb_build_object(
    'request_id', p_request_id,
    'user_id', v_wallet_id,
    'actor_id', coalesce(v_lock.actor_id, v_entry.actor_id),
    'operation_type', coalesce(v_lock.operation_type, v_entry.operation_type),
    'status', coalesce(v_lock.status::text, 'settled'),
    'attempt', v_lock.attempt,
    'held_until', case when v_lock.status = 'held' then v_lock.expires_at end,
    'charged', coalesce(-v_entry.delta, v_lock.charged, 0),
    'refunded', v_refunded,
    'grants', case when v_entry.delta < 0 and v_is_charge then private.grants_of_entry(v_entry) else '[]' end,
    'grant', case when not v_is_charge then private.explain_grant(v_wallet_id, v_entry.entry_number, p_request_id) end,
    'price', v_metadata -> 'price',
    'usage', v_metadata -> 'usage',
    'model', v_metadata -> 'model',
    'entry_number', v_entry.entry_number,
    'has_answer', v_lock.response is not null,
    'is_known', v_lock.request_id is not null,
    'events', v_events,
    'anomalies', (
      select coalesce(jsonb_agg(jsonb_build_object('at', created_at, 'anomaly_type', anomaly_type,
        'severity', severity, 'details', details) order by id), '[]')
      from public.token_anomalies
      where user_id = v_wallet_id and details ->> 'request_id' = p_request_id
    )
  );
end;
$$;

comment on function public.explain_request(text, uuid, uuid) is
  'A request''s history, to explain its charge: status, price and usage, events (held, charged, released, expired, '
  'granted, refunded) with their times, anomalies, grants (which paid for it, and what was taken back of them since), '
  'refunded (the sum of its refunds), and grant (for a request that granted tokens: what became of them). is_known is false once its id was deleted, after '
  'token_settings.lock_retention; then only the ledger''s history shows it. With a user id: only that user''s '
  'request, and only the newest 10,000 ledger entries. With a wallet too: a request that this team''s wallet paid, if the '
  'user is a member. user_id is the wallet, actor_id the member who made the request. Null if there is no such request.';

create function private.forget_ledger_user(p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_wallets uuid[];
  v_released record;
begin
  -- An admitted upload ends first, so that a later listing of the user's files includes it.
  perform pg_advisory_xact_lock(hashtextextended('uploads of ' || p_user_id, 0));
  -- The user joins no team meanwhile, so these are all the wallets to lock.
  perform private.lock_memberships(p_user_id);
  v_wallets := array(select wallet_id from private.wallet_members where user_id = p_user_id);
  -- Locked in the order of an admission: counters, balances, requests. A missing counter cannot be locked, and an
  -- admission would create it meanwhile.
  insert into private.request_counters (subject) values (p_user_id) on conflict do nothing;
  perform 1 from private.request_counters where subject = p_user_id for update;
  if v_wallets <> '{}' then
    perform private.lock_token_balances(v_wallets || p_user_id);
  end if;
  -- Requests that wait for this row, or come later, hold and store nothing; also if the row did not exist yet.
  insert into public.token_balances as known (user_id, is_closed) values (p_user_id, true)
  on conflict (user_id) do update set is_closed = true;
  -- Running requests can no longer store a response, as their holds end here; also those that a team's wallet pays.
  for v_released in
    with released as (
      update public.token_consumption_locks
      set status = 'released', expires_at = now(),
        metadata = coalesce(metadata, '{}') || '{"released_for": "account_forgotten"}'
      where (user_id = p_user_id or user_id = any(v_wallets) and actor_id = p_user_id) and status = 'held'
      returning user_id, amount, actor_id
    )
    select user_id, sum(amount)::bigint as amount, jsonb_agg(released) as holds from released group by user_id
  loop
    update public.token_balances set held = held - v_released.amount where user_id = v_released.user_id;
    perform private.give_back_member_holds(v_released.user_id, v_released.holds);
  end loop;
  update public.token_consumption_locks
  set response = null, fingerprint = null
  where (user_id = p_user_id or user_id = any(v_wallets) and actor_id = p_user_id)
    and (response is not null or fingerprint is not null);
  perform private.forget_member(p_user_id);
  -- A payment leads to a person. What is reversed of it from now on finds nobody.
  update public.token_grants set source = null where wallet_id = p_user_id and source is not null;
  update private.token_payments set source = null where wallet_id = p_user_id and source is not null;
  delete from private.token_reversals where wallet_id = p_user_id;
  delete from public.token_anomalies where user_id = p_user_id and anomaly_type <> all(private.anomalies_about_ledger());
  -- The account stays closed: an access token of the user may stay valid for days.
  insert into public.token_accounts (user_id, paused_at, pause_reason, forgotten_at)
  values (p_user_id, now(), 'it was deleted', now())
  on conflict (user_id) do update
  set plan = null, paused_at = excluded.paused_at, pause_reason = excluded.pause_reason, daily_cap_tokens = null,
    monthly_cap_tokens = null, day = '-infinity', spent_before_day = 0, month = '-infinity', spent_before_month = 0,
    forgotten_at = excluded.forgotten_at;
  delete from private.request_counters where subject = p_user_id;
  perform private.forget_rate_limits(array['insufficient_tokens ' || p_user_id, 'paid_failures ' || p_user_id]);
  perform private.forget_alerts('user:' || p_user_id, array['user_id', 'details'],
    array(select jsonb_build_object('anomaly_type', kept) from unnest(private.anomalies_about_ledger()) as kept));
end;
$$;

comment on function private.forget_ledger_user(uuid) is
  'A part of forget_user: deletes stored responses, digests of requests, plan, caps, payments and memberships in teams, and '
  'removes the user from anomalies and alerts. Running requests are released. The balance, the history and anomalies about '
  'the ledger stay under an id that leads to nobody, and the account stays paused. May be repeated.';

create function public.files_of_user(p_user_id uuid, p_limit integer default 1000)
returns table (bucket text, path text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
  select objects.bucket_id::text, objects.name::text
  from storage.objects
  where objects.bucket_id in ('generated', 'uploads') and starts_with(objects.name, p_user_id || '/')
  order by objects.bucket_id, objects.name
  limit p_limit;
end;
$$;

comment on function public.files_of_user(uuid, integer) is
  'The user''s files in Storage, in the folder named after the user''s id.';

create function private.export_ledger_user(p_user_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'balance', (
      select jsonb_build_object('balance', balance, 'held', held, 'entries', entry_count)
      from public.token_balances where user_id = p_user_id
    ),
    'account', (select to_jsonb(account) - 'user_id' from public.token_accounts as account where user_id = p_user_id),
    'grants', (
      select coalesce(jsonb_agg(to_jsonb(grants) - 'wallet_id' - 'remaining'
        || jsonb_build_object('remaining', coalesce(left_of.tokens, 0)) order by grants.id), '[]')
      from public.token_grants as grants
      left join (
        select own.* from public.token_balances as balances
        cross join lateral private.grants_left(balances.user_id, balances.granted - balances.balance) as own
        where balances.user_id = p_user_id
      ) as left_of on left_of.grant_id = grants.id
      where grants.wallet_id = p_user_id
    ),
    'refunds', (
      select coalesce(jsonb_agg(to_jsonb(refunds) - 'wallet_id' order by created_at, refund_id), '[]')
      from private.token_refunds as refunds where wallet_id = p_user_id
    ),
    'anomalies', (
      select coalesce(jsonb_agg(jsonb_build_object('at', created_at, 'anomaly_type', anomaly_type, 'severity', severity,
        'details', details) order by id), '[]')
      from public.token_anomalies where user_id = p_user_id
    ),
    'wallets', private.export_member(p_user_id),
    'files', (select coalesce(jsonb_agg(to_jsonb(files)), '[]') from public.files_of_user(p_user_id, null) as files)
  );
$$;

comment on function private.export_ledger_user(uuid) is
  'A part of export_user_data: balance, account, grants, refunds, anomalies, teams, and the paths of the user''s files in '
  'Storage. The history may be long, so it is exported as a table.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.grants_of_entry(public.token_balance_history),
  private.explain_grant(uuid, bigint, text),
  public.explain_request(text, uuid, uuid),
  public.files_of_user(uuid, integer),
  private.forget_ledger_user(uuid),
  private.export_ledger_user(uuid)
from public, anon, authenticated;

grant execute on function
  public.explain_request(text, uuid, uuid),
  public.files_of_user(uuid, integer)
to service_role;

-- User data -----------------------------------------------------------------------------------------------------

insert into private.user_data (name, forget, export, description)
values ('ledger', 'forget_ledger_user', 'export_ledger_user',
  'Balance, grants, refunds, plan, caps, anomalies, teams, files; the history has an export of its own');
