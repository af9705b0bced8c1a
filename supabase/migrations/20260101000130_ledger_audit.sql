-- The audit: does the ledger add up, and has nobody changed it behind the ledger's back?
--
-- Each entry of a user's history carries a digest of itself and of the entry before it. Whoever alters, removes or inserts
-- an entry, as a superuser can, breaks the chain at that place, or must write all that follows anew, which an anchor kept
-- elsewhere shows (`deno task ledger anchor`, `deno task ledger verify`).
--
-- What is here is the first alarm, every night. Who can change the ledger can change these functions too: the audit that
-- trusts nothing of this database is `deno task ledger verify`, from outside.

-- Tables --------------------------------------------------------------------------------------------------------

create table token_history.anchors (
  made_at timestamptz not null,
  part_number integer not null,
  lines text not null,
  digest bytea not null,
  constraint anchors_pkey primary key (made_at, part_number)
);

comment on table token_history.anchors is
  'The newest chains of all users, in parts of 5,000 lines, kept for three days. They alone prove nothing, because '
  'whoever can change the ledger can change them: the digest of the last part, kept elsewhere, is the proof.';
comment on column token_history.anchors.lines is 'One JSON object per user and line, in the order of their ids.';
comment on column token_history.anchors.digest is
  'SHA-256 of the previous part''s digest (empty for the first part) and these lines.';

-- Functions -----------------------------------------------------------------------------------------------------

