-- The ledger: what a user owns, what is held for requests that run, and every change there ever was.
--
-- One rule makes it right under any race: whoever changes a user's tokens first locks that user's row of
-- token_balances, and only then looks at or writes that user's requests. A request that is new, as nearly all are,
-- takes the lock with the update itself and is charged in three writes.

-- Tables --------------------------------------------------------------------------------------------------------

create table public.token_balances (
  user_id uuid not null,
  balance bigint not null default 0,
  held bigint not null default 0,
  granted numeric not null default 0,
  entry_count bigint not null default 0,
  chain bytea,
  previous_chain bytea,
  is_closed boolean not null default false,
  next_expiry_at timestamptz not null default 'infinity',
  debt bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint token_balances_pkey primary key (user_id),
  constraint token_balances_held_within_balance check (0 <= held and held <= balance)
) with (fillfactor = 50); -- Each charge rewrites the row: room on the page keeps that off the index.

comment on table public.token_balances is
  'The balance of each wallet. No foreign key to auth.users: a balance outlives its account.';
comment on column public.token_balances.user_id is
  'The wallet: a user''s own has the id of its user, a team''s has an id of its own in private.wallets.';
comment on column public.token_balances.balance is 'Tokens owned; the sum of the deltas in token_balance_history.';
comment on column public.token_balances.held is
  'The part of balance that running requests have reserved; the sum of the open holds. Available = balance - held.';
comment on column public.token_balances.granted is
  'The sum of all in token_balance_history that are no charges: what was granted and refunded, without what expired or was clawed '
  'back. Less the balance it is all that was ever spent by charges, which never falls.';
comment on column public.token_balances.next_expiry_at is
  'The next time at which a grant of it begins or ends, or earlier; who is past it applies what is due first. In the past while '
  'running requests keep tokens of a grant that has ended, or from a debt.';
comment on column public.token_balances.debt is
  'What reversals of payments could not take back: the sum of token_payments.debt. The next grant pays it first.';
comment on column public.token_balances.entry_count is 'Number of the user''s newest entry in token_balance_history.';
comment on column public.token_balances.chain is 'The chain of the user''s newest entry in token_balance_history.';
comment on column public.token_balances.previous_chain is
  'The chain before the newest entry, for a charge that removes its entry again because the request is already '
  'known.';
comment on column public.token_balances.is_closed is
  'The user was forgotten: nothing more is held or charged, and no response is kept. It is stored here rather than '
  'in token_accounts because a transaction that waited for this row''s lock sees the newest value of this row, but '
  'old values of other tables.';
comment on column public.token_balances.updated_at is
  'Never goes back: the time of the newest entry, or of what happened to a grant or beside it since. No entry comes before it.';

create schema token_history;

comment on schema token_history is
  'The monthly partitions of public.token_balance_history. Only the tables'' owner may use it.';

create table public.token_balance_history (
  user_id uuid not null,
  entry_number bigint not null,
  delta bigint not null,
  balance_after bigint not null,
  created_at timestamptz not null,
  operation_type text not null,
  request_id text collate "C",
  metadata jsonb,
  chain bytea not null,
  actor_id uuid
) partition by range (created_at);

create table token_history.other_months partition of public.token_balance_history (
  constraint other_months_pkey primary key (user_id, entry_number)
) default;

comment on table public.token_balance_history is
  'The ledger: one row per change of a balance, never updated, never deleted. One partition per month.';
comment on column public.token_balance_history.entry_number is 'Numbers a user''s entries from 1 without a gap.';
comment on column public.token_balance_history.delta is 'Tokens added (positive) or charged (negative).';
comment on column public.token_balance_history.created_at is 'Never before the user''s previous entry.';
comment on column public.token_balance_history.operation_type is
  'The feature that was charged; or grant, expiry, refund, clawback, debt_payment, rollover: operations_of_grants().';
comment on column public.token_balance_history.metadata is
  'Price and usage of a charge, reason of a grant. Of entries about grants: grant, what the grant that it makes is where it differs '
  'from a paid one of priority 50 without end; grants, [{"grant", "tokens"}], what it takes from or gives to others, named by the numbers of '
  'their entries; debt, what the wallet owes then. grants of a charge too that kept tokens of a grant that had ended. Never '
  'personal data: the row outlives the account.';
comment on column public.token_balance_history.chain is
  'Digest of the previous entry''s chain and this entry: reveals entries that a superuser changed, removed or '
  'inserted.';
comment on column public.token_balance_history.actor_id is
  'The member of a team who spent its tokens. Null: the user whose wallet it is, or a server.';
comment on table token_history.other_months is
  'Takes the entries of a month that has no partition, which happens only if prepare_token_history did not run for a '
  'year.';

create type public.token_lock_status as enum ('held', 'settled', 'released', 'expired');

create table public.token_consumption_locks (
  user_id uuid not null,
  run_id uuid,
  actor_id uuid,
  amount bigint not null,
  charged bigint,
  balance_after bigint,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  attempt integer not null default 1,
  status public.token_lock_status not null,
  request_id text collate "C" not null,
  operation_type text not null,
  fingerprint text,
  metadata jsonb,
  response text,
  constraint token_consumption_locks_pkey primary key (request_id)
);

create index token_consumption_locks_open_holds_idx on public.token_consumption_locks (user_id, expires_at)
  where status = 'held';
create index token_consumption_locks_user_id_idx on public.token_consumption_locks (user_id);

comment on table public.token_consumption_locks is
  'One row per request: makes it run and be charged at most once, and keeps its response for a retry.';
comment on column public.token_consumption_locks.run_id is
  'The caller''s run that made the hold. If the same run asks again it gets the same attempt, as it may not have '
  'received the first response. Null once settled.';
comment on column public.token_consumption_locks.actor_id is
  'The member who made the request, if a team''s wallet pays. Null: the user whose wallet it is, or a server.';
comment on column public.token_consumption_locks.amount is
  'Tokens held: the most that the request may cost. For a charge or grant in one step, its amount.';
comment on column public.token_consumption_locks.charged is 'Tokens charged by the settlement; negative for a grant.';
comment on column public.token_consumption_locks.balance_after is 'The user''s balance right after the settlement.';
comment on column public.token_consumption_locks.expires_at is
  'For a hold: when it expires. For all others: when they ended; their outcome is kept for '
  'token_settings.lock_retention from then on. Infinity for grants, which are kept forever.';
comment on column public.token_consumption_locks.attempt is
  'Fencing number: counts the runs of this id, so that an abandoned run cannot settle. 0: nothing was ever held, and '
  'the run of run_id was abandoned before its hold arrived, so it may not hold; the row says nothing else about the '
  'request.';
comment on column public.token_consumption_locks.fingerprint is
  'Digest of the request''s content; the same id with other content is refused.';
comment on column public.token_consumption_locks.response is 'The response body, byte for byte, at most 256 KiB.';

comment on column public.token_consumption_locks.created_at is
  'When the request, or its newest attempt, was held: it may take tokens of grants that end later.';

create table public.token_anomalies (
  id bigint generated always as identity,
  user_id uuid not null,
  anomaly_type text not null,
  severity text not null,
  occurrence text not null,
  details jsonb not null default '{}',
  created_at timestamptz not null default now(),
  resolved_at timestamptz,
  constraint token_anomalies_pkey primary key (id),
  constraint token_anomalies_recorded_once unique (user_id, anomaly_type, occurrence),
  constraint token_anomalies_severity_known check (severity in ('info', 'warning', 'critical'))
);

create index token_anomalies_day_idx on public.token_anomalies
  (user_id, anomaly_type, ((created_at at time zone 'UTC')::date));

comment on table public.token_anomalies is 'Suspicious events, for an operator to examine and resolve.';
comment on column public.token_anomalies.occurrence is
  'Identifies the case: the request id, or the start of the time window. Recording it again changes nothing.';
comment on column public.token_anomalies.details is 'The evidence.';

create table private.token_settings (
  id boolean not null default true,
  lock_retention interval not null default '24 hours',
  cleanup_page bigint not null default 0,
  history_begins_at timestamptz not null default '-infinity',
  refund_lifetime interval not null default '7 days',
  rollover_grace interval not null default '3 days',
  constraint token_settings_pkey primary key (id),
  constraint token_settings_one_row check (id),
  constraint token_settings_lock_retention_at_least_a_day check (lock_retention >= '24 hours'),
  constraint token_settings_refund_lifetime_positive check (refund_lifetime > '0'),
  constraint token_settings_rollover_grace_not_negative check (rollover_grace >= '0')
);

