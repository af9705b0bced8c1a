-- Reversals of payments: refunds of money, disputes, and how those end. Each is a signed number of tokens, and only the sum
-- counts. So the same events end in the same state in any order, repeated, and before their grant has come.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.token_reversals (
  reversal_id text collate "C" not null,
  source text collate "C" not null,
  wallet_id uuid,
  amount bigint not null,
  created_at timestamptz not null default now(),
  constraint token_reversals_pkey primary key (reversal_id)
);

create index token_reversals_source_idx on private.token_reversals (source, wallet_id);
create index token_reversals_wallet_id_idx on private.token_reversals (wallet_id);

comment on table private.token_reversals is
  'Events of payments whose money went back, or returned, as payment providers report them; each once, for good.';
comment on column private.token_reversals.reversal_id is 'The id of the payment provider''s event.';
comment on column private.token_reversals.source is 'The payment: by this source its grants name it.';
comment on column private.token_reversals.wallet_id is 'The wallet whose grants it is about; null: no grant of that source has come yet.';
comment on column private.token_reversals.amount is
  'Tokens taken back because the money went back; negative where the money returned: a refund that failed, a dispute that was won.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.token_reversals enable row level security;

create policy "nobody but the functions" on private.token_reversals using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.room_for_tokens(p_balance public.token_balances)
returns numeric
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select 9007199254740991 - p_balance.balance - coalesce(sum(amount), 0)
    from public.token_grants
    where wallet_id = p_balance.user_id and entry_number is null);
end;
$$;

comment on function private.room_for_tokens(public.token_balances) is
  'How much may still be added to a balance, with the grants that are to come counted in: up to 2^53 - 1, which every reader '
  'of JSON keeps exact.';

