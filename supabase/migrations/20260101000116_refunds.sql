-- Refunds of charges: into the grants that paid for them.

-- Functions -----------------------------------------------------------------------------------------------------

create function private.charge_of_request(p_request_id text, p_wallet_id uuid)
returns public.token_balance_history
language plpgsql
stable
set search_path = ''
as $$
declare
  v_lock public.token_consumption_locks;
  v_charge public.token_balance_history;
begin
  select * into v_lock from public.token_consumption_locks
  where request_id = p_request_id and (p_wallet_id is null or user_id = p_wallet_id);
  if v_lock.status = 'settled' and v_lock.charged > 0 then
    select * into v_charge from public.token_balance_history
    where user_id = v_lock.user_id and request_id = p_request_id and created_at >= v_lock.created_at
      and operation_type <> all(private.operations_of_grants())
    order by entry_number desc
    limit 1;
    return v_charge;
  end if;
  if p_wallet_id is not null then
    select * into v_charge from public.token_balance_history
    where user_id = p_wallet_id and request_id = p_request_id
      and operation_type <> all(private.operations_of_grants())
    order by entry_number desc
    limit 1;
  else
    select * into v_charge from public.token_balance_history
    where request_id = p_request_id and operation_type <> all(private.operations_of_grants())
    order by created_at desc
    limit 1;
  end if;
  return v_charge;
end;
$$;

comment on function private.charge_of_request(text, uuid) is
  'The newest entry by which a request was charged. If the request is forgotten, the entry is looked for in the history: in that '
  'of p_wallet_id, or without one in all of it, which takes long.';

