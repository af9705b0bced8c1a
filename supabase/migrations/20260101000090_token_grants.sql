-- Grants: where a wallet's tokens come from, when they end, and which of them each charge took.
--
-- No charge writes here. All that a wallet ever spent is one axis (granted - balance of its row of token_balances), and between two
-- events of its grants the order of consumption is fixed: so what was spent since the last event is an interval of the axis,
-- and is allotted to grants at the next event. Everything here happens under the lock of the wallet's row of token_balances,
-- and knows nothing of that table.

-- Tables --------------------------------------------------------------------------------------------------------

create type public.token_grant_kind as enum ('promotion', 'rollover', 'refund', 'plan', 'paid');

comment on type public.token_grant_kind is
  'In the order in which grants of one priority and one end are spent: what was given before what was bought.';

create table public.token_grants (
  id bigint generated always as identity,
  wallet_id uuid not null,
  kind public.token_grant_kind not null,
  priority integer not null,
  amount bigint not null,
  remaining bigint not null default 0,
  refunded bigint not null default 0,
  expired bigint not null default 0,
  reversed bigint not null default 0,
  rolled_over bigint not null default 0,
  effective_at timestamptz not null,
  expires_at timestamptz not null default 'infinity',
  renewed_at timestamptz,
  entry_number bigint,
  source text collate "C",
  request_id text collate "C",
  metadata jsonb,
  created_at timestamptz not null default now(),
  constraint token_grants_pkey primary key (id),
  constraint token_grants_entry_number_once unique (wallet_id, entry_number),
  constraint token_grants_end_after_begin check (expires_at >= effective_at),
  constraint token_grants_amounts_not_negative check (
    amount >= 0 and remaining >= 0 and refunded >= 0 and expired >= 0 and reversed >= 0 and rolled_over >= 0)
);

-- Only of what is left: spent grants cost nothing, however many there are.
create index token_grants_order_idx on public.token_grants (wallet_id, priority, expires_at, kind, entry_number) where remaining > 0;
create index token_grants_end_idx on public.token_grants (expires_at) where remaining > 0;
create index token_grants_begin_idx on public.token_grants (effective_at, wallet_id) where entry_number is null;
create index token_grants_pending_idx on public.token_grants (wallet_id, effective_at, id) where entry_number is null;
create index token_grants_source_idx on public.token_grants (source, wallet_id) where source is not null;

comment on table public.token_grants is
  'Tokens that a wallet was given, sold or given back, with their end. They are spent in the order of priority, expires_at, kind, entry_number.';
comment on column public.token_grants.wallet_id is 'The user_id of token_balances: a user''s own wallet has the user''s id.';
comment on column public.token_grants.kind is 'Where it is from: bought, part of a plan, given, rolled over from a plan, or refunded.';
comment on column public.token_grants.priority is 'From 0, spent first, to 100.';
comment on column public.token_grants.amount is 'How many tokens it was when it was made.';
comment on column public.token_grants.remaining is
  'What is left of it as of the last event of the wallet''s grants, 0 before it begins; wallet_state() knows what is left now.';
comment on column public.token_grants.refunded is 'What was given back to it: refunds of charges that it had paid.';
comment on column public.token_grants.expired is 'What was left of it when it ended.';
comment on column public.token_grants.reversed is
  'What reversals of payments have taken from it: its own payment''s, another''s, or debts that it paid; without what was given back.';
comment on column public.token_grants.rolled_over is 'What a renewal took out of it into a grant of its own.';
comment on column public.token_grants.effective_at is 'From when on it counts: before that it is not part of the balance.';
comment on column public.token_grants.expires_at is
  'Its end; infinity: none. What is left then expires, unless a request that began before needs it; a renewal moves it to its own time.';
comment on column public.token_grants.renewed_at is 'When a renewal took over what it could of it, which happens once.';
comment on column public.token_grants.entry_number is
  'The entry of token_balance_history that added it, and by which entries name it; null: it has not begun.';