create function private.replay_difference(p_wallet_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_difference jsonb;
begin
  select jsonb_agg(jsonb_build_object('grant', entry_number, 'by_the_history', to_jsonb(replayed) - 'entry_number',
    'is', to_jsonb(owned) - 'entry_number') order by entry_number)
  into v_difference
  from private.replay_token_grants(p_wallet_id) as replayed
  full join (
    select grants.entry_number, grants.kind, grants.priority, grants.expires_at, left_of.tokens as remaining
    from public.token_balances as balances
    cross join lateral private.grants_left(balances.user_id, balances.granted - balances.balance) as left_of
    join public.token_grants as grants on grants.id = left_of.grant_id
    where balances.user_id = p_wallet_id and left_of.tokens <> 0
  ) as owned using (entry_number)
  where (replayed.kind, replayed.priority, replayed.expires_at, replayed.remaining)
    is distinct from (owned.kind, owned.priority, owned.expires_at, owned.remaining);
  return v_difference;
exception when others then
  -- Entries that somebody altered may make no sense.
  return jsonb_build_array(jsonb_build_object('error', sqlerrm));
end;
$$;

comment on function private.replay_difference(uuid) is
  'Where the grants that a wallet''s history tells are not those that it has; null: nowhere.';

create function private.verify_token_grants()
returns table (invariant text, user_id uuid, details jsonb)
language plpgsql -- Not sql: its plan is kept for the session, where making it takes longer than a small ledger's audit.
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with epochs as (
    select distinct on (wallet_id) wallet_id, first_entry_number, granted, allotted_to
    from private.token_grant_epochs
    order by wallet_id, first_entry_number desc
  ),
  grants as (
    select wallet_id, sum(remaining) as remaining, min(expires_at) filter (where remaining > 0) as ends_at,
      min(effective_at) filter (where entry_number is null) as begins_at
    from public.token_grants
    group by wallet_id
  ),
  consumed as (
    select grant_id, sum(spent_to - spent_from) as tokens from private.token_grant_slices group by grant_id
  ),
  slices as (
    select wallet_id, spent_from, spent_to,
      lag(spent_to, 1, 0::numeric) over (partition by wallet_id order by spent_to) as spent_before,
      lead(spent_to) over (partition by wallet_id order by spent_to) is null as is_last
    from private.token_grant_slices
  ),
  debts as (
    select wallet_id, sum(debt) as debt from private.token_payments group by wallet_id
  )
  select 'what is left of the grants is the balance', coalesce(balances.user_id, grants.wallet_id),
    jsonb_build_object('balance', balances.balance, 'grants', grants.remaining,
      'not_allotted', balances.granted - balances.balance - epochs.allotted_to)
  from public.token_balances as balances
  full join grants on grants.wallet_id = balances.user_id
  left join epochs on epochs.wallet_id = balances.user_id
  where coalesce(grants.remaining, 0) - (coalesce(balances.granted - balances.balance, 0) - coalesce(epochs.allotted_to, 0))
      <> coalesce(balances.balance, 0)
    or coalesce(epochs.allotted_to, 0) > coalesce(balances.granted - balances.balance, 0)
  union all
  select 'a grant has what it got without what it gave', grants.wallet_id,
    jsonb_build_object('id', grants.id, 'amount', grants.amount, 'refunded', grants.refunded, 'expired', grants.expired,
      'reversed', grants.reversed, 'rolled_over', grants.rolled_over, 'consumed', coalesce(consumed.tokens, 0),
      'remaining', grants.remaining)
  from public.token_grants as grants
  left join consumed on consumed.grant_id = grants.id
  where grants.remaining <> case when grants.entry_number is null then 0
    else grants.amount + grants.refunded - grants.expired - grants.reversed - grants.rolled_over - coalesce(consumed.tokens, 0) end
  union all
  select 'each token that was spent came from one grant', slices.wallet_id, to_jsonb(slices) - 'wallet_id'
  from slices
  left join epochs using (wallet_id)
  where slices.spent_from <> slices.spent_before or slices.spent_to <= slices.spent_from
    or slices.is_last and slices.spent_to is distinct from epochs.allotted_to
  union all
  select 'the newest epoch knows what was granted', balances.user_id,
    jsonb_build_object('granted', balances.granted, 'of_epoch', epochs.granted, 'first_entry_number', epochs.first_entry_number,
      'entry_count', balances.entry_count)
  from public.token_balances as balances
  left join epochs on epochs.wallet_id = balances.user_id
  where coalesce(epochs.granted, 0) <> balances.granted or epochs.first_entry_number > balances.entry_count + 1
  union all
  select 'the debt is the sum of the payments''', coalesce(balances.user_id, debts.wallet_id),
    jsonb_build_object('debt', balances.debt, 'of_payments', debts.debt)
  from public.token_balances as balances
  full join debts on debts.wallet_id = balances.user_id
  where coalesce(balances.debt, 0) <> coalesce(debts.debt, 0)
  union all
  select 'the next event of the grants is known', balances.user_id,
    jsonb_build_object('next_expiry_at', balances.next_expiry_at, 'begins_at', grants.begins_at, 'ends_at', grants.ends_at)
  from public.token_balances as balances
  join grants on grants.wallet_id = balances.user_id
  where balances.next_expiry_at > least(grants.begins_at, grants.ends_at)
  union all
  select 'the history tells the same grants', balances.user_id, jsonb_build_object('differences', differences.found)
  from public.token_balances as balances
  cross join lateral private.replay_difference(balances.user_id) as differences (found)
  where differences.found is not null;
end;
$$;

comment on function private.verify_token_grants() is
  'One row for each invariant of grants, debts and what was spent of them that is broken: a part of verify_token_ledger().';

create function public.verify_token_ledger()
returns table (invariant text, user_id uuid, request_id text, details jsonb)
language plpgsql -- Not sql: its plan is kept for the session, where making it takes longer than a small ledger's audit.
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with entries as (
    select history.*,
      coalesce(lag(history.balance_after) over entries_of_user, openings.balance, 0) as balance_before,
      lag(history.created_at, 1, history.created_at) over entries_of_user as created_before,
      coalesce(openings.entry_number, 0) + row_number() over entries_of_user as expected_number
    from public.token_balance_history as history
    left join token_history.openings using (user_id)
    window entries_of_user as (partition by history.user_id order by history.entry_number)
  ),
  parts as (
    select history.user_id, sum(history.delta) as delta_sum, 
      coalesce(sum(history.delta) filter (where history.operation_type = any(private.operations_of_grants())), 0) as granted,
      count(*) as entry_count
    from public.token_balance_history as history
    group by history.user_id
    union all
    select openings.user_id, openings.balance, openings.granted, openings.entry_number
    from token_history.openings
  ),
  sums as (
    select parts.user_id, sum(parts.delta_sum) as delta_sum, sum(parts.granted) as granted,
      sum(parts.entry_count) as entry_count
    from parts
    group by parts.user_id
  ),
  holds as (
    select locks.user_id, sum(locks.amount) as held_sum
    from public.token_consumption_locks as locks
    where locks.status = 'held'
    group by locks.user_id
  ),
  member_holds as (
    select locks.user_id as wallet_id, locks.actor_id as user_id, sum(locks.amount) as held_sum
    from public.token_consumption_locks as locks
    where locks.status = 'held' and locks.actor_id is not null
    group by locks.user_id, locks.actor_id
  ),
  member_charges as (
    select history.user_id as wallet_id, history.actor_id as user_id, private.month_of(history.created_at) as month,
      sum(-history.delta - coalesce(refunds.tokens, 0)) as tokens
    from public.token_balance_history as history
    left join (
      select refunded.wallet_id, refunded.charge_entry_number, sum(refunded.tokens) as tokens
      from private.token_refunds as refunded
      group by refunded.wallet_id, refunded.charge_entry_number
    ) as refunds on refunds.wallet_id = history.user_id and refunds.charge_entry_number = history.entry_number
    where history.actor_id is not null and history.delta < 0
    group by 1, 2, 3
  ),
  -- An id may have older entries, of a request that is forgotten.
  requests as (
    select locks.*, count(history.user_id) as entries, min(history.delta) as delta,
      min(history.balance_after) as entry_balance_after
    from public.token_consumption_locks as locks
    left join public.token_balance_history as history
      on history.user_id = locks.user_id and history.request_id = locks.request_id
      and history.created_at >= locks.created_at
    where locks.created_at >= (select settings.history_begins_at from private.token_settings as settings)
    group by locks.request_id
  )
  select 'balance is the sum of the entries', user_id, null::text,
    jsonb_build_object('balance', balances.balance, 'sum_of_deltas', coalesce(sums.delta_sum, 0),
      'granted', balances.granted, 'sum_of_grants', coalesce(sums.granted, 0),
      'entry_count', balances.entry_count, 'entries', coalesce(sums.entry_count, 0))
  from public.token_balances as balances
  full join sums using (user_id)
  where coalesce(balances.balance, 0) <> coalesce(sums.delta_sum, 0)
    or coalesce(balances.granted, 0) <> coalesce(sums.granted, 0)
    or coalesce(balances.entry_count, 0) <> coalesce(sums.entry_count, 0)
  union all
  select 'held is the sum of the open holds', user_id, null,
    jsonb_build_object('held', balances.held, 'sum_of_holds', coalesce(holds.held_sum, 0))
  from public.token_balances as balances
  full join holds using (user_id)
  where coalesce(balances.held, 0) <> coalesce(holds.held_sum, 0)
  union all
  select 'a member''s held is the sum of its open holds', wallet_id, null,
    jsonb_build_object('member_id', user_id, 'held', members.held, 'sum_of_holds', coalesce(member_holds.held_sum, 0))
  from private.wallet_members as members
  full join member_holds using (wallet_id, user_id)
  where coalesce(members.held, 0) <> coalesce(member_holds.held_sum, 0)
  union all
  select 'what a member spent in a month is the sum of its charges, without what was refunded', members.wallet_id, null,
    jsonb_build_object('member_id', members.user_id, 'month', members.month, 'spent', members.spent,
      'sum_of_charges', coalesce(member_charges.tokens, 0))
  from private.wallet_members as members
  left join member_charges using (wallet_id, user_id, month)
  where members.spent <> coalesce(member_charges.tokens, 0)
    and members.month::timestamp at time zone 'UTC'
      >= (select settings.history_begins_at from private.token_settings as settings)
  union all
  select 'each entry continues the one before', entries.user_id, entries.request_id,
    jsonb_build_object('entry_number', entries.entry_number, 'expected_number', entries.expected_number,
      'balance_before', entries.balance_before, 'delta', entries.delta, 'balance_after', entries.balance_after,
      'created_before', entries.created_before, 'created_at', entries.created_at)
  from entries
  where entries.entry_number <> entries.expected_number
    or entries.balance_after <> entries.balance_before + entries.delta
    or entries.created_at < entries.created_before
  union all
  select 'a settled request has the entry it was charged with', requests.user_id, requests.request_id,
    jsonb_build_object('charged', requests.charged, 'balance_after', requests.balance_after,
      'entries', requests.entries, 'delta', requests.delta, 'entry_balance_after', requests.entry_balance_after)
  from requests
  where requests.status = 'settled'
    and (requests.charged is null or requests.balance_after is null
      or (requests.charged = 0 and requests.entries > 0)
      or (requests.charged <> 0
        and (requests.delta is distinct from -requests.charged
          or requests.entry_balance_after is distinct from requests.balance_after)))
  union all
  select 'only a settled request has an entry', requests.user_id, requests.request_id,
    jsonb_build_object('status', requests.status, 'entries', requests.entries)
  from requests
  where requests.status <> 'settled' and requests.entries > 0
  union all
  select 'a request is charged at most once', requests.user_id, requests.request_id,
    jsonb_build_object('entries', requests.entries)
  from requests
  where requests.entries > 1
  union all
  select grants.invariant, grants.user_id, null, grants.details
  from private.verify_token_grants() as grants;
end;
$$;

comment on function public.verify_token_ledger() is
  'One row per broken invariant: whose, and how; no rows for a healthy database. Reads everything.';

create function public.verify_token_chain()
returns table (user_id uuid, entry_number bigint, request_id text, problem text)
language plpgsql -- Not sql: its plan is kept for the session, where making it takes longer than a small ledger's audit.
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with entries as (
    select history.*,
      coalesce(lag(history.entry_number) over entries_of_user, openings.entry_number, 0) as previous_number,
      coalesce(lag(history.chain) over entries_of_user, openings.chain) as previous_chain
    from public.token_balance_history as history
    left join token_history.openings using (user_id)
    window entries_of_user as (partition by history.user_id order by history.entry_number)
  ),
  newest as (
    select distinct on (ends.user_id) ends.*
    from (
      select history.user_id, history.entry_number, history.chain from public.token_balance_history as history
      union all
      select openings.user_id, openings.entry_number, openings.chain from token_history.openings
    ) as ends
    order by ends.user_id, ends.entry_number desc
  )
  select entries.user_id, entries.entry_number, entries.request_id,
    case when entries.entry_number <> entries.previous_number + 1
      then 'entries are missing before it' else 'it or the entry before it was changed' end
  from entries
  where entries.entry_number <> entries.previous_number + 1
    or entries.chain <> private.token_entry_chain(entries.previous_chain, entries.user_id, entries.entry_number,
      entries.delta, entries.balance_after, entries.created_at, entries.operation_type, entries.request_id,
      entries.metadata, entries.actor_id)
  union all
  select balances.user_id, balances.entry_count, null,
    case when balances.entry_count > coalesce(newest.entry_number, 0)
      then 'entries are missing at the end' else 'it is not the last charged entry' end
  from public.token_balances as balances
  left join newest using (user_id)
  where balances.entry_count > coalesce(newest.entry_number, 0)
    or balances.chain is distinct from newest.chain;
end;
$$;

comment on function public.verify_token_chain() is
  'One row for each entry that does not follow from the previous one, and for each history whose end is missing or '
  'differs; no rows unless somebody tampered with it. Reads everything.';

create function private.anchor_token_ledger()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_made_at constant timestamptz := now();
  v_after uuid;
  v_part record;
  v_part_number integer := 0;
  v_user_count bigint := 0;
  v_digest bytea := '\x'::bytea;
  v_anchor jsonb;
begin
  loop
    select count(*) as users, string_agg(page.line, '' order by page.user_id) as lines,
      (array_agg(page.user_id order by page.user_id desc))[1] as last
    into v_part
    from (
      select ends.user_id,
        format('{"user_id":"%s","entry_number":"%s","balance":"%s","granted":"%s","chain":"%s"}', ends.user_id,
          ends.entry_number, ends.balance, ends.granted, encode(ends.chain, 'hex')) || chr(10) as line
      from (
        (select balances.user_id, balances.entry_count as entry_number, balances.balance, balances.granted, balances.chain
        from public.token_balances as balances
        where v_after is null or balances.user_id > v_after
        order by balances.user_id limit 5000)
        union all
        (select openings.* from token_history.openings as openings
        where (v_after is null or openings.user_id > v_after)
          and not exists (select from public.token_balances as known where known.user_id = openings.user_id)
        order by openings.user_id limit 5000)
      ) as ends (user_id, entry_number, balance, granted, chain)
      order by ends.user_id limit 5000
    ) as page;
    exit when v_part.users = 0;
    v_part_number := v_part_number + 1;
    v_user_count := v_user_count + v_part.users;
    v_after := v_part.last;
    v_digest := sha256(v_digest || convert_to(v_part.lines, 'UTF8'));
    insert into token_history.anchors (made_at, part_number, lines, digest)
    values (v_made_at, v_part_number, v_part.lines, v_digest);
  end loop;
  delete from token_history.anchors where made_at < v_made_at - interval '3 days';
  v_anchor := jsonb_build_object('made_at', v_made_at, 'user_count', v_user_count, 'digest', encode(v_digest, 'hex'));
  perform private.emit_alert('ledger_anchor', 'ledger', v_anchor);
  return v_anchor;
end;
$$;

comment on function private.anchor_token_ledger() is
  'Records the end of every user''s history and the balance, and sends their digest as the alert ledger_anchor. To '
  'be run once a day; takes no lock that a charge needs. Returns made_at, user_count and digest.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function private.replay_difference(uuid), private.verify_token_grants() from public, anon, authenticated;

revoke execute on function public.verify_token_ledger(), public.verify_token_chain(), private.anchor_token_ledger()
from public, anon, authenticated;

grant execute on function
  public.verify_token_ledger(),
  public.verify_token_chain()
to service_role;

-- Types of alerts -----------------------------------------------------------------------------------------------

insert into public.alert_types (alert_type, scan, lost_without_receiver, description)
values ('ledger_anchor', null,
  'Only an anchor kept elsewhere shows that somebody rewrote a history together with its chain: docs/runbook.md',
  'The nightly digest of all users'' newest chains');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('anchor_token_ledger', '15 3 * * *', 'sql', 'private.anchor_token_ledger', false, null, 600000, '2 days',
    'Sends a digest of all histories out of the database, so that a rewritten history can be detected');

select private.install_schedule();
