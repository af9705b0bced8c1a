-- Many requests in one transaction: one commit, one flush to disk and one round trip for all of them. Each request has the
-- outcome that it would have had alone, in the order of the batch.
--
-- Wallets are locked in the order of their ids, new ones included, so that two batches cannot wait for each other in a circle.
-- Only when two batches claim the same request ids for different users, crosswise, can Postgres end one of them as a deadlock (40P01);
-- nothing of it has happened then, and its requests can be sent again one by one.

-- Functions -----------------------------------------------------------------------------------------------------

create function private.lock_token_balances(p_users uuid[])
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_new_users uuid[];
begin
  -- A key that was inserted belongs to this transaction until its end, also when its row is deleted at once: who inserts it
  -- too waits, and each request still finds what it would have found alone. Before the first row is locked, so that who
  -- waits here has lower ids in its hands and nothing else.
  with made as (
    insert into public.token_balances (user_id)
    select users.user_id
    from unnest(p_users) as users (user_id)
    where users.user_id <> all(array(
      select known.user_id from public.token_balances as known where known.user_id = any(p_users)))
    order by users.user_id
    on conflict do nothing
    returning user_id
  )
  select array_agg(user_id) into v_new_users from made;
  if v_new_users is not null then
    delete from public.token_balances where user_id = any(v_new_users);
  end if;
  perform 1 from public.token_balances where user_id = any(p_users) order by user_id for update;
end;
$$;

comment on function private.lock_token_balances(uuid[]) is
  'Locks users'' balances in the order of their ids until the transaction ends. For users without a balance it '
  'prevents others from creating one.';