comment on table private.token_settings is 'Settings of the ledger, changed by an operator in SQL, in one row.';
comment on column private.token_settings.lock_retention is
  'How long a request''s outcome is kept after it ended, for clients that retry.';

comment on column private.token_settings.cleanup_page is
  'The page of token_consumption_locks where the next cleanup continues.';
comment on column private.token_settings.refund_lifetime is
  'How long tokens live that are given back to a grant that has ended meanwhile.';
comment on column private.token_settings.rollover_grace is
  'How long after the end of a plan''s grant a renewal still takes over what expired of it: its payment may be told late.';
comment on column private.token_settings.history_begins_at is
  'Entries before this time are archived; token_history.openings has their sums.';

insert into private.token_settings default values;

-- Policies ------------------------------------------------------------------------------------------------------

alter table public.token_balances enable row level security;
alter table public.token_balance_history enable row level security;
alter table public.token_consumption_locks enable row level security;
alter table public.token_anomalies enable row level security;
alter table private.token_settings enable row level security;

-- A user's own rows are found first, and then nobody asks for teams.
create policy "owners and members read the balance" on public.token_balances
  for select to authenticated
  using (user_id = (select auth.uid()) or user_id = any((select private.shared_wallets())::uuid[]));
create policy "owners and members read the history" on public.token_balance_history
  for select to authenticated
  using (user_id = (select auth.uid()) or user_id = any((select private.shared_wallets())::uuid[]));
-- A stored answer is for who asked, not for the team.
create policy "who asked reads the request" on public.token_consumption_locks
  for select to authenticated
  using ((user_id = (select auth.uid()) or user_id = any((select private.once_shared_wallets())::uuid[]))
    and coalesce(actor_id, user_id) = (select auth.uid()));
create policy "owners read their anomalies" on public.token_anomalies
  for select to authenticated using (user_id = (select auth.uid()));
create policy "servers read the settings" on private.token_settings
  for select to service_role using (true);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.forbid_token_history_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'token_balance_history is append-only: % is not possible', lower(tg_op)
    using errcode = 'insufficient_privilege';
end;
$$;

comment on function private.forbid_token_history_change() is
  'Refuses changes of ledger entries, also by the tables'' owner.';

create trigger token_balance_history_append_only
  before update or delete or truncate on public.token_balance_history
  for each statement execute function private.forbid_token_history_change();

create trigger other_months_append_only
  before update or delete or truncate on token_history.other_months
  for each statement execute function private.forbid_token_history_change();

create function token_history.alter_briefly(p_commands text)
returns void
language plpgsql
set search_path = ''
set lock_timeout = '100ms'
as $$
begin
  for v_try in 1..100 loop
    begin
      execute p_commands;
      return;
    exception when lock_not_available then
      if v_try = 100 then raise; end if;
    end;
    perform pg_sleep(0.2);
  end loop;
end;
$$;

comment on function token_history.alter_briefly(text) is
  'Runs commands that only change the catalog, but whose lock blocks charges. Waits 100 ms at a time for the lock, '
  'because others queue behind it, and raises lock_not_available after half a minute.';

