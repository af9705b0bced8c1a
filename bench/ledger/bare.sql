-- The least that a charge can be: one update of a balance and one insert of an entry, without idempotency.

create schema bare;

-- Tables of the ledger's shape, whatever that becomes.
create table bare.balances (
  like public.token_balances including defaults including constraints including indexes
) with (fillfactor = 50);
create table bare.entries (
  like public.token_balance_history including defaults including constraints,
  primary key (user_id, entry_number)
);
alter table bare.entries alter column chain drop not null;

create function bare.charge(p_request_id text, p_user_id uuid, p_amount bigint, p_operation_type text)
returns bigint
language plpgsql
as $$
declare
  v_balance bigint;
  v_entry_number bigint;
begin
  update bare.balances
  set balance = balance - p_amount, entry_count = entry_count + 1, updated_at = now()
  where user_id = p_user_id and balance - held >= p_amount
  returning balance, entry_count into v_balance, v_entry_number;
  insert into bare.entries (user_id, entry_number, delta, balance_after, created_at, operation_type, request_id)
  values (p_user_id, v_entry_number, -p_amount, v_balance, now(), p_operation_type, p_request_id);
  return v_balance;
end;
$$;

-- Barer still: no check, and a primary key that only ever grows at its end.
create table bare.barest_balances (
  user_id uuid primary key,
  balance bigint not null
) with (fillfactor = 50);
create table bare.barest_entries (
  id bigint generated always as identity primary key,
  user_id uuid not null,
  delta bigint not null,
  balance_after bigint not null,
  created_at timestamptz not null default now(),
  operation_type text not null,
  request_id text collate "C"
);

create function bare.charge_barest(p_request_id text, p_user_id uuid, p_amount bigint, p_operation_type text)
returns bigint
language plpgsql
as $$
declare
  v_balance bigint;
begin
  update bare.barest_balances set balance = balance - p_amount where user_id = p_user_id
  returning balance into v_balance;
  insert into bare.barest_entries (user_id, delta, balance_after, operation_type, request_id)
  values (p_user_id, -p_amount, v_balance, p_operation_type, p_request_id);
  return v_balance;
end;
$$;

-- What the chain of the history costs: the ledger's own charge, its digest taken out.
do $$
declare
  v_definition constant text := pg_get_functiondef('public.consume_tokens_atomic'::regproc);
  v_changed constant text := regexp_replace(v_definition,
    'chain = private\.token_entry_chain\(.*?p_metadata\),\s+updated_at', 'chain = ''\x00'', updated_at');
begin
  if v_changed = v_definition then raise 'consume_tokens_atomic has no chain to take out any more'; end if;
  execute replace(v_changed, 'public.consume_tokens_atomic', 'bare.consume_without_chain');
end;
$$;