create function private.known_refund_outcome(
  p_refund_id text,
  p_request_id text,
  p_amount numeric,
  p_wallet_id uuid
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_refund private.token_refunds;
begin
  select * into v_refund from private.token_refunds where refund_id = p_refund_id;
  if not found then
    return null;
  elsif v_refund.request_id <> p_request_id or v_refund.asked is distinct from p_amount or v_refund.wallet_id <> p_wallet_id then
    return private.token_refusal(p_request_id, 'idempotency_key_reused', 'This refund id belongs to another refund', null,
      '{"refunded": 0}');
  end if;
  return jsonb_build_object('success', true, 'duplicate', true, 'error', null, 'refunded', v_refund.tokens,
    'balance', v_refund.balance_after, 'request_id', p_request_id, 'wallet_id', v_refund.wallet_id,
    'entry_number', v_refund.charge_entry_number);
end;
$$;

comment on function private.known_refund_outcome(text, text, numeric, uuid) is
  'The outcome of a refund whose id is known; null for a new one.';

create function public.refund_tokens(
  p_request_id text,
  p_refund_id text,
  p_amount numeric default null,
  p_reason text default null,
  p_wallet_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_problem constant text := case
    when (p_request_id <> '' and char_length(p_request_id) <= 255) is not true
      then 'request_id must have 1 to 255 characters'
    when (p_refund_id <> '' and char_length(p_refund_id) <= 255) is not true
      then 'refund_id must have 1 to 255 characters'
    when p_amount <> least(greatest(trunc(p_amount), 1), 9007199254740991)
      then 'amount must be a whole number from 1 to 9007199254740991, or null for all that is left' end;
  v_outcome jsonb;
  v_charge public.token_balance_history;
  v_now timestamptz;
  v_balance public.token_balances;
  v_refunded bigint;
  v_amount bigint;
  v_end numeric;
  v_metadata jsonb;
  v_ids bigint[];
  v_parts bigint[];
  v_ended_ids bigint[];
  v_ended_parts bigint[];
  v_restored bigint;
begin
  if v_problem is not null then
    return private.token_refusal(p_request_id, 'invalid_request', v_problem, null, '{"refunded": 0}');
  end if;
  -- All that takes long comes before the wallet is locked, for which charges wait.
  v_outcome := private.known_refund_outcome(p_refund_id, p_request_id, p_amount, p_wallet_id);
  if v_outcome is not null then
    return v_outcome;
  end if;
  v_charge := private.charge_of_request(p_request_id, p_wallet_id);
  if v_charge.user_id is null then
    return private.token_refusal(p_request_id, 'not_found', 'There is no charge of this request in the history', null,
      '{"refunded": 0}');
  end if;

  perform from public.token_balances where user_id = v_charge.user_id for update;
  v_now := clock_timestamp();
  v_outcome := private.known_refund_outcome(p_refund_id, p_request_id, p_amount, p_wallet_id);
  if v_outcome is not null then
    return v_outcome;
  end if;
  v_balance := private.apply_grant_events(v_charge.user_id, v_now);
  select coalesce(sum(tokens), 0) into v_refunded from private.token_refunds
  where wallet_id = v_charge.user_id and charge_entry_number = v_charge.entry_number;
  if coalesce(p_amount, 1) > -v_charge.delta - v_refunded then
    return private.token_refusal(p_request_id, 'refund_exceeds_charge',
      format('This request was charged %s tokens, of which %s are refunded', -v_charge.delta, v_refunded), v_balance.balance,
      jsonb_build_object('refunded', 0, 'charged', -v_charge.delta, 'refundable', -v_charge.delta - v_refunded));
  end if;
  v_amount := coalesce(p_amount, -v_charge.delta - v_refunded);
  if v_amount > private.room_for_tokens(v_balance) then
    return private.token_refusal(p_request_id, 'invalid_request', 'The balance would exceed 9007199254740991',
      v_balance.balance, '{"refunded": 0}');
  end if;
  insert into private.token_refunds
    (refund_id, wallet_id, request_id, charge_entry_number, charged_at, asked, tokens, balance_after, reason, created_at)
  values (p_refund_id, v_charge.user_id, p_request_id, v_charge.entry_number, v_charge.created_at, p_amount, v_amount,
    v_balance.balance, p_reason, v_now)
  on conflict do nothing;
  if not found then -- Another wallet has just taken this id.
    return private.token_refusal(p_request_id, 'idempotency_key_reused', 'This refund id belongs to another refund', null,
      '{"refunded": 0}');
  end if;

  -- From the end of the charge backwards: the first tokens that it took are the last to come back.
  v_end := private.end_of_charge(v_charge.user_id, v_charge.entry_number, v_charge.balance_after) - v_refunded;
  select array_agg(parts.grant_id order by parts.place desc) filter (where not parts.is_over),
    array_agg(parts.tokens order by parts.place desc) filter (where not parts.is_over),
    array_agg(parts.grant_id order by parts.place desc) filter (where parts.is_over),
    array_agg(parts.tokens order by parts.place desc) filter (where parts.is_over)
  into v_ids, v_parts, v_ended_ids, v_ended_parts
  from (
    select spent.grant_id, sum(spent.spent_to - spent.spent_from)::bigint as tokens, max(spent.spent_to) as place,
      bool_or(grants.expires_at <= v_now) as is_over
    from private.grants_of_spending(v_charge.user_id, v_end - v_amount, v_end) as spent
    join public.token_grants as grants on grants.id = spent.grant_id
    group by spent.grant_id
  ) as parts;
  v_metadata := jsonb_strip_nulls(jsonb_build_object('refunded_request', p_request_id, 'refunded_entry', v_charge.entry_number,
    'refund_id', p_refund_id, 'reason', p_reason));
  if v_amount is distinct from (select sum(tokens) from unnest(v_parts || v_ended_parts) as parts (tokens)) then
    raise exception 'Which grants paid for entry % of % is not known', v_charge.entry_number, v_charge.user_id;
  end if;
  v_restored := (select sum(tokens) from unnest(v_parts) as restored (tokens));
  if v_restored > 0 then
    update public.token_grants as grants
    set remaining = grants.remaining + parts.tokens, refunded = grants.refunded + parts.tokens
    from unnest(v_ids, v_parts) as parts (grant_id, tokens)
    where grants.id = parts.grant_id;
    perform private.post_token_entry(v_charge.user_id, v_restored, 0, 'refund', null,
      v_metadata || jsonb_build_object('grants', private.parts_of_grants(v_ids, v_parts)));
    perform private.pay_debt_from_parts(v_charge.user_id, v_ids, v_parts);
  end if;
  perform private.give_anew(v_charge.user_id, v_ended_ids, v_ended_parts, 'refund', v_metadata, v_now);
  perform private.take_off_caps(v_charge.user_id, v_charge.created_at, v_amount);
  if v_charge.actor_id is not null then
    perform private.take_off_member(v_charge.user_id, v_charge.actor_id, v_charge.created_at, v_amount);
  end if;
  v_balance := private.apply_grant_events(v_charge.user_id, v_now);
  update private.token_refunds set balance_after = v_balance.balance where refund_id = p_refund_id;
  return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'refunded', v_amount,
    'balance', v_balance.balance, 'request_id', p_request_id, 'wallet_id', v_charge.user_id,
    'entry_number', v_charge.entry_number);
end;
$$;

comment on function public.refund_tokens(text, text, numeric, text, uuid) is
  'Gives a charge back, whole (p_amount null: all that is left of it) or in part, once per refund id, which is kept for good. The '
  'tokens go back into the grants that they came from, with their ends; those of a grant that has ended into a new one of kind '
  'refund, which lives for token_settings.refund_lifetime. A debt is paid first. What was refunded no longer counts in the caps of '
  'the charge''s day and month. The charge of a forgotten request is looked for in the history, which p_wallet_id makes quick; '
  'archived months are not there. Returns success, duplicate, error, refunded, balance, request_id, wallet_id, entry_number (the '
  'charge''s). Errors: not_found, refund_exceeds_charge (with charged and refundable), idempotency_key_reused, invalid_request.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.charge_of_request(text, uuid),
  private.known_refund_outcome(text, text, numeric, uuid),
  public.refund_tokens(text, text, numeric, text, uuid)
from public, anon, authenticated;

grant execute on function public.refund_tokens(text, text, numeric, text, uuid) to service_role;
