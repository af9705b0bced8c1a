-- What reversals of payments took back, and what they could not: debts, which the wallet's next tokens pay.
--
-- Of each payment there is one number, the sum of its reversals, and a stack of what was taken for it: first its own grants,
-- then others that were paid for, then the debt on top. What is given back comes off the top: so any order of the same events
-- ends in the same state.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.token_payments (
  id bigint generated always as identity,
  wallet_id uuid not null,
  source text collate "C",
  debt bigint not null default 0,
  constraint token_payments_pkey primary key (id),
  constraint token_payments_source_once unique (wallet_id, source),
  constraint token_payments_debt_not_negative check (debt >= 0)
);

create index token_payments_debt_idx on private.token_payments (wallet_id, id) where debt > 0;

comment on table private.token_payments is 'Payments of which something was reversed.';
comment on column private.token_payments.wallet_id is 'The user_id of token_balances.';
comment on column private.token_payments.source is 'The source of its grants; null for a user who was forgotten.';
comment on column private.token_payments.debt is
  'What was reversed and nothing was left to be taken for. The sum of a wallet''s is token_balances.debt.';

create table private.token_reversal_parts (
  id bigint generated always as identity,
  payment_id bigint not null,
  grant_id bigint not null,
  tokens bigint not null,
  constraint token_reversal_parts_pkey primary key (id),
  constraint token_reversal_parts_tokens_positive check (tokens > 0)
);

create index token_reversal_parts_payment_id_idx on private.token_reversal_parts (payment_id, id);
create index token_reversal_parts_grant_id_idx on private.token_reversal_parts (grant_id);

comment on table private.token_reversal_parts is
  'What was taken for a payment''s reversals, the newest last: of its own grants, of others, and of those that paid its debt.';
comment on column private.token_reversal_parts.payment_id is 'The reversed payment, of token_payments.';
comment on column private.token_reversal_parts.grant_id is 'The grant that tokens were taken from, of public.token_grants.';
comment on column private.token_reversal_parts.tokens is 'How many tokens of it are taken.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.token_payments enable row level security;
alter table private.token_reversal_parts enable row level security;

create policy "nobody but the functions" on private.token_payments using (false);
create policy "nobody but the functions" on private.token_reversal_parts using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.take_from_grant(p_payment_id bigint, p_grant_id bigint, p_tokens bigint)
returns void
language sql
set search_path = ''
as $$
  update public.token_grants
  set remaining = remaining - case when entry_number is null then 0 else p_tokens end, reversed = reversed + p_tokens
  where id = p_grant_id;
  insert into private.token_reversal_parts (payment_id, grant_id, tokens) values (p_payment_id, p_grant_id, p_tokens);
$$;

comment on function private.take_from_grant(bigint, bigint, bigint) is
  'Takes tokens of a grant for a payment''s reversals. One that has not begun will begin with less.';

create function private.pay_token_debts(p_wallet_id uuid, p_grant_id bigint, p_tokens bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_tokens;
  v_part bigint;
  v_payment private.token_payments;
begin
  for v_payment in
    select * from private.token_payments where wallet_id = p_wallet_id and debt > 0 order by id
  loop
    v_part := least(v_payment.debt, v_left);
    update private.token_payments set debt = debt - v_part where id = v_payment.id;
    perform private.take_from_grant(v_payment.id, p_grant_id, v_part);
    v_left := v_left - v_part;
    exit when v_left = 0;
  end loop;
end;
$$;

comment on function private.pay_token_debts(uuid, bigint, bigint) is
  'Takes tokens of a grant for a wallet''s debts, the oldest first. The caller knows that there is so much of both, and writes '
  'the entry.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.take_from_grant(bigint, bigint, bigint),
  private.pay_token_debts(uuid, bigint, bigint)
from public, anon, authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.token_payments where wallet_id = gen_random_uuid() and debt > 0 order by id;
  perform 1 from private.token_reversal_parts where payment_id = 0 order by id;
  perform 1 from private.token_reversal_parts where grant_id = 0;
end;
$$;