comment on column public.token_grants.source is
  'Payment, invoice or coupon: reversals of it take the grant back. A rollover and a refund have their origin''s. Null for a user who was forgotten.';
comment on column public.token_grants.request_id is 'The id under which it was made, once.';
comment on column public.token_grants.metadata is 'What its entry is to say, until it has begun; then the entry says it.';

create table private.token_grant_slices (
  wallet_id uuid not null,
  spent_from numeric not null,
  spent_to numeric not null,
  grant_id bigint not null,
  constraint token_grant_slices_pkey primary key (wallet_id, spent_to)
);

create index token_grant_slices_grant_id_idx on private.token_grant_slices (grant_id);

comment on table private.token_grant_slices is
  'Which grant paid for which part of all that a wallet ever spent, as far as it is allotted; without gap or overlap.';

comment on column private.token_grant_slices.wallet_id is 'The user_id of token_balances.';
comment on column private.token_grant_slices.spent_from is 'Where the part begins on the axis of all that was spent.';
comment on column private.token_grant_slices.spent_to is 'Where the part ends.';
comment on column private.token_grant_slices.grant_id is 'The grant that paid, of public.token_grants.';

create table private.token_grant_epochs (
  wallet_id uuid not null,
  first_entry_number bigint not null,
  granted numeric not null,
  allotted_to numeric not null,
  constraint token_grant_epochs_pkey primary key (wallet_id, first_entry_number)
);

comment on table private.token_grant_epochs is
  'Stretches of a wallet''s history between two events of its grants: granted - balance_after is where a charge of it ends on the axis '
  'of all that was spent.';
comment on column private.token_grant_epochs.wallet_id is 'The user_id of token_balances.';
comment on column private.token_grant_epochs.first_entry_number is 'The first entry of the wallet''s history in this stretch.';
comment on column private.token_grant_epochs.granted is 'token_balances.granted for the entries from this one on, up to the next epoch.';
comment on column private.token_grant_epochs.allotted_to is
  'Of the newest epoch: up to where on the axis what was spent is allotted to grants.';

create table private.token_refunds (
  refund_id text collate "C" not null,
  wallet_id uuid not null,
  request_id text collate "C" not null,
  charge_entry_number bigint not null,
  charged_at timestamptz not null,
  asked bigint,
  tokens bigint not null,
  balance_after bigint not null,
  reason text,
  created_at timestamptz not null,
  constraint token_refunds_pkey primary key (refund_id),
  constraint token_refunds_tokens_positive check (tokens > 0)
);

create index token_refunds_charge_idx on private.token_refunds (wallet_id, charge_entry_number);
create index token_refunds_charged_at_idx on private.token_refunds (wallet_id, charged_at);

comment on table private.token_refunds is 'What was given back of charges; kept for good, as a refund''s id counts once.';
comment on column private.token_refunds.refund_id is 'The refund''s own id, chosen by its caller.';
comment on column private.token_refunds.wallet_id is 'Whose charge it was: the user_id of token_balances.';
comment on column private.token_refunds.tokens is 'How many tokens were given back.';
comment on column private.token_refunds.charge_entry_number is 'The charge''s entry in the wallet''s history.';
comment on column private.token_refunds.charged_at is 'The time of that entry.';
comment on column private.token_refunds.asked is 'What was asked for; null: all that was left.';
comment on column private.token_refunds.reason is 'Why, in the words of whoever refunded; never personal data.';
comment on column private.token_refunds.balance_after is 'The balance once it was done.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.token_grants enable row level security;
alter table private.token_grant_slices enable row level security;
alter table private.token_grant_epochs enable row level security;
alter table private.token_refunds enable row level security;

-- A grant names its payment: members of a team read theirs through the function account, which leaves that out.
create policy "owners read their grants" on public.token_grants
  for select to authenticated using (wallet_id = (select auth.uid()));
