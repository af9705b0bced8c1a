-- Tamper evidence: each entry of a user's history carries a digest of itself and of the entry before it. Whoever alters,
-- removes or inserts an entry behind the ledger's back, as a superuser can, breaks the chain at that place, or must write
-- all that follows anew, which an anchor kept elsewhere shows (`deno task ledger anchor`, `deno task ledger verify`).
--
-- To leave it out: alter table public.token_balance_history disable trigger token_balance_history_chain;

-- Tables --------------------------------------------------------------------------------------------------------

alter table public.token_balance_history add column chain bytea;

comment on column public.token_balance_history.chain is
  'The first 16 bytes of the SHA-256 of the entry before''s chain and this entry.';

-- Functions -----------------------------------------------------------------------------------------------------

create function public.token_entry_chain(p_previous bytea, p_entry public.token_balance_history)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return substring(
    sha256(coalesce(p_previous, '') || convert_to(concat_ws('|', p_entry.user_id, p_entry.entry_number, p_entry.delta,
      p_entry.balance_after, extract(epoch from p_entry.created_at), p_entry.operation_type, p_entry.request_id,
      p_entry.metadata), 'UTF8'))
    for 16);
end;
$$;

comment on function public.token_entry_chain(bytea, public.token_balance_history) is
  'What the chain of an entry must be, after an entry with the other chain (null before the first).';

create function public.chain_token_entry()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- As token_entry_chain says, written out: its call would cost each charge three times as much as the digest.
  new.chain := substring(
    sha256(
      coalesce(
        (select chain from public.token_balance_history
         where user_id = new.user_id and entry_number = new.entry_number - 1),
        '')
      || convert_to(concat_ws('|', new.user_id, new.entry_number, new.delta, new.balance_after,
        extract(epoch from new.created_at), new.operation_type, new.request_id, new.metadata), 'UTF8'))
    for 16);
  return new;
end;
$$;

comment on function public.chain_token_entry() is 'Chains each entry to the one before, whichever function writes it.';

create trigger token_balance_history_chain
  before insert on public.token_balance_history
  for each row execute function public.chain_token_entry();

create function public.verify_token_chain()
returns table (user_id uuid, entry_number bigint, request_id text, problem text)
language sql
stable
security definer
set search_path = ''
as $$
  with entries as (
    select history as entry,
      lag(history.entry_number, 1, 0::bigint) over entries_of_user as previous_number,
      lag(history.chain) over entries_of_user as previous_chain
    from public.token_balance_history as history
    window entries_of_user as (partition by history.user_id order by history.entry_number)
  )
  select (entry).user_id, (entry).entry_number, (entry).request_id,
    case when (entry).entry_number <> previous_number + 1
      then 'entries are missing before it' else 'it was altered, or the one before it was' end
  from entries
  where (entry).entry_number <> previous_number + 1
    or ((entry).chain is not null or previous_chain is not null)
      and (entry).chain is distinct from public.token_entry_chain(previous_chain, entry)
  union all
  select balances.user_id, balances.entry_count, null, 'entries are missing at the end'
  from public.token_balances as balances
  where balances.entry_count > coalesce(
    (select max(history.entry_number) from public.token_balance_history as history
     where history.user_id = balances.user_id), 0);
$$;

comment on function public.verify_token_chain() is
  'One row for each entry that does not follow from the one before it, and for each history whose end is missing; none '
  'when nobody tampered with it. Reads everything.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  public.token_entry_chain(bytea, public.token_balance_history),
  public.chain_token_entry(),
  public.verify_token_chain()
from public, anon, authenticated;

grant execute on function public.verify_token_chain() to service_role;
