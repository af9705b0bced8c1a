-- How a wallet gets tokens, what is left of each of its grants, and the job for wallets that nobody uses.

-- Functions -----------------------------------------------------------------------------------------------------

create function private.grant_request_digest(
  p_kind text,
  p_priority integer,
  p_effective_at timestamptz,
  p_expires_at timestamptz,
  p_source text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select case when p_kind <> 'paid' or p_priority <> 50 or num_nonnulls(p_effective_at, p_expires_at, p_source) > 0 then
      encode(sha256(convert_to(jsonb_build_array(p_kind, p_priority, extract(epoch from p_effective_at)::text,
        extract(epoch from p_expires_at)::text, p_source)::text, 'UTF8')), 'hex') end);
end;
$$;

comment on function private.grant_request_digest(text, integer, timestamptz, timestamptz, text) is
  'A digest of all that was asked of a grant but its amount, to recognise a repetition; null for a paid one of priority 50 without '
  'end, source and time.';

create function public.add_tokens(
  p_user_id uuid,
  p_amount numeric,
  p_reason text,
  p_metadata jsonb default null,
  p_request_id text default null,
  p_kind text default 'paid',
  p_priority integer default 50,
  p_effective_at timestamptz default null,
  p_expires_at timestamptz default null,
  p_source text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_problem constant text := coalesce(
    private.token_request_problem(coalesce(p_request_id, '-'), p_user_id, p_amount, '-', p_metadata),
    case
      when coalesce(p_reason, '') = '' then 'reason is missing'
      when (p_kind = any(enum_range(null::public.token_grant_kind)::text[])) is not true
        then 'kind must be paid, plan, promotion, rollover or refund'
      when (p_priority between 0 and 100) is not true then 'priority must be from 0 to 100'
      when not isfinite(p_effective_at) then 'effective_at must be finite'
      when p_expires_at <= p_effective_at then 'expires_at must be after effective_at'
      when not (p_source <> '' and char_length(p_source) <= 255) then 'source must have 1 to 255 characters'
    end);
  v_digest constant text := private.grant_request_digest(p_kind, p_priority, p_effective_at, p_expires_at, p_source);
  v_now timestamptz;
  v_amount bigint;
  v_balance public.token_balances;
  v_lock public.token_consumption_locks;
begin
  if v_problem is not null then
    return private.token_refusal(p_request_id, 'invalid_request', v_problem, null, '{"added": 0}');
  end if;
  v_amount := p_amount;

  if p_source is not null then
    -- Shared: grants of one source, such as a coupon, wait for a reversal and not for each other.
    perform pg_advisory_xact_lock_shared(private.payment_key(p_source));
  end if;
  insert into public.token_balances (user_id) values (p_user_id) on conflict do nothing;
  perform from public.token_balances where user_id = p_user_id for update;
  v_now := clock_timestamp();
  -- First what is due: how much room there is depends on it, and which debts the new tokens pay.
  v_balance := private.catch_up_wallet(p_user_id, v_now);
  loop
    select * into v_lock from public.token_consumption_locks where request_id = p_request_id;
    if v_lock.user_id <> p_user_id or v_lock.operation_type <> 'grant' or v_lock.amount <> v_amount
      or v_lock.request_id is not null and v_lock.fingerprint is distinct from v_digest and not v_balance.is_closed
    then
      return private.token_refusal(p_request_id, 'idempotency_key_reused',
        'This request id belongs to another request', null, '{"added": 0}');
    elsif v_lock.request_id is not null then
      return jsonb_build_object('success', true, 'duplicate', true, 'error', null, 'added', v_lock.amount,
        'balance', v_lock.balance_after, 'request_id', p_request_id);
    elsif p_effective_at is null and p_expires_at <= v_now then
      return private.token_refusal(p_request_id, 'invalid_request', 'expires_at has passed', null, '{"added": 0}');
    elsif v_amount > private.room_for_tokens(v_balance) then
      return private.token_refusal(p_request_id, 'invalid_request',
        'The balance would exceed 9007199254740991', null, '{"added": 0}');
    end if;
    exit when p_request_id is null;
    -- A grant's id is kept for good: a payment provider may repeat its webhook days later.
    insert into public.token_consumption_locks
      (request_id, user_id, operation_type, fingerprint, amount, charged, balance_after, status, expires_at)
    values (p_request_id, p_user_id, 'grant', v_digest, v_amount, 0, v_balance.balance, 'settled', 'infinity')
    on conflict do nothing;
    exit when found; -- Otherwise another user has claimed the id since we looked: look again.
  end loop;

  perform private.make_grant(p_user_id, p_kind::public.token_grant_kind, p_priority, v_amount, coalesce(p_effective_at, v_now),
    coalesce(p_expires_at, 'infinity'), case when not v_balance.is_closed then p_source end, p_request_id,
    coalesce(p_metadata, '{}') || jsonb_build_object('reason', p_reason));
  v_balance := private.apply_grant_events(p_user_id, v_now);
  if p_source is not null then
    -- Reversals may have come before it.
    update private.token_reversals set wallet_id = p_user_id where source = p_source and wallet_id is null;
    if exists (select from private.token_reversals where source = p_source and wallet_id = p_user_id) then
      perform private.settle_payment(p_user_id, p_source, '{"reason": "reversed before"}', v_now);
      v_balance := private.apply_grant_events(p_user_id, v_now);
    end if;
  end if;
  return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'added', v_amount,
    'balance', v_balance.balance, 'request_id', p_request_id);