create policy "nobody but the functions" on private.token_grant_slices using (false);
create policy "nobody but the functions" on private.token_grant_epochs using (false);
create policy "nobody but the functions" on private.token_refunds using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.operations_of_grants()
returns text[]
language sql
immutable
set search_path = ''
as $$
  select array['grant', 'expiry', 'refund', 'clawback', 'debt_payment', 'rollover'];
$$;

comment on function private.operations_of_grants() is
  'The operation types of entries that are no charges: no feature may be called so.';

create function private.allot_to_grants(
  p_wallet_id uuid,
  p_spent numeric,
  p_lived_at timestamptz default null,
  p_now timestamptz default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_epoch private.token_grant_epochs;
  v_grants refcursor;
  v_grant record;
  v_are_over boolean;
  v_part bigint;
  v_parts jsonb := '[]'::jsonb;
begin
  select * into v_epoch from private.token_grant_epochs
  where wallet_id = p_wallet_id
  order by first_entry_number desc
  limit 1;
  if v_epoch.allotted_to >= p_spent then
    return v_parts;
  end if;
  foreach v_are_over in array case when p_lived_at is null then array[false] else array[true, false] end loop
    if v_are_over then
      open v_grants for
        select id, entry_number, remaining from public.token_grants
        where wallet_id = p_wallet_id and remaining > 0 and expires_at > p_lived_at and expires_at <= p_now
        order by expires_at, priority, kind, entry_number;
    else
      open v_grants for
        select id, entry_number, remaining from public.token_grants
        where wallet_id = p_wallet_id and remaining > 0 and expires_at > coalesce(p_now, '-infinity')
        order by priority, expires_at, kind, entry_number;
    end if;
    -- One after the other, as long as something is to be allotted: each grant is used up once in its life.
    while v_epoch.allotted_to < p_spent loop
      fetch v_grants into v_grant;
      exit when not found;
      v_part := least(v_grant.remaining, p_spent - v_epoch.allotted_to);
      update public.token_grants set remaining = remaining - v_part where id = v_grant.id;
      insert into private.token_grant_slices (wallet_id, spent_from, spent_to, grant_id)
      values (p_wallet_id, v_epoch.allotted_to, v_epoch.allotted_to + v_part, v_grant.id);
      v_epoch.allotted_to := v_epoch.allotted_to + v_part;
      v_parts := v_parts || jsonb_build_object('grant', v_grant.entry_number, 'tokens', v_part);
    end loop;
    close v_grants;
  end loop;
  update private.token_grant_epochs
  set allotted_to = v_epoch.allotted_to
  where wallet_id = p_wallet_id and first_entry_number = v_epoch.first_entry_number;
  return v_parts;
end;
$$;

comment on function private.allot_to_grants(uuid, numeric, timestamptz, timestamptz) is
  'Allots what a wallet spent, up to a place of the axis, to its grants in their order. To a request that began while some lived (p_lived_at) '
  'that have ended now, those first, in the order of their ends. Returns [{"grant": the number of its entry, "tokens"}, …].';

create function private.parts_of_grants(p_grant_ids bigint[], p_tokens bigint[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('grant', grants.entry_number, 'tokens', parts.tokens) order by parts.place), '[]')
    from unnest(p_grant_ids, p_tokens) with ordinality as parts (grant_id, tokens, place)
    join public.token_grants as grants on grants.id = parts.grant_id
    where grants.entry_number is not null);
end;
$$;

comment on function private.parts_of_grants(bigint[], bigint[]) is
  'Tokens of grants as entries write them: [{"grant": the number of its entry, "tokens"}, …]. Those that have not begun are left out.';