create function public.run_token_operations(p_operations jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_outcomes jsonb[] := array_fill(null::jsonb, array[jsonb_array_length(p_operations)]);
  v_users uuid[];
  v_admitted uuid[];
  v_index integer;
  v_operation jsonb;
begin
  -- Who is admitted takes from limits of its own; the wallet that pays may be another one.
  select array_agg(distinct case when operation = 'admit' then coalesce(wallet_id, user_id) else user_id end),
    array_agg(distinct user_id) filter (where operation = 'admit')
  into v_users, v_admitted
  from jsonb_to_recordset(p_operations) as (operation text, user_id uuid, wallet_id uuid)
  where user_id is not null;
  -- Arrays, here and below, as a join would read the whole table where it has some thousand rows.
  if v_admitted is not null then
    insert into private.request_counters (subject)
    select subject from unnest(v_admitted) as users (subject) order by subject
    on conflict do nothing;
    perform 1 from private.request_counters where subject = any(v_admitted) order by subject for update;
  end if;
  perform private.lock_token_balances(v_users);

  for v_index, v_operation in
    select ordinality, value from jsonb_array_elements(p_operations) with ordinality order by ordinality
  loop
    v_outcomes[v_index] := case v_operation ->> 'operation'
      when 'hold' then public.hold_tokens(
        v_operation ->> 'request_id', (v_operation ->> 'user_id')::uuid, (v_operation ->> 'token_amount')::numeric,
        v_operation ->> 'operation_type', v_operation ->> 'fingerprint', nullif(v_operation -> 'metadata', 'null'),
        coalesce((v_operation ->> 'time_to_live')::interval, '10 minutes'), (v_operation ->> 'run_id')::uuid,
        (v_operation ->> 'actor_id')::uuid)
      when 'admit' then public.admit_request(
        v_operation ->> 'request_id', (v_operation ->> 'user_id')::uuid, (v_operation ->> 'token_amount')::numeric,
        v_operation ->> 'operation_type', v_operation ->> 'fingerprint', nullif(v_operation -> 'metadata', 'null'),
        coalesce((v_operation ->> 'time_to_live')::interval, '10 minutes'), (v_operation ->> 'run_id')::uuid,
        (v_operation ->> 'wallet_id')::uuid)
      when 'settle' then public.settle_tokens(
        v_operation ->> 'request_id', (v_operation ->> 'user_id')::uuid, (v_operation ->> 'attempt')::integer,
        (v_operation ->> 'token_amount')::numeric, nullif(v_operation -> 'metadata', 'null'),
        v_operation ->> 'response_head')
      when 'release' then public.release_tokens(
        v_operation ->> 'request_id', (v_operation ->> 'user_id')::uuid, (v_operation ->> 'attempt')::integer,
        v_operation ->> 'reason', nullif(v_operation -> 'metadata', 'null'), (v_operation ->> 'run_id')::uuid)
      when 'consume' then public.consume_tokens_atomic(
        v_operation ->> 'request_id', (v_operation ->> 'user_id')::uuid, (v_operation ->> 'token_amount')::numeric,
        v_operation ->> 'operation_type', nullif(v_operation -> 'metadata', 'null'))
      else private.token_refusal(v_operation ->> 'request_id', 'invalid_request',
        'operation must be admit, hold, settle, release or consume')
    end;
  end loop;
  return to_jsonb(v_outcomes);
end;
$$;

comment on function public.run_token_operations(jsonb) is
  'Runs an array of {operation: admit | hold | settle | release | consume, request_id, user_id, …}; the other fields '
  'are named like the parameters of those functions. Returns the array of their outcomes.';

create function private.chain_token_entries(p_entries public.token_balance_history[])
returns setof public.token_balance_history
language plpgsql
immutable
rows 100
set search_path = ''
as $$
declare
  v_entry public.token_balance_history;
  v_user_id uuid;
  v_chain bytea;
begin
  foreach v_entry in array coalesce(p_entries, '{}') loop
    if v_entry.user_id is distinct from v_user_id then
      v_user_id := v_entry.user_id;
      v_chain := v_entry.chain;
    end if;
    v_chain := private.token_entry_chain(v_chain, v_entry.user_id, v_entry.entry_number, v_entry.delta,
      v_entry.balance_after, v_entry.created_at, v_entry.operation_type, v_entry.request_id, v_entry.metadata,
      v_entry.actor_id);
    v_entry.chain := v_chain;
    return next v_entry;
  end loop;
end;
$$;

comment on function private.chain_token_entries(public.token_balance_history[]) is
  'Chains new entries to each other, per user and in their order; the first entry of each user comes with the chain '
  'that it follows.';

create function public.consume_tokens_batch(p_requests jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set enable_hashjoin = off -- A batch looks its users up one by one: their table is never small for long.
set enable_mergejoin = off
as $$
declare
  v_users uuid[];
  v_outcomes jsonb[];
  v_index integer;
  v_request jsonb;
  v_now timestamptz;
begin
  -- A statement of its own, so that the next one sees all that was charged while this one waited.
  select array_agg(distinct user_id) into v_users from jsonb_to_recordset(p_requests) as (user_id uuid)
  where user_id is not null;
  perform private.lock_token_balances(v_users);
  v_now := clock_timestamp(); -- Once for all: each request of a user is judged as the others are.

  begin
    with requests as (
      select ordinality as index, request_id, user_id, token_amount, operation_type, metadata,
        private.token_request_problem(request_id, user_id, token_amount, operation_type, metadata) is null
          and count(*) over (partition by request_id) = 1 as is_valid
      from rows from (
        jsonb_to_recordset(p_requests) as (request_id text, user_id uuid, token_amount numeric, operation_type text,
          metadata jsonb)
      ) with ordinality
    ),
    -- A user whose requests are all new and can all be paid needs no second look at each of them.
    judged as materialized (
      select requests.*, balances.balance, balances.entry_count, balances.chain,
        greatest(balances.updated_at, now()) as charged_at,
        sum(requests.token_amount) over user_so_far as spent,
        row_number() over user_so_far as number,
        coalesce(
          bool_and(requests.is_valid and locks.request_id is null) over all_of_user
            and sum(requests.token_amount) over all_of_user <= balances.balance - balances.held
            and balances.next_expiry_at > v_now
            and not balances.is_closed,
          false) as is_simple
      from requests
      left join public.token_balances as balances using (user_id)
      left join public.token_consumption_locks as locks on locks.request_id = requests.request_id
      window
        all_of_user as (partition by requests.user_id),
        user_so_far as (partition by requests.user_id order by requests.index)
    ),
    entries as materialized (
      select *
      from private.chain_token_entries((
        select array_agg((user_id, entry_count + number, -token_amount, balance - spent, charged_at, operation_type,
          request_id, metadata, chain, null)::public.token_balance_history order by user_id, number)
        from judged
        where is_simple))
    ),
    charged as (
      update public.token_balances as balances
      set balance = newest.balance_after, entry_count = newest.entry_number, chain = newest.chain,
        updated_at = newest.created_at
      from (select distinct on (user_id) * from entries order by user_id, entry_number desc) as newest
      where balances.user_id = newest.user_id
    ),
    claimed as (
      insert into public.token_consumption_locks
        (request_id, user_id, operation_type, amount, charged, balance_after, status, expires_at)
      select request_id, user_id, operation_type, -delta, -delta, balance_after, 'settled', now()
      from entries
      order by request_id
    ),
    entered as (
      insert into public.token_balance_history
      select * from entries
      order by user_id, entry_number
    )
    select array_agg(
      case when is_simple then jsonb_build_object('success', true, 'duplicate', false, 'error', null,
        'charged', token_amount::bigint, 'balance', (balance - spent)::bigint, 'request_id', request_id) end
      order by index)
    into v_outcomes
    from judged;
  exception when unique_violation then
    -- Another user claims one of the ids at this moment: every request is looked at alone.
    v_outcomes := array_fill(null::jsonb, array[jsonb_array_length(p_requests)]);
  end;

  for v_index, v_request in
    select ordinality, value
    from jsonb_array_elements(p_requests) with ordinality
    where v_outcomes[ordinality] is null
    order by ordinality
  loop
    v_outcomes[v_index] := public.consume_tokens_atomic(v_request ->> 'request_id', (v_request ->> 'user_id')::uuid,
      (v_request ->> 'token_amount')::numeric, v_request ->> 'operation_type',
      nullif(v_request -> 'metadata', 'null'));
  end loop;
  return coalesce(to_jsonb(v_outcomes), '[]');
end;
$$;

comment on function public.consume_tokens_batch(jsonb) is
  'Charges an array of {request_id, user_id, token_amount, operation_type, metadata?} and returns the array of '
  'outcomes that consume_tokens_atomic would have returned one after the other.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.lock_token_balances(uuid[]),
  private.chain_token_entries(public.token_balance_history[]),
  public.run_token_operations(jsonb),
  public.consume_tokens_batch(jsonb)
from public, anon, authenticated;

grant execute on function public.run_token_operations(jsonb), public.consume_tokens_batch(jsonb)
to service_role;
