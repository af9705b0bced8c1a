-- Double entry as pgledger does it: two accounts, locked in one order, a transfer and two entries. Users pay house accounts,
-- of which there are 1,000, so that they are no bottleneck. No idempotency, no chain, no holds.

create schema double_entry;

create table double_entry.accounts (
  id uuid primary key,
  balance bigint not null default 0,
  version bigint not null default 0,
  may_be_negative boolean not null default false,
  updated_at timestamptz not null default now(),
  constraint accounts_funded check (may_be_negative or balance >= 0)
) with (fillfactor = 50);

create table double_entry.transfers (
  id uuid primary key,
  from_account_id uuid not null references double_entry.accounts (id),
  to_account_id uuid not null references double_entry.accounts (id),
  amount bigint not null check (amount > 0),
  created_at timestamptz not null default now(),
  metadata jsonb,
  check (from_account_id <> to_account_id)
);
create index on double_entry.transfers (from_account_id);
create index on double_entry.transfers (to_account_id);

create table double_entry.entries (
  id uuid primary key,
  account_id uuid not null references double_entry.accounts (id),
  transfer_id uuid not null references double_entry.transfers (id),
  amount bigint not null,
  previous_balance bigint not null,
  balance bigint not null,
  version bigint not null,
  created_at timestamptz not null default now()
);
create index on double_entry.entries (account_id);
create index on double_entry.entries (transfer_id);

create function double_entry.transfer(p_from uuid, p_to uuid, p_amount bigint, p_metadata jsonb default null)
returns double_entry.transfers
language plpgsql
as $$
declare
  v_transfer double_entry.transfers;
  v_from double_entry.accounts;
  v_to double_entry.accounts;
begin
  -- In one order, whoever pays whom: else two transfers could wait for each other in a circle.
  perform 1 from double_entry.accounts where id in (p_from, p_to) order by id for update;
  insert into double_entry.transfers (id, from_account_id, to_account_id, amount, metadata)
  values (gen_random_uuid(), p_from, p_to, p_amount, p_metadata)
  returning * into v_transfer;
  update double_entry.accounts set balance = balance - p_amount, version = version + 1, updated_at = now()
  where id = p_from returning * into v_from;
  update double_entry.accounts set balance = balance + p_amount, version = version + 1, updated_at = now()
  where id = p_to returning * into v_to;
  insert into double_entry.entries (id, account_id, transfer_id, amount, previous_balance, balance, version)
  values (gen_random_uuid(), p_from, v_transfer.id, -p_amount, v_from.balance + p_amount, v_from.balance, v_from.version),
    (gen_random_uuid(), p_to, v_transfer.id, p_amount, v_to.balance - p_amount, v_to.balance, v_to.version);
  return v_transfer;
end;
$$;

insert into double_entry.accounts (id, balance)
select ('00000000-0000-4000-8000-0000000' || number)::uuid, 1000000000000 from generate_series(10000, 19999) as number;
insert into double_entry.accounts (id, may_be_negative)
select ('00000000-0000-4000-a000-0000000' || number)::uuid, true from generate_series(10000, 10999) as number;