create function private.description_of_grant(p_kind public.token_grant_kind, p_priority integer, p_expires_at timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return case when p_kind = 'paid' and p_priority = 50 and p_expires_at = 'infinity' then '{}'
    else jsonb_build_object('grant', jsonb_strip_nulls(jsonb_build_object('kind', p_kind, 'priority', p_priority,
      'expires_at', nullif(p_expires_at, 'infinity')))) end;
end;
$$;

comment on function private.description_of_grant(public.token_grant_kind, integer, timestamptz) is
  'What the metadata of the entry of a new grant says of it; nothing of a paid one of priority 50 without end.';

create function private.make_grant(
  p_wallet_id uuid,
  p_kind public.token_grant_kind,
  p_priority integer,
  p_amount bigint,
  p_effective_at timestamptz,
  p_expires_at timestamptz,
  p_source text,
  p_request_id text,
  p_metadata jsonb
)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_id bigint;
begin
  insert into public.token_grants
    (wallet_id, kind, priority, amount, effective_at, expires_at, source, request_id, metadata)
  values (p_wallet_id, p_kind, p_priority, p_amount, p_effective_at, p_expires_at, p_source, p_request_id,
    (p_metadata - array['grant', 'grants', 'debt']) || private.description_of_grant(p_kind, p_priority, p_expires_at))
  returning id into v_id;
  return v_id;
end;
$$;

comment on function private.make_grant(uuid, public.token_grant_kind, integer, bigint, timestamptz, timestamptz, text, text, jsonb) is
  'Makes a grant that begins at the next event of the wallet, apply_grant_events(), or at its own time if that is later.';

create function private.note_grant_epoch(p_wallet_id uuid, p_first_entry_number bigint, p_granted numeric, p_spent numeric)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_granted numeric;
begin
  select granted into v_granted from private.token_grant_epochs
  where wallet_id = p_wallet_id
  order by first_entry_number desc
  limit 1;
  if v_granted is distinct from p_granted then
    insert into private.token_grant_epochs (wallet_id, first_entry_number, granted, allotted_to)
    values (p_wallet_id, p_first_entry_number, p_granted, p_spent)
    on conflict (wallet_id, first_entry_number) do update
    set granted = excluded.granted, allotted_to = excluded.allotted_to;
  end if;
end;
$$;

comment on function private.note_grant_epoch(uuid, bigint, numeric, numeric) is
  'Ends an event of a wallet''s grants: from this entry on so much is granted, and what was spent so far is allotted.';

create function private.refunded_since_month(p_wallet_id uuid, p_today date)
returns table (this_month numeric, today numeric)
language sql
stable
set search_path = ''
as $$
  select coalesce(sum(tokens), 0),
    coalesce(sum(tokens) filter (where charged_at >= p_today::timestamp at time zone 'UTC'), 0)
  from private.token_refunds
  where wallet_id = p_wallet_id and charged_at >= date_trunc('month', p_today::timestamp) at time zone 'UTC';
$$;

comment on function private.refunded_since_month(uuid, date) is
  'What was given back of the charges of a day''s month, and of those since that day began (UTC).';

create function private.next_grant_event(p_wallet_id uuid)
returns timestamptz
language plpgsql
set search_path = ''
as $$
begin
  return (
    select least(
      coalesce((select min(expires_at) from public.token_grants where wallet_id = p_wallet_id and remaining > 0), 'infinity'),
      coalesce((select min(effective_at) from public.token_grants where wallet_id = p_wallet_id and entry_number is null), 'infinity')));
end;
$$;

comment on function private.next_grant_event(uuid) is
  'When the next of a wallet''s grants begins or ends; in the past while something of an ended one is kept. To be called once '
  'all that was spent is allotted.';

create function private.grants_left(p_wallet_id uuid, p_spent numeric)
returns table (grant_id bigint, tokens bigint)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select live.id,
    live.remaining - least(live.remaining, greatest(p_spent - coalesce(epoch.allotted_to, 0) - live.before, 0))::bigint
  from (
    select id, remaining, sum(remaining) over (order by priority, expires_at, kind, entry_number) - remaining as before
    from public.token_grants
    where wallet_id = p_wallet_id and remaining > 0
  ) as live
  left join lateral (
    select allotted_to from private.token_grant_epochs
    where wallet_id = p_wallet_id
    order by first_entry_number desc
    limit 1
  ) as epoch on true;
end;
$$;

comment on function private.grants_left(uuid, numeric) is
  'What is left of each of a wallet''s grants once it has spent so much in all, without writing that down.';

create function private.grants_of_spending(p_wallet_id uuid, p_spent_from numeric, p_spent_to numeric)
returns table (grant_id bigint, spent_from numeric, spent_to numeric)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
  select slices.grant_id, greatest(slices.spent_from, p_spent_from), least(slices.spent_to, p_spent_to)
  from private.token_grant_slices as slices
  where slices.wallet_id = p_wallet_id and slices.spent_to > p_spent_from
    and slices.spent_to <= coalesce(
      (select min(last.spent_to) from private.token_grant_slices as last
       where last.wallet_id = p_wallet_id and last.spent_to >= p_spent_to), 'Infinity')
  union all
  -- What is not allotted yet is, as things stand, of the grants in their order.
  select live.id, greatest(epoch.allotted_to + live.before, p_spent_from),
    least(epoch.allotted_to + live.before + live.remaining, p_spent_to)
  from (
    select id, remaining, sum(remaining) over (order by priority, expires_at, kind, entry_number) - remaining as before
    from public.token_grants
    where wallet_id = p_wallet_id and remaining > 0
  ) as live
  cross join lateral (
    select allotted_to from private.token_grant_epochs
    where wallet_id = p_wallet_id
    order by first_entry_number desc
    limit 1
  ) as epoch
  where epoch.allotted_to + live.before < p_spent_to and epoch.allotted_to + live.before + live.remaining > p_spent_from;
end;
$$;

comment on function private.grants_of_spending(uuid, numeric, numeric) is
  'Which grants paid for a part of all that a wallet spent, with the place of each on that axis.';

create function private.end_of_charge(p_wallet_id uuid, p_entry_number bigint, p_balance_after bigint)
returns numeric
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select granted - p_balance_after
    from private.token_grant_epochs
    where wallet_id = p_wallet_id and first_entry_number <= p_entry_number
    order by first_entry_number desc
    limit 1);