end;
$$;

comment on function public.add_tokens(uuid, numeric, text, jsonb, text, text, integer, timestamptz, timestamptz, text) is
  'Grants tokens: by default bought ones that never end. With a request id (the payment''s or the webhook event''s) the grant '
  'happens once, however often and however late it is repeated; without one each call grants. kind: paid, plan, promotion (also '
  'rollover, refund); priority: from 0, spent first, to 100; expires_at: the end; source: payment, invoice or coupon, for '
  'claw_back_grant(). With an effective_at in the future the tokens are added then, and the returned balance is still without them. '
  'A grant that has ended already, with an effective_at in the past, pays a debt and expires. A debt is paid first: the returned '
  'balance is what is left. No balance may exceed 9007199254740991 (2^53 - 1), beyond which readers of JSON round; future grants '
  'count. Returns success, duplicate, error, added, balance, request_id; a duplicate''s balance is the one right after the grant. '
  'Errors: invalid_request, idempotency_key_reused.';

create function public.wallet_state(p_wallet_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_state jsonb;
begin
  perform from public.token_balances where user_id = p_wallet_id and next_expiry_at <= clock_timestamp();
  if found then
    perform private.lock_current_wallet(p_wallet_id);
  end if;
  -- One statement: all of it as it is at one moment.
  select jsonb_build_object(
    'wallet_id', balances.user_id,
    'balance', balances.balance,
    'held', balances.held,
    'available', balances.balance - balances.held,
    'debt', balances.debt,
    'next_expiry_at', live.next_expiry_at,
    'next_expiry_tokens', live.next_expiry_tokens,
    'grants', live.grants,
    'pending_grants', pending.grants)
  into v_state
  from public.token_balances as balances
  cross join lateral (
    select nullif(min(ends.expires_at), 'infinity') as next_expiry_at,
      sum(ends.remaining) filter (where ends.expires_at = ends.first_end) as next_expiry_tokens,
      coalesce(jsonb_agg(jsonb_build_object('id', ends.id, 'entry_number', ends.entry_number, 'kind', ends.kind,
        'priority', ends.priority, 'amount', ends.amount, 'remaining', ends.remaining, 'effective_at', ends.effective_at,
        'expires_at', nullif(ends.expires_at, 'infinity'), 'source', ends.source)
        order by ends.priority, ends.expires_at, ends.kind, ends.entry_number), '[]') as grants
    from (
      select grants.id, grants.entry_number, grants.kind, grants.priority, grants.amount, left_of.tokens as remaining,
        grants.effective_at, grants.expires_at, grants.source,
        min(grants.expires_at) filter (where grants.expires_at < 'infinity') over () as first_end
      from private.grants_left(balances.user_id, balances.granted - balances.balance) as left_of
      join public.token_grants as grants on grants.id = left_of.grant_id
      where left_of.tokens > 0
    ) as ends
  ) as live
  cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_object('id', grants.id, 'kind', grants.kind, 'priority', grants.priority,
      'amount', grants.amount - grants.reversed, 'effective_at', grants.effective_at,
      'expires_at', nullif(grants.expires_at, 'infinity'), 'source', grants.source)
      order by grants.effective_at, grants.id), '[]') as grants
    from public.token_grants as grants
    where grants.wallet_id = balances.user_id and grants.entry_number is null
  ) as pending
  where balances.user_id = p_wallet_id;
  return coalesce(v_state, jsonb_build_object('wallet_id', p_wallet_id, 'balance', 0, 'held', 0, 'available', 0, 'debt', 0,
    'next_expiry_at', null, 'next_expiry_tokens', null, 'grants', '[]'::jsonb, 'pending_grants', '[]'::jsonb));