create function private.pay_debt_from_parts(p_wallet_id uuid, p_grant_ids bigint[], p_tokens bigint[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_ids bigint[];
  v_parts bigint[];
begin
  select array_agg(paid.grant_id order by paid.place), array_agg(paid.tokens order by paid.place)
  into v_ids, v_parts
  from (
    select parts.grant_id, parts.place,
      least(parts.tokens, balances.debt - (sum(parts.tokens) over (order by parts.place) - parts.tokens))::bigint as tokens
    from unnest(p_grant_ids, p_tokens) with ordinality as parts (grant_id, tokens, place)
    cross join public.token_balances as balances
    where balances.user_id = p_wallet_id
  ) as paid
  where paid.tokens > 0;
  if v_ids is not null then
    perform private.pay_debt_from_grants(p_wallet_id, v_ids, v_parts);
  end if;
end;
$$;

comment on function private.pay_debt_from_parts(uuid, bigint[], bigint[]) is
  'Pays a wallet''s debt, if there is one, of tokens that were just given to some grants.';

create function private.give_anew(
  p_wallet_id uuid,
  p_grant_ids bigint[],
  p_tokens bigint[],
  p_operation_type text,
  p_metadata jsonb,
  p_now timestamptz
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_origin record;
begin
  for v_origin in
    select grants.source, min(grants.priority) as priority, sum(parts.tokens)::bigint as tokens
    from unnest(p_grant_ids, p_tokens) as parts (grant_id, tokens)
    join public.token_grants as grants on grants.id = parts.grant_id
    group by grants.source
    order by min(grants.id)
  loop
    perform private.begin_grant(
      private.make_grant(p_wallet_id, 'refund', v_origin.priority, v_origin.tokens, p_now,
        p_now + (select refund_lifetime from private.token_settings), v_origin.source, null, p_metadata),
      p_operation_type);
  end loop;
end;
$$;

comment on function private.give_anew(uuid, bigint[], bigint[], text, jsonb, timestamptz) is
  'Gives back what came from grants that have ended: one new grant for each of their sources, which lives for '
  'token_settings.refund_lifetime.';

create function private.payment_key(p_source text)
returns bigint
language sql
immutable
set search_path = ''
as $$
  select hashtextextended('payment ' || p_source, 0);
$$;

comment on function private.payment_key(text) is
  'The advisory lock of a payment, taken before any balance is locked: so a reversal and the grant that it is about see each '
  'other when they come at once.';

create function private.reclaimable_grants(p_wallet_id uuid, p_source text, p_now timestamptz)
returns table (grant_id bigint, tokens bigint)
language plpgsql
set search_path = ''
as $$
begin
  return query
  select grants.id, case when grants.entry_number is null then grants.amount - grants.reversed else free.tokens end
  from public.token_grants as grants
  left join private.free_grants(p_wallet_id, p_now) as free on free.grant_id = grants.id
  where grants.wallet_id = p_wallet_id
    and (free.tokens > 0 and (grants.kind = 'paid' or grants.source = p_source)
      or grants.entry_number is null and grants.amount > grants.reversed and grants.source = p_source)
  order by (grants.source = p_source) is true desc, grants.entry_number is null desc,
    case when grants.entry_number is null then grants.effective_at end desc, case when grants.entry_number is null then grants.id end desc,
    grants.priority desc, grants.expires_at desc, grants.kind desc, grants.entry_number desc;
end;
$$;

comment on function private.reclaimable_grants(uuid, text, timestamptz) is
  'What a payment''s reversal may take, in its order: the payment''s grants that have not begun, the last first; what is left of '
  'the others, those that would be spent last first; then other grants that were paid for. What running requests need is not in it.';

create function private.take_back(p_payment private.token_payments, p_tokens numeric, p_metadata jsonb, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_tokens;
  v_free record;
  v_part bigint;
  v_ids bigint[] := '{}'::bigint[];
  v_parts bigint[] := '{}'::bigint[];
  v_taken bigint;
  v_debt bigint;
begin
  for v_free in select * from private.reclaimable_grants(p_payment.wallet_id, p_payment.source, p_now) loop
    exit when v_left = 0;
    v_part := least(v_free.tokens, v_left);
    v_left := v_left - v_part;
    v_ids := v_ids || v_free.grant_id;
    v_parts := v_parts || v_part;
    perform private.take_from_grant(p_payment.id, v_free.grant_id, v_part);
  end loop;
  select coalesce(sum(parts.tokens), 0) into v_taken
  from unnest(v_ids, v_parts) as parts (grant_id, tokens)
  join public.token_grants as grants on grants.id = parts.grant_id
  where grants.entry_number is not null;
  update private.token_payments set debt = debt + v_left where id = p_payment.id;
  update public.token_balances set debt = debt + v_left where user_id = p_payment.wallet_id returning debt into v_debt;
  if v_taken + v_left > 0 then
    perform private.post_token_entry(p_payment.wallet_id, -v_taken, 0, 'clawback', null,
      p_metadata || jsonb_build_object('grants', private.parts_of_grants(v_ids, v_parts), 'debt', v_debt));
  end if;
  if v_left > 0 then
    perform public.record_token_anomaly(p_payment.wallet_id, 'debt', 'warning', p_payment.source,
      jsonb_build_object('source', p_payment.source, 'tokens', v_left));
  end if;
end;
$$;

comment on function private.take_back(private.token_payments, numeric, jsonb, timestamptz) is
  'Takes tokens for a payment''s reversals; what is not there becomes a debt, which is an anomaly once per payment.';

create function private.give_back(p_payment private.token_payments, p_tokens numeric, p_metadata jsonb, p_now timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_waived constant bigint := least(p_payment.debt, p_tokens);
  v_left bigint := p_tokens - v_waived;
  v_taken record;
  v_part bigint;
  v_ids bigint[] := '{}'::bigint[];
  v_parts bigint[] := '{}'::bigint[];
  v_given bigint;
  v_debt bigint;
  v_ended_ids bigint[] := '{}'::bigint[];
  v_ended_parts bigint[] := '{}'::bigint[];
begin
  update private.token_payments set debt = debt - v_waived where id = p_payment.id;
  update public.token_balances set debt = debt - v_waived where user_id = p_payment.wallet_id returning debt into v_debt;
  for v_taken in
    select parts.id, parts.grant_id, parts.tokens, grants.entry_number, grants.expires_at
    from private.token_reversal_parts as parts
    join public.token_grants as grants on grants.id = parts.grant_id
    where parts.payment_id = p_payment.id
    order by parts.id desc
  loop
    exit when v_left = 0;
    v_part := least(v_taken.tokens, v_left);
    v_left := v_left - v_part;
    if v_part = v_taken.tokens then
      delete from private.token_reversal_parts where id = v_taken.id;
    else
      update private.token_reversal_parts set tokens = tokens - v_part where id = v_taken.id;
    end if;
    if v_taken.entry_number is not null and v_taken.expires_at <= p_now then
      v_ended_ids := v_ended_ids || v_taken.grant_id;
      v_ended_parts := v_ended_parts || v_part;
    else
      update public.token_grants
      set remaining = remaining + case when entry_number is null then 0 else v_part end, reversed = reversed - v_part
      where id = v_taken.grant_id;
      if v_taken.entry_number is not null then
        v_ids := v_ids || v_taken.grant_id;
        v_parts := v_parts || v_part;
      end if;
    end if;
  end loop;
  v_given := coalesce((select sum(tokens) from unnest(v_parts) as given (tokens)), 0);
  if v_given + v_waived > 0 then
    perform private.post_token_entry(p_payment.wallet_id, v_given, 0, 'clawback', null,
      p_metadata || jsonb_build_object('grants', private.parts_of_grants(v_ids, v_parts), 'debt', v_debt));
    perform private.pay_debt_from_parts(p_payment.wallet_id, v_ids, v_parts);
  end if;
  perform private.give_anew(p_payment.wallet_id, v_ended_ids, v_ended_parts, 'clawback', p_metadata, p_now);
end;
$$;

comment on function private.give_back(private.token_payments, numeric, jsonb, timestamptz) is
  'Gives tokens back when the sum of a payment''s reversals falls: first its debt falls, then the grants that tokens were taken '
  'from get them back, the newest part first; in place of those that have ended there is a new grant. What was given back pays '
  'other debts.';

create function private.settle_payment(p_wallet_id uuid, p_source text, p_metadata jsonb, p_now timestamptz)
returns private.token_payments
language plpgsql
set search_path = ''
as $$
declare
  v_payment private.token_payments;
  v_missing numeric;
begin
  insert into private.token_payments (wallet_id, source) values (p_wallet_id, p_source) on conflict do nothing;
  select * into v_payment from private.token_payments where wallet_id = p_wallet_id and source = p_source;
  v_missing := least(
      greatest((select sum(amount) from private.token_reversals where source = p_source and wallet_id = p_wallet_id), 0),
      coalesce((select sum(amount) from public.token_grants
        where source = p_source and wallet_id = p_wallet_id and kind not in ('rollover', 'refund')), 0))
    - v_payment.debt
    - coalesce((select sum(tokens) from private.token_reversal_parts where payment_id = v_payment.id), 0);
  if v_missing > 0 then
    perform private.take_back(v_payment, v_missing, p_metadata, p_now);
  elsif v_missing < 0 then
    perform private.give_back(v_payment, -v_missing, p_metadata, p_now);
  end if;
  select * into v_payment from private.token_payments where id = v_payment.id;
  return v_payment;
end;
$$;

comment on function private.settle_payment(uuid, text, jsonb, timestamptz) is
  'Takes or gives back what the sum of a payment''s reversals says, at most what the payment granted. The caller has applied what '
  'is due. Grants of kind rollover and refund are not counted as granted: they hold tokens that the payment granted before.';

create function public.claw_back_grant(
  p_source text,
  p_amount numeric,
  p_reversal_id text,
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
    when (p_source <> '' and char_length(p_source) <= 255) is not true then 'source must have 1 to 255 characters'
    when (p_reversal_id <> '' and char_length(p_reversal_id) <= 255) is not true
      then 'reversal_id must have 1 to 255 characters'
    when (p_amount = trunc(p_amount) and p_amount <> 0 and abs(p_amount) <= 9007199254740991) is not true
      then 'amount must be a whole number from -9007199254740991 to 9007199254740991, and not 0' end;
  v_now timestamptz;
  v_known private.token_reversals;
  v_wallets uuid[];
  v_wallet_id uuid;
  v_balance public.token_balances;
  v_payment private.token_payments;
  v_is_duplicate boolean;
begin
  if v_problem is not null then
    return private.token_refusal(null, 'invalid_request', v_problem, null, '{"reversed": 0}');
  end if;
  perform pg_advisory_xact_lock(private.payment_key(p_source));
  select * into v_known from private.token_reversals where reversal_id = p_reversal_id;
  v_is_duplicate := found;
  if v_is_duplicate then
    if v_known.source <> p_source or v_known.amount <> p_amount or v_known.wallet_id <> p_wallet_id then
      return private.token_refusal(null, 'idempotency_key_reused', 'This reversal id belongs to another reversal', null,
        '{"reversed": 0}');
    end if;
    v_wallet_id := v_known.wallet_id;
  else
    select coalesce(array_agg(distinct wallet_id), '{}') into v_wallets
    from public.token_grants
    where source = p_source and (p_wallet_id is null or wallet_id = p_wallet_id);
    if cardinality(v_wallets) > 1 then
      return private.token_refusal(null, 'invalid_request', 'source has grants of several wallets: say which in wallet_id', null,
        '{"reversed": 0}');
    end if;
    v_wallet_id := coalesce(v_wallets[1], p_wallet_id);
    -- Two payments may bring the same id at once: one of them gets it.
    insert into private.token_reversals (reversal_id, source, wallet_id, amount)
    values (p_reversal_id, p_source, v_wallet_id, p_amount)
    on conflict do nothing;
    if not found then
      return private.token_refusal(null, 'idempotency_key_reused', 'This reversal id belongs to another reversal', null,
        '{"reversed": 0}');
    end if;
  end if;
  if v_wallet_id is not null then
    insert into public.token_balances (user_id) values (v_wallet_id) on conflict do nothing;
    v_balance := private.lock_current_wallet(v_wallet_id);
    -- Of a user who was forgotten nobody is to learn of a payment again; it would change nothing.
    if exists (select from public.token_accounts where user_id = v_wallet_id and forgotten_at is not null) then
      delete from private.token_reversals where reversal_id = p_reversal_id;
      return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'reversed', 0, 'payment_debt', 0, 'debt', 0,
        'balance', v_balance.balance, 'wallet_id', v_wallet_id);
    end if;
    v_now := v_balance.updated_at;
    v_payment := private.settle_payment(v_wallet_id, p_source, jsonb_strip_nulls(jsonb_build_object('reason', p_reason)), v_now);
    v_balance := private.apply_grant_events(v_wallet_id, v_now);
  end if;
  return jsonb_build_object('success', true, 'duplicate', v_is_duplicate, 'error', null,
    'reversed', coalesce((select sum(tokens) from private.token_reversal_parts where payment_id = v_payment.id), 0)
      + coalesce(v_payment.debt, 0),
    'payment_debt', coalesce(v_payment.debt, 0), 'debt', coalesce(v_balance.debt, 0), 'balance', v_balance.balance,
    'wallet_id', v_wallet_id);
end;
$$;

comment on function public.claw_back_grant(text, numeric, text, text, uuid) is
  'Tells that a payment''s money went back (amount > 0: refund, dispute opened) or returned (amount < 0: refund failed, dispute '
  'won), in tokens; each event once, by its reversal_id, for good. The sum of a payment''s events counts, at most what the payment '
  'granted: so much is taken from its grants, then from others that were paid for, and the rest is a debt, which the wallet''s '
  'next tokens pay. What running requests need is taken when they end. Before the payment''s grant has come, the event is only '
  'remembered (wallet_id and balance null). '
  'wallet_id is needed where several wallets have grants of the source. Returns success, duplicate, error, reversed (what the payment''s '
  'reversals come to), payment_debt (the part of it that is still owed), debt (the wallet''s), balance, wallet_id. Errors: '
  'invalid_request, idempotency_key_reused.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.room_for_tokens(public.token_balances),
  private.pay_debt_from_parts(uuid, bigint[], bigint[]),
  private.give_anew(uuid, bigint[], bigint[], text, jsonb, timestamptz),
  private.payment_key(text),
  private.reclaimable_grants(uuid, text, timestamptz),
  private.take_back(private.token_payments, numeric, jsonb, timestamptz),
  private.give_back(private.token_payments, numeric, jsonb, timestamptz),
  private.settle_payment(uuid, text, jsonb, timestamptz),
  public.claw_back_grant(text, numeric, text, text, uuid)
from public, anon, authenticated;

grant execute on function public.claw_back_grant(text, numeric, text, text, uuid) to service_role;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.token_reversals where source = 'none';
  perform 1 from private.token_reversals where wallet_id = gen_random_uuid();
end;
$$;