end;
$$;

comment on function private.end_of_charge(uuid, bigint, bigint) is
  'Where the charge of an entry ends on the axis of all that its wallet spent.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.token_grants to authenticated, service_role;

revoke execute on function
  private.operations_of_grants(),
  private.allot_to_grants(uuid, numeric, timestamptz, timestamptz),
  private.parts_of_grants(bigint[], bigint[]),
  private.description_of_grant(public.token_grant_kind, integer, timestamptz),
  private.make_grant(uuid, public.token_grant_kind, integer, bigint, timestamptz, timestamptz, text, text, jsonb),
  private.note_grant_epoch(uuid, bigint, numeric, numeric),
  private.refunded_since_month(uuid, date),
  private.next_grant_event(uuid),
  private.grants_left(uuid, numeric),
  private.grants_of_spending(uuid, numeric, numeric),
  private.end_of_charge(uuid, bigint, bigint)
from public, anon, authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.token_grants where wallet_id = gen_random_uuid() and remaining > 0 order by priority, expires_at, kind, entry_number;
  perform 1 from public.token_grants where expires_at <= now() and remaining > 0;
  perform 1 from public.token_grants where effective_at <= now() and entry_number is null order by effective_at, wallet_id;
  perform 1 from public.token_grants where wallet_id = gen_random_uuid() and entry_number is null order by effective_at, id;
  perform 1 from public.token_grants where source = 'none';
  perform 1 from private.token_grant_slices where grant_id = 0;
  perform 1 from private.token_refunds where wallet_id = gen_random_uuid() and charge_entry_number = 1;
  perform 1 from private.token_refunds where wallet_id = gen_random_uuid() and charged_at > now();
end;
$$;