end;
$$;

comment on function public.wallet_state(uuid) is
  'What a wallet has at this moment, exactly, whether or not a job runs: what has ended is taken off first. Returns wallet_id, '
  'balance, held, available, debt, next_expiry_at and next_expiry_tokens (the next end of a grant, and how many tokens end then; '
  'null: none ends), grants: [{id, entry_number, kind, priority, amount, remaining, effective_at, expires_at (null: never), source}], '
  'those with something left, in the order in which they are spent; and pending_grants: those that have not begun, the same '
  'without remaining and entry_number. A grant that has ended is in grants while a running request needs it. All zero where there '
  'is no such wallet.';

create function private.apply_due_grant_events(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(p_limit, 1), 10000);
  v_due record;
  v_balance public.token_balances;
  v_applied_count integer := 0;
  v_failed_count integer := 0;
  v_has_failed_anew boolean := false;
  v_waiting_count integer := 0;
  v_skipped_count integer := 0;
begin
  -- Last those that failed before, and those of which running requests may keep what has ended: nothing may be due of them.
  for v_due in
    select due.wallet_id, exists (
        select from public.token_anomalies as failed
        where failed.user_id = due.wallet_id and failed.anomaly_type = 'ledger_mismatch'
          and failed.details ? 'grants_error' and failed.resolved_at is null) as has_failed
    from (
      select wallet_id, expires_at as due_at from public.token_grants where remaining > 0 and expires_at <= now()
      union all
      select wallet_id, effective_at from public.token_grants where entry_number is null and effective_at <= now()
    ) as due
    join public.token_balances as balances on balances.user_id = due.wallet_id
    group by due.wallet_id, balances.held
    order by has_failed, balances.held > 0, min(due.due_at), due.wallet_id
    limit v_limit
  loop
    perform from public.token_balances where user_id = v_due.wallet_id for update skip locked;
    if found then
      v_balance := private.try_grant_events(v_due.wallet_id);
      if v_balance.user_id is null then
        v_failed_count := v_failed_count + 1;
        v_has_failed_anew := v_has_failed_anew or not v_due.has_failed;
      else
        v_applied_count := v_applied_count + 1;
        v_waiting_count := v_waiting_count + (v_balance.next_expiry_at <= v_balance.updated_at)::integer;
      end if;
    else
      v_skipped_count := v_skipped_count + 1;
    end if;
  end loop;
  return jsonb_build_object('applied_wallets', v_applied_count - v_waiting_count, 'waiting_wallets', v_waiting_count,
    'skipped_wallets', v_skipped_count, 'failed_wallets', v_failed_count,
    'is_done', v_applied_count + v_skipped_count + v_failed_count < v_limit
      or v_applied_count = v_waiting_count and not v_has_failed_anew);
end;
$$;

comment on function private.apply_due_grant_events(integer) is
  'Begins and ends the grants that are due, of at most p_limit wallets, and waits for no lock: who asks about a wallet, or charges it, '
  'does that first by itself, so that nothing depends on it. To be run every minute. Returns applied_wallets, waiting_wallets '
  '(running requests keep something that has ended), skipped_wallets (somebody had locked their row), failed_wallets (their events raise: an '
  'anomaly ledger_mismatch says how, and they hold up no other) and is_done.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.grant_request_digest(text, integer, timestamptz, timestamptz, text),
  public.add_tokens(uuid, numeric, text, jsonb, text, text, integer, timestamptz, timestamptz, text),
  public.wallet_state(uuid),
  private.apply_due_grant_events(integer)
from public, anon, authenticated;

grant execute on function
  public.add_tokens(uuid, numeric, text, jsonb, text, text, integer, timestamptz, timestamptz, text),
  public.wallet_state(uuid)
to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('apply_due_grant_events', '* * * * *', 'sql', 'private.apply_due_grant_events', true, null, 50000, '10 minutes',
    'Begins and ends grants of wallets that nobody uses at that time');

select private.install_schedule();