create function private.prepare_token_history(p_months integer default 12, p_may_block boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_month timestamp;
  v_name text;
  v_prepared_count integer := 0;
begin
  if not pg_try_advisory_xact_lock(hashtext('the months of token_history')) then
    return jsonb_build_object('success', false, 'error', 'request_in_progress', 'prepared', 0,
      'message', 'The months are being changed');
  end if;
  for v_month in
    select generate_series(date_trunc('month', now() at time zone 'UTC'),
      now() at time zone 'UTC' + make_interval(months => p_months), '1 month')
  loop
    v_name := to_char(v_month, '"month_"YYYY_MM');
    continue when to_regclass('token_history.' || v_name) is not null;
    -- Attaching a month reads other_months with its lock taken: of 16 MiB it takes some milliseconds.
    if not p_may_block and pg_relation_size('token_history.other_months') > 16777216 then
      return jsonb_build_object('success', false, 'error', 'other_months_too_large', 'prepared', v_prepared_count,
        'message', 'Run split_other_months() first; docs/runbook.md says what to do where it answers month_not_over');
    end if;
    begin
      -- Made first and attached then: creating it as a partition would lock out every charge.
      perform token_history.alter_briefly(format(
        'create table token_history.%1$I (like public.token_balance_history including defaults, primary key (user_id, entry_number));
         create trigger %2$I before update or delete or truncate on token_history.%1$I
           for each statement execute function private.forbid_token_history_change();
         alter table public.token_balance_history attach partition token_history.%1$I for values from (%3$L) to (%4$L)',
        v_name, v_name || '_append_only', v_month at time zone 'UTC',
        (v_month + interval '1 month') at time zone 'UTC'));
      v_prepared_count := v_prepared_count + 1;
    exception when check_violation then
      null; -- Entries of this month are in other_months already: they stay there, and so do those to come.
    end;
  end loop;
  return jsonb_build_object('success', true, 'error', null, 'prepared', v_prepared_count);
end;
$$;

comment on function private.prepare_token_history(integer, boolean) is
  'Creates the missing partitions of token_balance_history for this month and the next ones. To be run once a day. '
  'If it does not run for a year nothing is lost: token_history.other_months takes the entries, and '
  'split_other_months() moves them into partitions once their month is over. Returns success, error and prepared '
  '(how many it created). Errors: request_in_progress; other_months_too_large: reading them would block writers for '
  'too long, which p_may_block allows.';

create function private.token_entry_chain(
  p_previous bytea,
  p_user_id uuid,
  p_entry_number bigint,
  p_delta bigint,
  p_balance_after bigint,
  p_created_at timestamptz,
  p_operation_type text,
  p_request_id text,
  p_metadata jsonb,
  p_actor_id uuid default null
)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return substring(
    sha256(coalesce(p_previous, '') || convert_to(concat_ws('|', p_user_id, p_actor_id, p_entry_number, p_delta, p_balance_after,
      extract(epoch from p_created_at), char_length(p_operation_type), p_operation_type,
      coalesce(char_length(p_request_id), 0), p_request_id, p_metadata), 'UTF8'))
    for 16);
end;
$$;

comment on function private.token_entry_chain(bytea, uuid, bigint, bigint, bigint, timestamptz, text, text, jsonb, uuid) is
  'The chain of an entry that follows an entry with the given chain (null for the first): the first 16 bytes of a '
  'SHA-256.';

create function private.post_token_entry(
  p_user_id uuid,
  p_delta bigint,
  p_released bigint,
  p_operation_type text,
  p_request_id text,
  p_metadata jsonb,
  p_actor_id uuid default null
)
returns public.token_balances
language plpgsql
set search_path = ''
as $$
declare
  v_balance public.token_balances;
begin
  update public.token_balances
  set balance = balance + p_delta, held = held - p_released,
    granted = granted + case when p_operation_type = any(private.operations_of_grants()) then p_delta else 0 end,
    entry_count = entry_count + 1,
    chain = private.token_entry_chain(chain, user_id, entry_count + 1, p_delta, balance + p_delta,
      greatest(updated_at, now()), p_operation_type, p_request_id, p_metadata, p_actor_id),
    updated_at = greatest(updated_at, now())
  where user_id = p_user_id
  returning * into v_balance;
  insert into public.token_balance_history
    (user_id, entry_number, delta, balance_after, created_at, operation_type, request_id, metadata, chain, actor_id)
  values (p_user_id, v_balance.entry_count, p_delta, v_balance.balance, v_balance.updated_at, p_operation_type,
    p_request_id, p_metadata, v_balance.chain, p_actor_id);
  return v_balance;
end;
$$;

comment on function private.post_token_entry(uuid, bigint, bigint, text, text, jsonb, uuid) is
  'Writes a ledger entry: adds the delta to the user''s balance, reduces the held tokens by its hold, chains the '
  'entry to the previous one, and returns the new balance. The caller has locked the balance and knows that it '
  'suffices. Only consume_tokens_atomic and consume_tokens_batch write entries of their own: see '
  'docs/decisions/ledger.md.';

create function private.token_refusal(
  p_request_id text,
  p_error text,
  p_message text,
  p_balance bigint default null,
  p_details jsonb default '{}'
)
returns jsonb
language plpgsql -- Not sql: Postgres would plan it anew for each call, as a function with settings is not inlined.
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object('success', false, 'duplicate', false, 'error', p_error, 'message', p_message,
    'charged', 0, 'balance', p_balance, 'request_id', p_request_id) || p_details;
end;
$$;

comment on function private.token_refusal(text, text, text, bigint, jsonb) is
  'The outcome of a request that changed nothing: error code, message, and further fields for the caller.';

create function private.member_refusal(
  p_request_id text,
  p_wallet_id uuid,
  p_actor_id uuid,
  p_amount numeric,
  p_is_locked boolean default true
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_member private.wallet_members;
  v_month constant date := private.month_of(clock_timestamp());
  v_spent bigint;
  v_held bigint := 0;
begin
  select * into v_member from private.wallet_members
  where wallet_id = p_wallet_id and user_id = p_actor_id and removed_at is null;
  if not found then
    return private.token_refusal(p_request_id, 'forbidden', 'You are not a member of this wallet');
  elsif v_member.role = 'viewer' then
    return private.token_refusal(p_request_id, 'forbidden', 'A viewer of this wallet does not spend from it');
  end if;
  v_spent := case when v_member.month >= v_month then v_member.spent else 0 end;
  if p_is_locked then -- Otherwise holds that outlived their time may be among them.
    v_held := v_member.held;
  end if;
  if p_amount + v_spent + v_held > v_member.monthly_cap_tokens then
    return private.token_refusal(p_request_id, 'member_cap_reached',
      format('Your cap in this wallet is %s tokens a month; spent or held are %s, this request may need %s',
        v_member.monthly_cap_tokens, v_spent + v_member.held, p_amount),
      null,
      jsonb_build_object('cap_tokens', v_member.monthly_cap_tokens, 'spent', v_spent, 'held', v_member.held,
        'required', p_amount, 'resets_at', (v_month + interval '1 month') at time zone 'UTC'));
  end if;
  return null;
end;
$$;

comment on function private.member_refusal(text, uuid, uuid, numeric, boolean) is
  'Why somebody may not spend so much from a team''s wallet, as an outcome: forbidden, or member_cap_reached; null where it '
  'may. Who is no member learns nothing of the wallet. Without the wallet''s lock what is held counts not yet.';

create function private.token_request_problem(
  p_request_id text,
  p_user_id uuid,
  p_token_amount numeric,
  p_operation_type text,
  p_metadata jsonb
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when (p_request_id <> '' and char_length(p_request_id) <= 255) is not true
      then 'request_id must have 1 to 255 characters'
    when p_user_id is null then 'user_id is missing'
    when (p_operation_type <> '' and char_length(p_operation_type) <= 100) is not true
      then 'operation_type must have 1 to 100 characters'
    when p_operation_type = any(private.operations_of_grants()) then 'operation_type ' || p_operation_type || ' is reserved'
    -- The largest that every reader of JSON keeps exact.
    when (p_token_amount = least(greatest(trunc(p_token_amount), 1), 9007199254740991)) is not true
      then 'token_amount must be a whole number from 1 to 9007199254740991'
    when not p_metadata @> '{}' then 'metadata must be an object'
  end;
end;
$$;

comment on function private.token_request_problem(text, uuid, numeric, text, jsonb) is
  'Why a request is invalid whatever the balance (no id, amount 0, …); null for a valid one.';

create function private.anomalies_about_ledger()
returns text[]
language sql
immutable
set search_path = ''
as $$
  select array['ledger_mismatch', 'ledger_tampered', 'shortfall', 'usage_unknown'];
$$;

comment on function private.anomalies_about_ledger() is
  'The types of anomaly about the ledger itself, which stay when their user is forgotten; the others are about what '
  'a person did.';

create function public.record_token_anomaly(
  p_user_id uuid,
  p_anomaly_type text,
  p_severity text,
  p_occurrence text,
  p_details jsonb default '{}'
)
returns void
language sql
security definer
set search_path = ''
as $$
  insert into public.token_anomalies (user_id, anomaly_type, severity, occurrence, details)
  select p_user_id, p_anomaly_type, p_severity, p_occurrence, p_details
  where (p_severity = 'critical'
    or (select count(*) from (
      select from public.token_anomalies
      where user_id = p_user_id and anomaly_type = p_anomaly_type
        and (created_at at time zone 'UTC')::date = (now() at time zone 'UTC')::date
      limit 100
    ) as of_today) < 100)
    and (p_anomaly_type = any(private.anomalies_about_ledger())
      or not exists (select from public.token_balances where user_id = p_user_id and is_closed))
  on conflict do nothing;
$$;

comment on function public.record_token_anomaly(uuid, text, text, text, jsonb) is
  'Records an anomaly once per user, type and occurrence. Severity: info, warning or critical. At most 100 a day are '
  'recorded per user and type, critical ones aside: more would tell an operator nothing new. For a forgotten user '
  'only anomalies about the ledger are recorded.';

create function private.record_request_excess(p_user_id uuid, p_kind text, p_limit jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_window_s constant double precision := greatest((p_limit ->> 'window_s')::double precision, 60);
  v_occurrence constant text := concat_ws(' ', p_limit ->> 'name', v_window_s || 's',
    floor(extract(epoch from now()) / v_window_s));
begin
  -- Looked up first: an insert that conflicts would write to the table all the same.
  if not exists (
    select from public.token_anomalies
    where user_id = p_user_id and anomaly_type = p_kind and occurrence = v_occurrence
  ) then
    perform public.record_token_anomaly(p_user_id, p_kind, 'warning', v_occurrence,
      jsonb_build_object('limit', p_limit ->> 'name', 'quota', p_limit -> 'quota', 'window_s', p_limit -> 'window_s'));
  end if;
end;
$$;

comment on function private.record_request_excess(uuid, text, jsonb) is
  'Records, once per window, that a user exceeded a rate limit or kept asking for what it cannot pay.';

create function private.count_user_failure(p_user_id uuid, p_kind text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_quota jsonb;
begin
  v_quota := public.take_rate_limits(jsonb_build_array(jsonb_build_object('name', p_kind,
    'key', p_kind || ' ' || p_user_id, 'quota', 20, 'window_s', 3600)));
  if not (v_quota ->> 'allowed')::boolean then
    perform private.record_request_excess(p_user_id, p_kind, v_quota #> '{limits,0}');
  end if;
end;
$$;

comment on function private.count_user_failure(uuid, text) is
  'Counts a failed request of a user. More than 20 of a kind within an hour are recorded as an anomaly, once an '
  'hour: insufficient_tokens for requests that the user could not pay, paid_failures for those that failed after a '
  'provider was paid, charged or not.';

create function private.expire_token_holds_of(p_user_id uuid, p_now timestamptz)
returns public.token_balances
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_balance public.token_balances;
  v_expired bigint;
  v_by_members jsonb;
begin
  select * into v_balance from public.token_balances where user_id = p_user_id for update;
  with expired as (
    update public.token_consumption_locks
    set status = 'expired', expires_at = p_now
    where user_id = p_user_id and status = 'held' and expires_at <= p_now
    returning amount, actor_id
  )
  select sum(amount), jsonb_agg(expired) filter (where actor_id is not null) into v_expired, v_by_members from expired;
  if v_expired > 0 then
    if v_by_members is not null then
      perform private.give_back_member_holds(p_user_id, v_by_members);
    end if;
    update public.token_balances
    set held = held - v_expired
    where user_id = p_user_id
    returning * into v_balance;
  end if;
  return v_balance;
end;
$$;

comment on function private.expire_token_holds_of(uuid, timestamptz) is
  'Releases a user''s holds that have expired by a time. Returns the user''s balance row, locked.';

create function private.free_grants(p_wallet_id uuid, p_now timestamptz)
returns table (grant_id bigint, tokens bigint)
language plpgsql
set search_path = ''
as $$
declare
  v_ids bigint[];
  v_left bigint[];
  v_ends timestamptz[];
  v_hold record;
  v_first integer := 1;
  v_count integer;
  v_part bigint;
begin
  -- Those that have ended first, in the order of their ends: what is kept of them stays kept, whatever comes meanwhile.
  select array_agg(id order by ended_at, priority, expires_at, kind, entry_number),
    array_agg(remaining order by ended_at, priority, expires_at, kind, entry_number),
    array_agg(expires_at order by ended_at, priority, expires_at, kind, entry_number)
  into v_ids, v_left, v_ends
  from (
    select *, case when expires_at <= p_now then expires_at else 'infinity' end as ended_at
    from public.token_grants
    where wallet_id = p_wallet_id and remaining > 0
  ) as owned;
  v_count := coalesce(cardinality(v_ids), 0);
  for v_hold in
    select amount, created_at from public.token_consumption_locks
    where user_id = p_wallet_id and status = 'held'
    order by created_at, request_id
  loop
    -- What had ended for one had ended for all that began later: none looks at a grant that another one has passed.
    while v_hold.amount > 0 and v_first <= v_count loop
      v_part := case when v_ends[v_first] > v_hold.created_at then least(v_left[v_first], v_hold.amount) else 0 end;
      v_left[v_first] := v_left[v_first] - v_part;
      v_hold.amount := v_hold.amount - v_part;
      if v_hold.amount > 0 then
        v_first := v_first + 1;
      end if;
    end loop;
  end loop;
  return query
  select free.id, free.tokens from unnest(v_ids, v_left) as free (id, tokens) where free.tokens > 0;
end;
$$;

comment on function private.free_grants(uuid, timestamptz) is
  'What of each of a wallet''s grants no running request needs at a time, all of them allotted and none expired: those that began first choose '
  'first, each of the grants that ended after it began; what has ended meanwhile before the rest, in the order of consumption.';

create function private.enter_debt_payment(p_wallet_id uuid, p_grant_ids bigint[], p_tokens bigint[])
returns public.token_balances
language plpgsql
set search_path = ''
as $$
declare
  v_paid constant bigint := (select sum(tokens) from unnest(p_tokens) as paid (tokens));
  v_debt bigint;
begin
  update public.token_balances set debt = debt - v_paid where user_id = p_wallet_id returning debt into v_debt;
  return private.post_token_entry(p_wallet_id, -v_paid, 0, 'debt_payment', null,
    jsonb_build_object('grants', private.parts_of_grants(p_grant_ids, p_tokens), 'debt', v_debt));
end;
$$;

comment on function private.enter_debt_payment(uuid, bigint[], bigint[]) is
  'Writes the entry of a debt that so many tokens of each of some grants have paid.';

create function private.pay_debt_from_grants(p_wallet_id uuid, p_grant_ids bigint[], p_tokens bigint[])
returns public.token_balances
language plpgsql
set search_path = ''
as $$
begin
  perform private.pay_token_debts(p_wallet_id, grant_id, tokens)
  from unnest(p_grant_ids, p_tokens) as paid (grant_id, tokens);
  return private.enter_debt_payment(p_wallet_id, p_grant_ids, p_tokens);
end;
$$;

comment on function private.pay_debt_from_grants(uuid, bigint[], bigint[]) is
  'Pays a wallet''s debt by so many tokens of each of some grants.';

create function private.begin_grant(p_grant_id bigint, p_operation_type text default 'grant')
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_grant public.token_grants;
  v_tokens bigint;
  v_balance public.token_balances;
  v_paid bigint;
begin
  select * into v_grant from public.token_grants where id = p_grant_id;
  v_tokens := v_grant.amount - v_grant.reversed;
  v_balance := private.post_token_entry(v_grant.wallet_id, v_tokens, 0, p_operation_type,
    case when v_tokens > 0 then v_grant.request_id end, v_grant.metadata);
  update public.token_grants
  set entry_number = v_balance.entry_count, remaining = v_tokens, metadata = null
  where id = p_grant_id;
  if v_tokens > 0 then
    update public.token_consumption_locks set charged = -v_tokens, balance_after = v_balance.balance
    where request_id = v_grant.request_id;
  end if;
  v_paid := least(v_balance.debt, v_tokens);
  if v_paid > 0 then
    perform private.pay_debt_from_grants(v_grant.wallet_id, array[p_grant_id], array[v_paid]);
  end if;
end;
$$;

comment on function private.begin_grant(bigint, text) is
  'Adds a grant to the balance, and pays the wallet''s debt of it. All that was spent is allotted.';

create function private.apply_grant_events_until(p_wallet_id uuid, p_until timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_balance public.token_balances;
  v_grant record;
  v_payment private.token_payments;
  v_free_ids bigint[];
  v_free bigint[];
  v_ids bigint[];
  v_tokens bigint[];
  v_part bigint;
begin
  select * into v_balance from public.token_balances where user_id = p_wallet_id;
  -- Before anything is reserved: what has outlived its time needs nothing, whether or not a cleanup runs.
  if v_balance.held > 0 then
    v_balance := private.expire_token_holds_of(p_wallet_id, p_until);
  end if;
  for v_grant in
    select id from public.token_grants
    where wallet_id = p_wallet_id and entry_number is null and effective_at <= p_until
    order by effective_at, id
  loop
    perform private.begin_grant(v_grant.id);
  end loop;
  select * into v_balance from public.token_balances where user_id = p_wallet_id;
  if v_balance.debt = 0 and not exists (
    select from public.token_grants where wallet_id = p_wallet_id and remaining > 0 and expires_at <= p_until)
  then
    return;
  end if;
  select array_agg(grant_id), array_agg(tokens) into v_free_ids, v_free from private.free_grants(p_wallet_id, p_until);
  for v_grant in
    select grants.id, grants.entry_number, free.tokens, free.place
    from unnest(v_free_ids, v_free) with ordinality as free (grant_id, tokens, place)
    join public.token_grants as grants on grants.id = free.grant_id
    where grants.expires_at <= p_until
    order by grants.expires_at, grants.id
  loop
    update public.token_grants set remaining = remaining - v_grant.tokens, expired = expired + v_grant.tokens
    where id = v_grant.id;
    v_free[v_grant.place] := 0;
    perform private.post_token_entry(p_wallet_id, -v_grant.tokens, 0, 'expiry', null, jsonb_build_object('grants',
      jsonb_build_array(jsonb_build_object('grant', v_grant.entry_number, 'tokens', v_grant.tokens))));
  end loop;
  if v_balance.debt = 0 then
    return;
  end if;
  -- Each payment takes back its own tokens first, of whichever kind, as its reversal would have done had they been free.
  for v_payment in
    select * from private.token_payments where wallet_id = p_wallet_id and debt > 0 order by id
  loop
    for v_grant in
      select grants.id, free.tokens, free.place
      from unnest(v_free_ids, v_free) with ordinality as free (grant_id, tokens, place)
      join public.token_grants as grants on grants.id = free.grant_id
      where free.tokens > 0 and (grants.kind = 'paid' or grants.source = v_payment.source)
      order by (grants.source = v_payment.source) is true desc, grants.priority desc, grants.expires_at desc,
        grants.kind desc, grants.entry_number desc
    loop
      v_part := least(v_grant.tokens, v_payment.debt);
      v_payment.debt := v_payment.debt - v_part;
      v_free[v_grant.place] := v_grant.tokens - v_part;
      update private.token_payments set debt = v_payment.debt where id = v_payment.id;
      perform private.take_from_grant(v_payment.id, v_grant.id, v_part);
      v_ids := v_ids || v_grant.id;
      v_tokens := v_tokens || v_part;
      exit when v_payment.debt = 0;
    end loop;
  end loop;
  if v_ids is not null then
    perform private.enter_debt_payment(p_wallet_id, v_ids, v_tokens);
  end if;
end;
$$;

comment on function private.apply_grant_events_until(uuid, timestamptz) is
  'A step of apply_grant_events(): releases holds that have expired by a time, begins and ends what is due by then, and takes debts from '
  'what is free of their payments'' grants and of others that were paid for. What running requests need does not expire under them.';

create function private.apply_grant_events(p_wallet_id uuid, p_now timestamptz)
returns public.token_balances
language plpgsql
set search_path = ''
as $$
declare
  v_balance public.token_balances;
  v_at timestamptz;
begin
  select * into v_balance from public.token_balances where user_id = p_wallet_id;
  -- Entries of what is due have this time, and so none of a charge that knew of it has an earlier one.
  update public.token_balances set updated_at = greatest(updated_at, p_now) where user_id = p_wallet_id;
  perform private.allot_to_grants(p_wallet_id, v_balance.granted - v_balance.balance);
  if v_balance.debt > 0 and v_balance.held > 0 and v_balance.next_expiry_at <= v_balance.updated_at then
    -- Running requests keep tokens from a debt. What pays it is what comes first: what a request leaves as its hold ends, or a new grant.
    for v_at in
      select times.at
      from (
        select effective_at as at from public.token_grants where wallet_id = p_wallet_id and entry_number is null
        union
        select expires_at from public.token_grants where wallet_id = p_wallet_id and (remaining > 0 or entry_number is null)
        union
        select expires_at from public.token_consumption_locks where user_id = p_wallet_id and status = 'held'
      ) as times
      where times.at > v_balance.updated_at and times.at < p_now
      order by times.at
    loop
      perform private.apply_grant_events_until(p_wallet_id, v_at);
    end loop;
  end if;
  perform private.apply_grant_events_until(p_wallet_id, p_now);
  return private.end_grant_event(p_wallet_id, p_now);
end;
$$;

comment on function private.apply_grant_events(uuid, timestamptz) is
  'Under the lock of a wallet''s balance, and at one time: releases holds that have expired, allots what was spent, begins and ends what is due, and takes '
  'debts. Returns the balance as it is then, whose updated_at is the time or later.';

create function private.end_grant_event(p_wallet_id uuid, p_now timestamptz)
returns public.token_balances
language plpgsql
set search_path = ''
as $$
declare
  v_balance public.token_balances;
begin
  update public.token_balances
  set next_expiry_at = least(private.next_grant_event(p_wallet_id), case when debt > 0 and held > 0 then p_now end)
  where user_id = p_wallet_id
  returning * into v_balance;
  perform private.note_grant_epoch(p_wallet_id, v_balance.entry_count + 1, v_balance.granted,
    v_balance.granted - v_balance.balance);
  return v_balance;
end;
$$;

comment on function private.end_grant_event(uuid, timestamptz) is
  'Notes where the next event of a wallet''s grants is, and where the history stands. While running requests keep tokens from a debt, '
  'each one that ends is to look again.';

create function private.catch_up_wallet(p_wallet_id uuid, p_now timestamptz)
returns public.token_balances
language plpgsql
set search_path = ''
as $$
declare
  v_balance public.token_balances;
begin
  select * into v_balance from public.token_balances where user_id = p_wallet_id;
  if v_balance.next_expiry_at <= p_now then
    return private.apply_grant_events(p_wallet_id, p_now);
  elsif v_balance.held > 0 then
    return private.expire_token_holds_of(p_wallet_id, p_now);
  end if;
  return v_balance;
end;
$$;

comment on function private.catch_up_wallet(uuid, timestamptz) is
  'What a closer look at a wallet begins with: applies what is due of its grants, and releases holds that have expired. Its caller has locked '
  'the balance, and read the clock then.';

create function private.lock_current_wallet(p_wallet_id uuid)
returns public.token_balances
language plpgsql
set search_path = ''
as $$
begin
  perform from public.token_balances where user_id = p_wallet_id for update;
  return private.apply_grant_events(p_wallet_id, clock_timestamp());
end;
$$;

comment on function private.lock_current_wallet(uuid) is
  'Locks a wallet''s balance and applies all that is due of its grants. Returns the balance as it is then; its updated_at is the one reading of '
  'the clock that a change of grants goes by.';

create function private.try_grant_events(p_wallet_id uuid)
returns public.token_balances
language plpgsql
set search_path = ''
as $$
declare
  v_state text;
  v_message text;
begin
  return private.catch_up_wallet(p_wallet_id, clock_timestamp());
exception when others then
  get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  -- Whoever is cancelled or lost a deadlock has found nothing wrong with the wallet.
  if v_state in ('57014', '40P01', '40001', '55P03') then
    raise;
  end if;
  perform public.record_token_anomaly(p_wallet_id, 'ledger_mismatch', 'critical', 'grants ' || (now() at time zone 'UTC')::date,
    jsonb_build_object('grants_error', v_state || ' ' || v_message));
  return null;
end;
$$;

comment on function private.try_grant_events(uuid) is
  'catch_up_wallet() for jobs: where it raises, that is an anomaly of this wallet, once a day, and no other waits for it. Returns null then.';

create function private.known_request_outcome(
  p_lock public.token_consumption_locks,
  p_user_id uuid,
  p_token_amount numeric,
  p_operation_type text,
  p_fingerprint text,
  p_run_id uuid,
  p_actor_id uuid default null
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_balance public.token_balances;
begin
  if p_lock.user_id <> p_user_id
    or p_lock.attempt > 0 and (p_lock.operation_type <> p_operation_type
      or p_lock.actor_id is distinct from p_actor_id
      or p_lock.fingerprint is distinct from p_fingerprint
      or (p_fingerprint is null and p_lock.amount <> p_token_amount))
  then
    return private.token_refusal(p_lock.request_id, 'idempotency_key_reused',
      'This request id belongs to another request');
  elsif p_lock.status = 'settled' then
    return jsonb_build_object('success', true, 'duplicate', true, 'error', null, 'charged', p_lock.charged,
      'balance', p_lock.balance_after, 'response', p_lock.response, 'request_id', p_lock.request_id);
  end if;
  select * into v_balance from public.token_balances where user_id = p_user_id;
  if p_lock.status = 'held' and p_lock.expires_at > now() then
    if p_lock.run_id = p_run_id and p_lock.amount = p_token_amount then
      return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'charged', 0,
        'attempt', p_lock.attempt, 'balance', v_balance.balance, 'held', v_balance.held,
        'request_id', p_lock.request_id);
    end if;
    return private.token_refusal(p_lock.request_id, 'request_in_progress', 'This request is still running',
      v_balance.balance);
  elsif p_lock.run_id = p_run_id then
    return private.token_refusal(p_lock.request_id, 'hold_not_current', 'This run was given up', v_balance.balance);
  end if;
  return null;
end;
$$;

comment on function private.known_request_outcome(public.token_consumption_locks, uuid, numeric, text, text, uuid, uuid) is
  'The outcome for a known request id: the first request''s outcome, the caller''s own hold again, or '
  'request_in_progress. Null when it may run as the next attempt.';

create function public.hold_tokens(
  p_request_id text,
  p_user_id uuid,
  p_token_amount numeric,
  p_operation_type text,
  p_fingerprint text default null,
  p_metadata jsonb default null,
  p_time_to_live interval default '10 minutes',
  p_run_id uuid default null,
  p_actor_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_problem constant text := private.token_request_problem(p_request_id, p_user_id, p_token_amount, p_operation_type,
    p_metadata);
  v_amount bigint;
  v_owned bigint;
  v_held bigint;
  v_now timestamptz;
  v_balance public.token_balances;
  v_lock public.token_consumption_locks;
  v_outcome jsonb;
begin
  if v_problem is not null or (p_time_to_live between '1 second' and '24 hours') is not true then
    return private.token_refusal(p_request_id, 'invalid_request',
      coalesce(v_problem, 'time_to_live must be between 1 second and 24 hours'));
  end if;
  v_amount := p_token_amount;

  -- A new request: reserve, then claim the id. Nobody sees the reservation before the claim is decided.
  update public.token_balances
  set held = held + v_amount
  where user_id = p_user_id and balance - held >= v_amount and next_expiry_at > clock_timestamp() and not is_closed
  returning balance, held into v_owned, v_held;
  if found then
    insert into public.token_consumption_locks
      (request_id, user_id, run_id, actor_id, operation_type, amount, fingerprint, metadata, status, expires_at)
    values (p_request_id, p_user_id, p_run_id, p_actor_id, p_operation_type, v_amount, p_fingerprint, p_metadata, 'held',
      now() + p_time_to_live)
    on conflict do nothing;
    if found then
      if p_actor_id is null or private.take_member_hold(p_user_id, p_actor_id, v_amount) then
        return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'charged', 0, 'attempt', 1,
          'balance', v_owned, 'held', v_held, 'request_id', p_request_id);
      end if;
      delete from public.token_consumption_locks where request_id = p_request_id;
    end if;
    update public.token_balances set held = held - v_amount where user_id = p_user_id;
  end if;

  -- The id is known, the tokens do not suffice, a grant begins or ends, the member may not spend them, or the user is gone:
  -- find out which, with the wallet's row locked. A team's wallet has its row from the start: what else is named gets none.
  if p_actor_id is null then
    insert into public.token_balances (user_id) values (p_user_id) on conflict do nothing;
  end if;
  select * into v_balance from public.token_balances where user_id = p_user_id for update;
  select * into v_lock from public.token_consumption_locks where request_id = p_request_id;
  if found then
    v_outcome := private.known_request_outcome(v_lock, p_user_id, p_token_amount, p_operation_type, p_fingerprint,
      p_run_id, p_actor_id);
    if v_outcome is not null then
      return v_outcome;
    end if;
  end if;
  -- Holds that nobody ended in time must not stand in its way, whether or not a cleanup runs. One reading of the clock says
  -- what has ended, and when this hold began.
  v_now := clock_timestamp();
  v_balance := private.catch_up_wallet(p_user_id, v_now);
  if p_actor_id is not null then
    v_outcome := private.member_refusal(p_request_id, p_user_id, p_actor_id, v_amount);
    if v_outcome is not null then
      return v_outcome;
    end if;
  end if;
  if v_balance.is_closed then
    return private.token_refusal(p_request_id, 'account_paused', 'This account is paused: it was deleted', v_balance.balance);
  end if;

  if v_balance.balance - v_balance.held < v_amount then
    return private.token_refusal(p_request_id, 'insufficient_tokens',
      format('This request needs %s tokens and %s are available', v_amount, v_balance.balance - v_balance.held),
      v_balance.balance,
      jsonb_build_object('required', v_amount, 'available', v_balance.balance - v_balance.held));
  end if;
  insert into public.token_consumption_locks as known
    (request_id, user_id, run_id, actor_id, operation_type, amount, fingerprint, metadata, status, created_at, expires_at)
  values (p_request_id, p_user_id, p_run_id, p_actor_id, p_operation_type, v_amount, p_fingerprint, p_metadata, 'held', v_now,
    now() + p_time_to_live)
  on conflict (request_id) do update
  set status = 'held', attempt = known.attempt + 1, run_id = excluded.run_id, actor_id = excluded.actor_id,
    amount = excluded.amount, operation_type = excluded.operation_type, fingerprint = excluded.fingerprint,
    metadata = excluded.metadata,
    created_at = excluded.created_at, expires_at = excluded.expires_at
  where known.user_id = p_user_id and known.status in ('released', 'expired')
  returning * into v_lock;
  if not found then -- Another user has claimed the id since we looked.
    return private.token_refusal(p_request_id, 'idempotency_key_reused',
      'This request id belongs to another request');
  end if;
  if p_actor_id is not null then
    perform private.take_member_hold(p_user_id, p_actor_id, v_amount);
  end if;
  update public.token_balances
  set held = held + v_amount, updated_at = greatest(updated_at, v_now) -- Its charge comes after it.
  where user_id = p_user_id
  returning * into v_balance;
  return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'charged', 0,
    'attempt', v_lock.attempt, 'balance', v_balance.balance, 'held', v_balance.held, 'request_id', p_request_id);
end;
$$;

comment on function public.hold_tokens(text, uuid, numeric, text, text, jsonb, interval, uuid, uuid) is
  'Before the work: claims the request id and reserves the most that it may cost. Returns success with attempt and '
  'held; success with duplicate, charged, balance and response if this request was already settled; or an error: '
  'insufficient_tokens (with required, available), request_in_progress, idempotency_key_reused, invalid_request, '
  'account_paused (for a forgotten user). A released or expired request runs again as the next attempt. run_id names '
  'the caller''s run, a new one for each run: repeating it returns the same attempt while it is held, and '
  'hold_not_current once it was released. p_user_id is the wallet that pays. With an actor_id it is a team''s wallet, '
  'and the actor must be a member who may spend; further errors: forbidden, member_cap_reached (with cap_tokens, spent, '
  'held, required, resets_at). Settling and releasing name the wallet.';

create function public.extend_token_hold(
  p_request_id text,
  p_user_id uuid,
  p_attempt integer,
  p_time_to_live interval
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if p_time_to_live is null or p_time_to_live not between '1 second' and '24 hours' then
    return private.token_refusal(p_request_id, 'invalid_request',
      'time_to_live must be between 1 second and 24 hours');
  end if;
  perform 1 from public.token_balances where user_id = p_user_id for update;
  update public.token_consumption_locks
  set expires_at = greatest(expires_at, now() + p_time_to_live)
  where request_id = p_request_id and user_id = p_user_id and attempt = p_attempt and status = 'held'
    and expires_at > now();
  if not found then
    return private.token_refusal(p_request_id, 'hold_not_current',
      format('Attempt %s does not hold tokens for this request any more', p_attempt));
  end if;
  return jsonb_build_object('success', true, 'error', null, 'request_id', p_request_id);
end;
$$;

comment on function public.extend_token_hold(text, uuid, integer, interval) is
  'Extends a hold so that it lives for this long from now; never shortens it. For a hold that should end soon after '
  'its process does. Returns success, or an error: hold_not_current once the hold is over, invalid_request.';

create function private.token_response_tail(p_charged bigint, p_balance bigint)
returns text
language plpgsql -- Not sql: Postgres would start its executor for each call, as a function with settings is not inlined.
immutable
set search_path = ''
as $$
begin
  return format('"charged":%s,"balance":%s}}', p_charged, p_balance);
end;
$$;

comment on function private.token_response_tail(bigint, bigint) is
  'The end of the response''s JSON: the two numbers that only the settlement knows.';

create function public.settle_tokens(
  p_request_id text,
  p_user_id uuid,
  p_attempt integer,
  p_token_amount numeric default null,
  p_metadata jsonb default null,
  p_response_head text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_balance public.token_balances;
  v_lock public.token_consumption_locks;
  v_charged bigint;
  v_metadata jsonb;
  v_response_tail text;
  v_now timestamptz;
  v_is_beyond_event boolean;
begin
  if p_token_amount <> least(greatest(trunc(p_token_amount), 0), 9007199254740991) or not p_metadata @> '{}' then
    return private.token_refusal(p_request_id, 'invalid_request', case when not p_metadata @> '{}'
      then 'metadata must be an object'
      else 'token_amount must be a whole number from 0 to 9007199254740991, or null when the usage is unknown' end);
  end if;

  select * into v_balance from public.token_balances where user_id = p_user_id for update;
  select * into v_lock from public.token_consumption_locks
  where request_id = p_request_id and user_id = p_user_id;
  if v_lock.status = 'settled' and v_lock.attempt = p_attempt then
    return jsonb_build_object('success', true, 'duplicate', true, 'error', null, 'charged', v_lock.charged,
      'balance', v_lock.balance_after,
      'response_tail', private.token_response_tail(v_lock.charged, v_lock.balance_after), 'request_id', p_request_id);
  elsif v_lock.status is distinct from 'held' or v_lock.attempt is distinct from p_attempt then
    return private.token_refusal(p_request_id, 'hold_not_current',
      format('Attempt %s does not hold tokens for this request any more', p_attempt), v_balance.balance);
  end if;

  if v_balance.next_expiry_at <= clock_timestamp() or p_token_amount > v_lock.amount then
    v_now := clock_timestamp();
    -- A late settlement is accepted as long as nobody has ended its hold: nor is that done here.
    update public.token_consumption_locks set expires_at = 'infinity' where request_id = p_request_id and expires_at <= v_now;
    v_is_beyond_event := v_balance.next_expiry_at <= v_now;
    v_balance := private.catch_up_wallet(p_user_id, v_now);
  end if;
  v_charged := least(coalesce(p_token_amount, v_lock.amount), v_balance.balance - v_balance.held + v_lock.amount);
  if v_charged > 0 then
    v_metadata := case when v_lock.metadata is null then p_metadata
      else v_lock.metadata || coalesce(p_metadata, '{}') end;
    if v_is_beyond_event and v_balance.next_expiry_at <= v_balance.updated_at then
      -- Tokens of grants that have ended are kept: this request takes those first of which the end came after its hold.
      v_metadata := coalesce(v_metadata, '{}') || jsonb_build_object('grants', private.allot_to_grants(p_user_id,
        v_balance.granted - v_balance.balance + v_charged, v_lock.created_at, v_now));
    end if;
    v_balance := private.post_token_entry(p_user_id, -v_charged, v_lock.amount, v_lock.operation_type, p_request_id,
      v_metadata, v_lock.actor_id);
  else
    update public.token_balances
    set held = held - v_lock.amount
    where user_id = p_user_id;
  end if;
  if v_lock.actor_id is not null then
    perform private.end_member_hold(p_user_id, v_lock.actor_id, v_lock.amount, v_charged, v_balance.updated_at);
  end if;
  v_response_tail := private.token_response_tail(v_charged, v_balance.balance);
  update public.token_consumption_locks
  set status = 'settled', run_id = null, charged = v_charged,
    balance_after = v_balance.balance,
    response = case when octet_length(p_response_head) + octet_length(v_response_tail) <= 262144 and not v_balance.is_closed
      then p_response_head || v_response_tail end,
    expires_at = now()
  where request_id = p_request_id;
  if v_is_beyond_event then
    perform private.apply_grant_events(p_user_id, v_now);
  end if;

  if p_token_amount is null then
    perform public.record_token_anomaly(p_user_id, 'usage_unknown', 'warning', p_request_id || '/' || p_attempt,
      jsonb_build_object('request_id', p_request_id, 'charged', v_charged));
  elsif greatest(p_token_amount, (p_metadata ->> 'cost')::numeric) > v_charged then
    perform public.record_token_anomaly(p_user_id, 'shortfall', 'warning', p_request_id || '/' || p_attempt,
      jsonb_build_object('request_id', p_request_id, 'held', v_lock.amount,
        'cost', greatest(p_token_amount, (p_metadata ->> 'cost')::numeric), 'charged', v_charged));
  end if;
  if p_metadata ? 'failed_for' then
    perform private.count_user_failure(coalesce(v_lock.actor_id, p_user_id), 'paid_failures');
  end if;
  return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'charged', v_charged,
    'balance', v_balance.balance, 'response_tail', v_response_tail, 'request_id', p_request_id);
end;
$$;

comment on function public.settle_tokens(text, uuid, integer, numeric, jsonb, text) is
  'After the work: charges the real cost, ends the hold and stores the response, in one transaction. A cost above '
  'the hold is charged as far as the balance allows, and the rest is recorded as anomaly ''shortfall''. An unknown '
  'cost (null) is charged as the whole hold, with anomaly ''usage_unknown''. response_head is the response''s JSON '
  'up to and including the comma before "charged" and "balance"; response_tail is the rest. A response over 256 KiB '
  'is not stored, nor is one of a forgotten user. When a failure is charged, metadata has failed_for (its code) and, '
  'if only a part may be charged, cost (the full cost). Repeating the call returns the first outcome; an attempt '
  'that is no longer current gets hold_not_current.';

create function public.release_tokens(
  p_request_id text,
  p_user_id uuid,
  p_attempt integer,
  p_reason text default null,
  p_metadata jsonb default null,
  p_run_id uuid default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_balance public.token_balances;
  v_lock public.token_consumption_locks;
begin
  if jsonb_typeof(p_metadata) <> 'object' then
    return private.token_refusal(p_request_id, 'invalid_request', 'metadata must be an object');
  end if;
  select * into v_balance from public.token_balances where user_id = p_user_id for update;
  select * into v_lock from public.token_consumption_locks
  where request_id = p_request_id and user_id = p_user_id;
  if v_lock.status = 'held' and greatest(v_lock.expires_at, v_balance.next_expiry_at) <= clock_timestamp() then
    -- In the order of time: the hold ended by itself, perhaps before something else did.
    v_balance := private.apply_grant_events(p_user_id, clock_timestamp());
    select * into v_lock from public.token_consumption_locks where request_id = p_request_id;
  end if;
  -- The hold of a run that did not hear of it may still be on its way: it is to find that its run was given up.
  if p_attempt is null and p_run_id is not null and (v_lock.run_id = p_run_id) is not true
    and (v_lock.status is null or v_lock.status in ('released', 'expired')) and v_balance.is_closed is not true
    and private.token_request_problem(p_request_id, p_user_id, 1, '-', p_metadata) is null
  then
    insert into public.token_consumption_locks as known
      (request_id, user_id, run_id, operation_type, amount, attempt, metadata, status, expires_at)
    values (p_request_id, p_user_id, p_run_id, 'unheard', 0, 0,
      jsonb_strip_nulls(jsonb_build_object('released_for', p_reason)), 'released', now())
    on conflict (request_id) do update set run_id = excluded.run_id
    where known.user_id = p_user_id and known.status in ('released', 'expired');
    if found then
      return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'charged', 0,
        'balance', v_balance.balance, 'held', v_balance.held, 'request_id', p_request_id);
    end if;
  end if;
  if v_lock.attempt is null or v_lock.status = 'settled'
    or (v_lock.attempt is distinct from p_attempt and (p_run_id is null or v_lock.run_id is distinct from p_run_id))
  then
    return private.token_refusal(p_request_id, 'hold_not_current',
      format('Attempt %s does not hold tokens for this request any more', p_attempt), v_balance.balance);
  elsif v_lock.status = 'held' then
    update public.token_balances
    set held = held - v_lock.amount
    where user_id = p_user_id
    returning * into v_balance;
    if v_lock.actor_id is not null then
      perform private.end_member_hold(p_user_id, v_lock.actor_id, v_lock.amount, 0, v_balance.updated_at);
    end if;
    update public.token_consumption_locks
    set status = 'released', expires_at = now(),
      metadata = case when p_reason is null and p_metadata is null then metadata
        else coalesce(metadata, '{}') || coalesce(p_metadata, '{}')
          || jsonb_strip_nulls(jsonb_build_object('released_for', p_reason)) end
    where request_id = p_request_id;
    if v_balance.next_expiry_at <= clock_timestamp() then
      v_balance := private.apply_grant_events(p_user_id, clock_timestamp());
    end if;
    if p_metadata ? 'usage' then
      perform private.count_user_failure(coalesce(v_lock.actor_id, p_user_id), 'paid_failures');
    end if;
  end if;
  return jsonb_build_object('success', true, 'duplicate', v_lock.status <> 'held', 'error', null, 'charged', 0,
    'balance', v_balance.balance, 'held', v_balance.held, 'request_id', p_request_id);
end;
$$;

comment on function public.release_tokens(text, uuid, integer, text, jsonb, uuid) is
  'When the work failed: ends the hold and charges nothing. metadata has the usage of models that ran, for which the '
  'provider must still be paid. Repeating the call changes nothing; after a settlement it returns hold_not_current. '
  'With attempt null and a run_id it releases the hold of that run, for a caller that does not know its attempt; if '
  'that hold arrives later, it is refused with hold_not_current.';

create function public.consume_tokens_atomic(
  p_request_id text,
  p_user_id uuid,
  p_token_amount numeric,
  p_operation_type text,
  p_metadata jsonb default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_problem constant text := private.token_request_problem(p_request_id, p_user_id, p_token_amount, p_operation_type,
    p_metadata);
  v_amount bigint;
  v_balance public.token_balances;
  v_outcome jsonb;
begin
  if v_problem is not null then
    return private.token_refusal(p_request_id, 'invalid_request', v_problem);
  end if;
  v_amount := p_token_amount;

  update public.token_balances
  set balance = balance - v_amount, entry_count = entry_count + 1, previous_chain = chain,
    chain = private.token_entry_chain(chain, user_id, entry_count + 1, -v_amount, balance - v_amount,
      greatest(updated_at, now()), p_operation_type, p_request_id, p_metadata),
    updated_at = greatest(updated_at, now())
  where user_id = p_user_id and balance - held >= v_amount and next_expiry_at > clock_timestamp() and not is_closed
  returning * into v_balance;
  if found then
    insert into public.token_consumption_locks
      (request_id, user_id, operation_type, amount, charged, balance_after, status, expires_at)
    values (p_request_id, p_user_id, p_operation_type, v_amount, v_amount, v_balance.balance, 'settled', now())
    on conflict do nothing;
    if found then
      insert into public.token_balance_history
        (user_id, entry_number, delta, balance_after, created_at, operation_type, request_id, metadata, chain)
      values (p_user_id, v_balance.entry_count, -v_amount, v_balance.balance, v_balance.updated_at, p_operation_type,
        p_request_id, p_metadata, v_balance.chain);
      return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'charged', v_amount,
        'balance', v_balance.balance, 'request_id', p_request_id);
    end if;
    update public.token_balances
    set balance = balance + v_amount, entry_count = entry_count - 1, chain = previous_chain
    where user_id = p_user_id;
  end if;

  -- Not a new request that can be paid at once: the two-phase form knows every other case.
  v_outcome := public.hold_tokens(p_request_id, p_user_id, p_token_amount, p_operation_type);
  if (v_outcome ->> 'success')::boolean and not (v_outcome ->> 'duplicate')::boolean then
    v_outcome := public.settle_tokens(p_request_id, p_user_id, (v_outcome ->> 'attempt')::integer, p_token_amount,
      p_metadata);
  end if;
  return v_outcome - 'response' - 'response_tail';
end;
$$;

comment on function public.consume_tokens_atomic(text, uuid, numeric, text, jsonb) is
  'Charges a request in one step. Returns success, duplicate, error, charged, balance, request_id. A repeated '
  'request is a duplicate and gets the first outcome; the same id with another user, amount or operation is refused '
  'with idempotency_key_reused. Other errors: insufficient_tokens, request_in_progress, invalid_request, '
  'account_paused (for a forgotten user).';

create function public.cleanup_expired_locks(p_page_limit integer default 10000)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_limit constant integer := 500;
  v_user_id uuid;
  v_user_count integer := 0;
  v_skipped_count integer := 0;
  v_has_more boolean := false;
  v_deleted_count integer;
  v_settings private.token_settings;
  v_page_limit constant integer := least(greatest(p_page_limit, 1), 1000000);
  v_page_count bigint;
begin
  -- It waits for nobody: what somebody has locked is left to the next call. Balances come last, so that they are locked for
  -- no longer than their holds take.

  -- A clock hand over the table's pages instead of an index by age, which every charge would pay for.
  select * into v_settings from private.token_settings for update skip locked;
  if found then
    v_page_count := pg_relation_size('public.token_consumption_locks') / current_setting('block_size')::bigint;
    delete from public.token_consumption_locks
    where ctid = any(array(
      select ctid from public.token_consumption_locks
      where ctid >= format('(%s,0)', v_settings.cleanup_page)::tid
        and ctid < format('(%s,0)', v_settings.cleanup_page + v_page_limit)::tid
        and expires_at <= now() - v_settings.lock_retention
        and status <> 'held'
      for update skip locked
    ));
    get diagnostics v_deleted_count = row_count;
    update private.token_settings
    set cleanup_page = case when v_settings.cleanup_page + v_page_limit < v_page_count
      then v_settings.cleanup_page + v_page_limit else 0 end;
  end if;

  for v_user_id in
    select distinct user_id from public.token_consumption_locks
    where status = 'held' and expires_at <= now()
    order by user_id
  loop
    if v_user_count >= v_user_limit then
      v_has_more := true;
      exit;
    end if;
    perform 1 from public.token_balances where user_id = v_user_id for update skip locked;
    if found and (
      select count(*) from public.token_consumption_locks
      where user_id = v_user_id and status = 'held' and expires_at <= now()
    ) = (
      select count(*) from (
        select from public.token_consumption_locks
        where user_id = v_user_id and status = 'held' and expires_at <= now()
        for update skip locked
      ) as free
    ) then
      perform private.try_grant_events(v_user_id);
      v_user_count := v_user_count + 1;
    else
      v_skipped_count := v_skipped_count + 1;
    end if;
  end loop;
  return jsonb_build_object('users_with_expired_holds', v_user_count, 'skipped_users', v_skipped_count,
    'deleted_locks', coalesce(v_deleted_count, 0), 'has_more', v_has_more);
end;
$$;

comment on function public.cleanup_expired_locks(integer) is
  'Releases the expired holds of at most 500 users, and deletes outcomes past their retention from the next '
  'p_page_limit pages of 8 KiB. To be run every minute; waits for no lock. Returns users_with_expired_holds, '
  'skipped_users (their row was locked by another transaction), deleted_locks, and has_more: whether users are left '
  'for another call. No charge depends on it.';

create function private.cleanup_expired_locks_step(p_step_pages integer default 1000)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_step_pages constant integer := least(greatest(p_step_pages, 1), 1000000);
  v_page_count constant bigint :=
    pg_relation_size('public.token_consumption_locks') / current_setting('block_size')::bigint;
  v_share_pages constant bigint := greatest(v_step_pages, ceil(v_page_count / 60.0)::bigint);
  v_cleaned jsonb;
  v_page bigint;
begin
  v_cleaned := public.cleanup_expired_locks(v_step_pages);
  select cleanup_page into strict v_page from private.token_settings;
  return v_cleaned
    || jsonb_build_object('is_done', not (v_cleaned -> 'has_more')::boolean
      and (v_page = 0 or v_page / v_share_pages <> (v_page - v_step_pages) / v_share_pages));
end;
$$;

comment on function private.cleanup_expired_locks_step(integer) is
  'Calls cleanup_expired_locks() with p_step_pages. is_done is true once this run has visited a 60th of the table '
  'and no user''s expired hold is left: run every minute, it covers the whole table within an hour, whatever its '
  'size.';

create function public.detect_high_frequency_requests(
  p_user_id uuid,
  p_time_window interval default '1 minute',
  p_threshold integer default 60
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_request_count integer;
begin
  if p_user_id is null
    or coalesce(p_time_window, '0') not between '1 second' and '1000 years'
    or coalesce(p_threshold, 0) not between 1 and 100000
  then
    return jsonb_build_object('detected', false, 'error', 'invalid_request',
      'message', 'Expected user_id, a time_window from 1 second to 1000 years and a threshold from 1 to 100000');
  end if;
  with newest as (
    (select created_at from public.token_balance_history
     where user_id = p_user_id and operation_type <> all(private.operations_of_grants())
       and created_at > now() - p_time_window
     order by entry_number desc
     limit p_threshold + 1)
    union all
    (select created_at from public.token_consumption_locks
     where user_id = p_user_id and status = 'held'
     limit p_threshold + 1)
  )
  select count(*) into v_request_count from newest where created_at > now() - p_time_window;
  if v_request_count > p_threshold then
    perform public.record_token_anomaly(p_user_id, 'high_frequency', 'warning',
      p_time_window || ' ' || floor(extract(epoch from now()) / extract(epoch from p_time_window)),
      jsonb_build_object('request_count', v_request_count, 'threshold', p_threshold,
        'time_window', p_time_window));
  end if;
  return jsonb_build_object('detected', v_request_count > p_threshold, 'error', null,
    'request_count', v_request_count, 'threshold', p_threshold);
end;
$$;

comment on function public.detect_high_frequency_requests(uuid, interval, integer) is
  'Counts a user''s charged and running requests in the last time window, up to the threshold, and records the '
  'anomaly ''high_frequency'' once per window if there are more. Returns detected, request_count, threshold.';

-- Grants --------------------------------------------------------------------------------------------------------

grant select on public.token_balances, public.token_balance_history, public.token_consumption_locks,
  public.token_anomalies to authenticated, service_role;
grant select on private.token_settings to service_role;

revoke execute on function
  private.forbid_token_history_change(),
  token_history.alter_briefly(text),
  private.prepare_token_history(integer, boolean),
  private.token_entry_chain(bytea, uuid, bigint, bigint, bigint, timestamptz, text, text, jsonb, uuid),
  private.post_token_entry(uuid, bigint, bigint, text, text, jsonb, uuid),
  private.token_response_tail(bigint, bigint),
  private.token_refusal(text, text, text, bigint, jsonb),
  private.member_refusal(text, uuid, uuid, numeric, boolean),
  private.token_request_problem(text, uuid, numeric, text, jsonb),
  private.expire_token_holds_of(uuid, timestamptz),
  private.free_grants(uuid, timestamptz),
  private.begin_grant(bigint, text),
  private.enter_debt_payment(uuid, bigint[], bigint[]),
  private.pay_debt_from_grants(uuid, bigint[], bigint[]),
  private.apply_grant_events_until(uuid, timestamptz),
  private.apply_grant_events(uuid, timestamptz),
  private.end_grant_event(uuid, timestamptz),
  private.catch_up_wallet(uuid, timestamptz),
  private.lock_current_wallet(uuid),
  private.try_grant_events(uuid),
  private.known_request_outcome(public.token_consumption_locks, uuid, numeric, text, text, uuid, uuid),
  private.anomalies_about_ledger(),
  public.record_token_anomaly(uuid, text, text, text, jsonb),
  private.record_request_excess(uuid, text, jsonb),
  private.count_user_failure(uuid, text),
  public.hold_tokens(text, uuid, numeric, text, text, jsonb, interval, uuid, uuid),
  public.extend_token_hold(text, uuid, integer, interval),
  public.settle_tokens(text, uuid, integer, numeric, jsonb, text),
  public.release_tokens(text, uuid, integer, text, jsonb, uuid),
  public.consume_tokens_atomic(text, uuid, numeric, text, jsonb),
  public.cleanup_expired_locks(integer),
  private.cleanup_expired_locks_step(integer),
  public.detect_high_frequency_requests(uuid, interval, integer)
from public, anon, authenticated;

grant execute on function
  public.record_token_anomaly(uuid, text, text, text, jsonb),
  public.hold_tokens(text, uuid, numeric, text, text, jsonb, interval, uuid, uuid),
  public.extend_token_hold(text, uuid, integer, interval),
  public.settle_tokens(text, uuid, integer, numeric, jsonb, text),
  public.release_tokens(text, uuid, integer, text, jsonb, uuid),
  public.consume_tokens_atomic(text, uuid, numeric, text, jsonb),
  public.cleanup_expired_locks(integer),
  public.detect_high_frequency_requests(uuid, interval, integer)
to service_role;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from public.token_consumption_locks where user_id = gen_random_uuid();
  perform 1 from public.token_consumption_locks where user_id = gen_random_uuid() and status = 'held';
  perform 1 from public.token_anomalies
  where user_id = gen_random_uuid() and anomaly_type = 'none' and (created_at at time zone 'UTC')::date = 'today';
end;
$$;

select private.prepare_token_history();

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_expired_locks', '* * * * *', 'sql', 'private.cleanup_expired_locks_step', true, null, 50000, '10 minutes',
    'Releases expired holds, and deletes outcomes past their retention'),
  ('prepare_token_history', '10 3 * * *', 'sql', 'private.prepare_token_history', false, null, 60000, '2 days',
    'Creates the ledger''s next 12 monthly partitions');

select private.install_schedule();
