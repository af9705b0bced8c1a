-- Who shares a wallet: made, renamed and closed wallets, invitations, roles, caps, and what each member spent.
--
-- A user's memberships are changed by one call at a time (an advisory lock), a wallet's members under the wallet's row of
-- token_balances, in this order. Outcomes are returned and never raised.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.wallet_invitations (
  id uuid not null default gen_random_uuid(),
  wallet_id uuid not null,
  created_by uuid not null,
  request_id text collate "C",
  code_digest text collate "C" not null,
  role text not null,
  monthly_cap_tokens bigint,
  email text,
  max_uses integer not null,
  uses integer not null default 0,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint wallet_invitations_pkey primary key (id),
  constraint wallet_invitations_code_digest_key unique (code_digest),
  constraint wallet_invitations_made_once unique (wallet_id, request_id),
  constraint wallet_invitations_wallet_fkey foreign key (wallet_id) references private.wallets (id) on delete cascade,
  constraint wallet_invitations_role_known check (role in ('admin', 'member', 'viewer')),
  constraint wallet_invitations_within_uses check (uses between 0 and max_uses)
);

create index wallet_invitations_created_by_idx on private.wallet_invitations (created_by);
create index wallet_invitations_expires_at_idx on private.wallet_invitations (expires_at);

comment on table private.wallet_invitations is 'Open invitations to wallets. Deleted soon after their end.';
comment on column private.wallet_invitations.wallet_id is 'The wallet that it opens.';
comment on column private.wallet_invitations.created_by is 'Who made it. It is deleted once that member may no longer invite to its role.';
comment on column private.wallet_invitations.expires_at is 'From then on it opens nothing.';
comment on column private.wallet_invitations.request_id is 'The request that made it: a retry gets a new code for the same invitation.';
comment on column private.wallet_invitations.code_digest is 'SHA-256 of the code, in hexadecimal: whoever reads this table can join nothing.';
comment on column private.wallet_invitations.role is 'The role of whoever accepts.';
comment on column private.wallet_invitations.monthly_cap_tokens is 'The monthly cap of whoever accepts; null: none.';
comment on column private.wallet_invitations.email is
  'Only the user who has confirmed this address may accept, in lower case; null: whoever has the code.';
comment on column private.wallet_invitations.max_uses is 'How many may join with it.';
comment on column private.wallet_invitations.uses is 'How many have joined with it. Coming back takes no further use.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.wallet_invitations enable row level security;

create policy "nobody but the functions" on private.wallet_invitations using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function private.wallet_refusal(p_error text, p_message text)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('success', false, 'error', p_error, 'message', p_message);
$$;

comment on function private.wallet_refusal(text, text) is 'The outcome of a call that changed nothing.';

create function private.wallet_done(p_more jsonb default '{}')
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('success', true, 'error', null) || p_more;
$$;

comment on function private.wallet_done(jsonb) is 'The outcome of a call that did what it was asked for.';

create function private.lock_memberships(p_user_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('wallets of ' || p_user_id, 0));
  -- A token of a user who was forgotten may be good for a while yet.
  return not exists (select from public.token_balances where user_id = p_user_id and is_closed);
end;
$$;

comment on function private.lock_memberships(uuid) is
  'Keeps other calls from changing which teams a user is in, until the transaction ends. Returns whether the user may join '
  'teams: not once it was forgotten.';

create function private.lock_wallet_as(p_wallet_id uuid, p_user_id uuid)
returns text
language plpgsql
set search_path = ''
as $$
begin
  perform 1 from public.token_balances where user_id = p_wallet_id for update;
  return private.wallet_role(p_wallet_id, p_user_id);
end;
$$;

comment on function private.lock_wallet_as(uuid, uuid) is 'Locks a wallet, and returns the user''s role in it as it is then.';

create function private.may_manage(p_role text, p_of_role text)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select p_role = 'owner' or p_role = 'admin' and p_of_role in ('member', 'viewer');
$$;

comment on function private.may_manage(text, text) is
  'Whether somebody of one role may invite, change or remove somebody of another: owners anybody, admins members and viewers.';

create function private.is_last_owner(p_wallet_id uuid, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.wallet_role(p_wallet_id, p_user_id) = 'owner'
    and not exists (
      select from private.wallet_members
      where wallet_id = p_wallet_id and user_id <> p_user_id and role = 'owner' and removed_at is null);
end;
$$;

comment on function private.is_last_owner(uuid, uuid) is
  'Whether this is the only owner that a wallet has. The caller has locked the wallet.';

create function private.close_doors_of(p_wallet_id uuid, p_user_id uuid, p_role text)
returns void
language sql
set search_path = ''
as $$
  delete from private.wallet_invitations
  where wallet_id = p_wallet_id and created_by = p_user_id and private.may_manage(p_role, role) is not true;
$$;

comment on function private.close_doors_of(uuid, uuid, text) is
  'Deletes the open invitations of a member that it may not make with its new role.';

create function private.end_membership(p_wallet_id uuid, p_user_id uuid, p_removed_by uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update private.wallet_members
  set removed_at = clock_timestamp(), removed_by = p_removed_by
  where wallet_id = p_wallet_id and user_id = p_user_id and removed_at is null;
  -- Who may no longer invite leaves no open invitations behind.
  delete from private.wallet_invitations where wallet_id = p_wallet_id and created_by = p_user_id;
end;
$$;

comment on function private.end_membership(uuid, uuid, uuid) is
  'Takes a member out of a wallet, and deletes the invitations that it made. Its running requests end as they would have.';

create function private.close_wallet_of(p_wallet_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  delete from private.wallet_invitations where wallet_id = p_wallet_id;
  update private.wallet_members set removed_at = clock_timestamp() where wallet_id = p_wallet_id and removed_at is null;
  update private.wallets set closed_at = clock_timestamp() where id = p_wallet_id;
  update public.token_balances set is_closed = true where user_id = p_wallet_id;
end;
$$;

comment on function private.close_wallet_of(uuid) is 'Closes a wallet for good and takes all members out of it. The caller has locked it.';

create function public.create_wallet(p_user_id uuid, p_name text, p_request_id text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id uuid;
begin
  if p_user_id is null or (char_length(trim(p_name)) between 1 and 100) is not true then
    return private.wallet_refusal('invalid_request', 'Expected a user_id and a name of 1 to 100 characters');
  elsif not private.lock_memberships(p_user_id) then
    return private.wallet_refusal('account_paused', 'This account is paused: it was deleted');
  end if;
  select id into v_id from private.wallets where request_id = p_request_id and created_by = p_user_id;
  if found then
    return private.wallet_done(jsonb_build_object('wallet_id', v_id));
  elsif (select count(*) from private.wallets where created_by = p_user_id and closed_at is null)
      >= (select wallets_per_user from private.wallet_settings)
    or (select count(*) from private.wallet_members where user_id = p_user_id and removed_at is null)
      >= (select memberships_per_user from private.wallet_settings)
  then
    return private.wallet_refusal('wallet_limit_reached', 'You have as many wallets as a user may have');
  end if;
  insert into private.wallets (name, created_by, request_id) values (trim(p_name), p_user_id, p_request_id)
  returning id into v_id;
  insert into public.token_balances (user_id) values (v_id);
  insert into private.wallet_members (wallet_id, user_id, role) values (v_id, p_user_id, 'owner');
  return private.wallet_done(jsonb_build_object('wallet_id', v_id));
end;
$$;

comment on function public.create_wallet(uuid, text, text) is
  'Makes a wallet that a team can share, with who makes it as its owner. The same request again gets the same wallet. Returns '
  'success, error, wallet_id. Errors: invalid_request, wallet_limit_reached, account_paused (a user who was forgotten).';

create function public.rename_wallet(p_user_id uuid, p_wallet_id uuid, p_name text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
begin
  if (char_length(trim(p_name)) between 1 and 100) is not true then
    return private.wallet_refusal('invalid_request', 'Expected a name of 1 to 100 characters');
  end if;
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  if (v_role in ('owner', 'admin')) is not true then
    return private.wallet_refusal('forbidden', 'Only an owner or admin of the wallet may rename it');
  end if;
  update private.wallets set name = trim(p_name) where id = p_wallet_id;
  return private.wallet_done();
end;
$$;

comment on function public.rename_wallet(uuid, uuid, text) is
  'Gives a wallet another name. Errors: invalid_request, forbidden.';

create function public.close_wallet(p_user_id uuid, p_wallet_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
  v_balance public.token_balances;
begin
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  if v_role is distinct from 'owner' then
    return private.wallet_refusal('forbidden', 'Only an owner of the wallet may close it');
  end if;
  v_balance := private.lock_current_wallet(p_wallet_id);
  if v_balance.balance > 0 or exists (
    select from public.token_grants where wallet_id = p_wallet_id and entry_number is null)
  then
    return private.wallet_refusal('wallet_not_empty', 'The wallet still owns tokens, or will get some, which nobody could spend');
  elsif v_balance.debt > 0 then
    return private.wallet_refusal('wallet_not_empty',
      format('The wallet owes %s tokens, which nobody would pay any more', v_balance.debt));
  end if;
  perform private.close_wallet_of(p_wallet_id);
  return private.wallet_done();
end;
$$;

comment on function public.close_wallet(uuid, uuid) is
  'Closes a wallet that neither owns nor owes anything any more: its members leave it, its ledger stays. Errors: forbidden, wallet_not_empty.';

create function public.list_wallets(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_month constant date := private.month_of(now());
  v_wallet_id uuid;
begin
  -- Grants that have ended are not part of a balance, whether or not a job has run.
  for v_wallet_id in
    select members.wallet_id
    from private.wallet_members as members
    join public.token_balances as balances on balances.user_id = members.wallet_id
    where members.user_id = p_user_id and members.removed_at is null and balances.next_expiry_at <= clock_timestamp()
    order by members.wallet_id
  loop
    perform private.lock_current_wallet(v_wallet_id);
  end loop;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('wallet_id', wallets.id, 'name', wallets.name, 'role', members.role,
      'balance', balances.balance, 'held', balances.held, 'available', balances.balance - balances.held,
      'monthly_cap_tokens', members.monthly_cap_tokens,
      'spent_this_month', case when members.month >= v_month then members.spent else 0 end,
      'joined_at', members.joined_at) order by members.joined_at, wallets.id), '[]')
    from private.wallet_members as members
    join private.wallets on wallets.id = members.wallet_id
    join public.token_balances as balances on balances.user_id = members.wallet_id
    where members.user_id = p_user_id and members.removed_at is null);
end;
$$;

comment on function public.list_wallets(uuid) is
  'The wallets that a user shares, with its role and cap in each, and what it spent this month (UTC).';

create function public.list_wallet_members(p_user_id uuid, p_wallet_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_month constant date := private.month_of(now());
begin
  if private.wallet_role(p_wallet_id, p_user_id) is null then
    return null;
  end if;
  return (
    select jsonb_agg(jsonb_build_object('user_id', user_id, 'role', role, 'monthly_cap_tokens', monthly_cap_tokens,
      'held', held, 'spent_this_month', case when month >= v_month then spent else 0 end, 'joined_at', joined_at)
      order by joined_at, user_id)
    from private.wallet_members
    where wallet_id = p_wallet_id and removed_at is null);
end;
$$;

comment on function public.list_wallet_members(uuid, uuid) is
  'Who shares a wallet, the longest first, with role, cap, what its requests hold and what it spent this month (UTC). Null if '
  'the caller is not a member.';

create function public.wallet_usage(p_user_id uuid, p_wallet_id uuid, p_month date default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_month constant date := date_trunc('month', coalesce(p_month, (now() at time zone 'UTC')::date))::date;
  v_begin constant timestamptz := v_month::timestamp at time zone 'UTC';
  v_end constant timestamptz := (v_month + interval '1 month') at time zone 'UTC';
begin
  if private.wallet_role(p_wallet_id, p_user_id) is null then
    return null;
  end if;
  return (
    with charges as (
      select history.actor_id, history.operation_type, count(*) as requests,
        sum(-history.delta - coalesce(refunds.tokens, 0)) as tokens
      from public.token_balance_history as history
      left join (
        select charge_entry_number, sum(tokens) as tokens
        from private.token_refunds
        where wallet_id = p_wallet_id and charged_at >= v_begin and charged_at < v_end
        group by charge_entry_number
      ) as refunds on refunds.charge_entry_number = history.entry_number
      where history.user_id = p_wallet_id and history.delta < 0
        and history.operation_type <> all(private.operations_of_grants())
        and history.created_at >= v_begin and history.created_at < v_end
      group by history.actor_id, history.operation_type
    )
    select jsonb_build_object(
      'month', to_char(v_month, 'YYYY-MM'),
      'tokens', (select coalesce(sum(tokens), 0) from charges),
      'by_member', (
        select coalesce(jsonb_agg(jsonb_build_object('user_id', actor_id, 'requests', requests, 'tokens', tokens)
          order by tokens desc, actor_id), '[]')
        from (select actor_id, sum(requests) as requests, sum(tokens) as tokens from charges group by actor_id) as sums),
      'by_feature', (
        select coalesce(jsonb_agg(jsonb_build_object('operation_type', operation_type, 'requests', requests,
          'tokens', tokens) order by tokens desc, operation_type), '[]')
        from (select operation_type, sum(requests) as requests, sum(tokens) as tokens from charges
          group by operation_type) as sums)));
end;
$$;

comment on function public.wallet_usage(uuid, uuid, date) is
  'What was spent from a wallet in the month of a day (UTC; null: this one), by member (null: a server) and by feature, without '
  'what was refunded of it. Null if the caller is not a member.';

create function public.invite_to_wallet(
  p_user_id uuid,
  p_wallet_id uuid,
  p_code_digest text,
  p_role text,
  p_request_id text default null,
  p_monthly_cap_tokens bigint default null,
  p_email text default null,
  p_max_uses integer default 1,
  p_time_to_live interval default '7 days'
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
  v_invitation private.wallet_invitations;
begin
  if (p_code_digest ~ '^[0-9a-f]{64}$' and p_role in ('admin', 'member', 'viewer') and p_max_uses between 1 and 1000
    and p_time_to_live between '1 minute' and '30 days') is not true
    or p_monthly_cap_tokens not between 0 and 9007199254740991
    or (p_email is not null and (p_max_uses > 1 or p_email !~ '^[^@\s]+@[^@\s]+$' or char_length(p_email) > 320))
  then
    return private.wallet_refusal('invalid_request', 'Expected the digest of a code, a role (admin, member, viewer), 1 to '
      '1000 uses (with an e-mail address 1), and a time to live from 1 minute to 30 days');
  end if;
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  if private.may_manage(v_role, p_role) is not true then
    return private.wallet_refusal('forbidden', 'Owners may invite anybody, admins members and viewers');
  end if;
  delete from private.wallet_invitations
  where wallet_id = p_wallet_id and (expires_at <= clock_timestamp() or uses >= max_uses);
  if (select count(*) from private.wallet_invitations
      where wallet_id = p_wallet_id and (request_id = p_request_id) is not true)
    >= (select invitations_per_wallet from private.wallet_settings)
  then
    return private.wallet_refusal('wallet_limit_reached', 'The wallet has as many open invitations as it may have');
  end if;
  insert into private.wallet_invitations
    (wallet_id, created_by, request_id, code_digest, role, monthly_cap_tokens, email, max_uses, expires_at)
  values (p_wallet_id, p_user_id, p_request_id, p_code_digest, p_role, p_monthly_cap_tokens, lower(p_email), p_max_uses,
    clock_timestamp() + p_time_to_live)
  on conflict (wallet_id, request_id) do update set code_digest = excluded.code_digest
  where wallet_invitations.created_by = excluded.created_by and wallet_invitations.role = excluded.role
    and wallet_invitations.monthly_cap_tokens is not distinct from excluded.monthly_cap_tokens
    and wallet_invitations.email is not distinct from excluded.email and wallet_invitations.max_uses = excluded.max_uses
  returning * into v_invitation;
  if not found then
    return private.wallet_refusal('idempotency_key_reused', 'This request id belongs to another invitation');
  end if;
  return private.wallet_done(jsonb_build_object('invitation_id', v_invitation.id, 'expires_at', v_invitation.expires_at));
end;
$$;

comment on function public.invite_to_wallet(uuid, uuid, text, text, text, bigint, text, integer, interval) is
  'Keeps an invitation to a wallet, of whose code it learns the digest alone. With an e-mail address only who has confirmed it '
  'may accept. The same request again is the same invitation with another code. Returns success, error, invitation_id, '
  'expires_at. Errors: invalid_request, forbidden, wallet_limit_reached, idempotency_key_reused.';

create function public.list_wallet_invitations(p_user_id uuid, p_wallet_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if (private.wallet_role(p_wallet_id, p_user_id) in ('owner', 'admin')) is not true then
    return null;
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('invitation_id', id, 'created_by', created_by, 'role', role,
      'monthly_cap_tokens', monthly_cap_tokens, 'email', email, 'max_uses', max_uses, 'uses', uses,
      'created_at', created_at, 'expires_at', expires_at) order by created_at, id), '[]')
    from private.wallet_invitations
    where wallet_id = p_wallet_id and expires_at > now() and uses < max_uses);
end;
$$;

comment on function public.list_wallet_invitations(uuid, uuid) is
  'The open invitations to a wallet, without their codes. Null if the caller is neither an owner nor an admin.';

create function public.withdraw_wallet_invitation(p_user_id uuid, p_wallet_id uuid, p_invitation_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
begin
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  if (v_role in ('owner', 'admin')) is not true then
    return private.wallet_refusal('forbidden', 'Only an owner or admin of the wallet may withdraw invitations');
  end if;
  delete from private.wallet_invitations where id = p_invitation_id and wallet_id = p_wallet_id;
  return private.wallet_done();
end;
$$;

comment on function public.withdraw_wallet_invitation(uuid, uuid, uuid) is
  'Ends an invitation; for one that has ended already it succeeds, too. Errors: forbidden.';

create function public.accept_wallet_invitation(p_user_id uuid, p_code_digest text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- One answer for a code that is unknown, expired, used up, withdrawn or for another address: nobody learns which it is.
  v_unknown constant jsonb := private.wallet_refusal('not_found', 'This invitation is not valid, or no longer valid');
  v_roles constant text[] := array['viewer', 'member', 'admin', 'owner'];
  v_invitation private.wallet_invitations;
  v_member private.wallet_members;
begin
  if p_user_id is null then
    return private.wallet_refusal('invalid_request', 'user_id is missing');
  elsif not private.lock_memberships(p_user_id) then
    return private.wallet_refusal('account_paused', 'This account is paused: it was deleted');
  end if;
  select * into v_invitation from private.wallet_invitations where code_digest = p_code_digest;
  if not found then
    return v_unknown;
  end if;
  perform private.lock_wallet_as(v_invitation.wallet_id, p_user_id);
  select * into v_member from private.wallet_members
  where wallet_id = v_invitation.wallet_id and user_id = p_user_id;
  select * into v_invitation from private.wallet_invitations
  where id = v_invitation.id and code_digest = p_code_digest and expires_at > clock_timestamp()
    and (email is null or email = (
      select lower(users.email) from auth.users where users.id = p_user_id and users.email_confirmed_at is not null))
    -- Who was removed needs an invitation made since.
    and (v_member.removed_by is null or v_member.removed_at < created_at);
  if not found then
    return v_unknown;
  elsif v_member.user_id is not null and v_member.removed_at is null then
    return private.wallet_done(jsonb_build_object('wallet_id', v_member.wallet_id, 'role', v_member.role));
  elsif (select count(*) from private.wallet_members
      where wallet_id = v_invitation.wallet_id and removed_at is null)
      >= (select members_per_wallet from private.wallet_settings)
    or (select count(*) from private.wallet_members where user_id = p_user_id and removed_at is null)
      >= (select memberships_per_user from private.wallet_settings)
  then
    return private.wallet_refusal('wallet_limit_reached',
      'The wallet has as many members as it may have, or you are in as many teams as you may be');
  end if;
  if v_member.invitation_id is distinct from v_invitation.id then
    update private.wallet_invitations set uses = uses + 1 where id = v_invitation.id and uses < max_uses;
    if not found then
      return v_unknown;
    end if;
  end if;
  insert into private.wallet_members as known (wallet_id, user_id, role, monthly_cap_tokens, invitation_id)
  values (v_invitation.wallet_id, p_user_id, v_invitation.role, v_invitation.monthly_cap_tokens, v_invitation.id)
  -- What was spent stays, and so does a cap, unless the new one is lower. A role that was taken away comes back only by an
  -- invitation made after the member left.
  on conflict (wallet_id, user_id) do update
  set role = case when v_invitation.created_at > known.removed_at then excluded.role
      else v_roles[least(array_position(v_roles, known.role), array_position(v_roles, excluded.role))] end,
    joined_at = clock_timestamp(), removed_at = null, removed_by = null,
    invitation_id = excluded.invitation_id,
    monthly_cap_tokens = least(known.monthly_cap_tokens, excluded.monthly_cap_tokens)
  returning * into v_member;
  return private.wallet_done(jsonb_build_object('wallet_id', v_member.wallet_id, 'role', v_member.role));
end;
$$;

comment on function public.accept_wallet_invitation(uuid, text) is
  'Lets a user into the wallet of an invitation, by the digest of its code. Who is a member already keeps its role. Who left '
  'and comes back takes no further use, keeps its cap and what it spent, and with an invitation from before it left gets no '
  'higher role than it had. Returns success, error, wallet_id, role. Errors: not_found (one answer for every code that opens '
  'nothing), wallet_limit_reached, account_paused (a user who was forgotten).';

create function public.set_wallet_role(p_user_id uuid, p_wallet_id uuid, p_member_id uuid, p_role text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
  v_member_role text;
begin
  if (p_role in ('owner', 'admin', 'member', 'viewer')) is not true then
    return private.wallet_refusal('invalid_request', 'A role is owner, admin, member or viewer');
  end if;
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  v_member_role := private.wallet_role(p_wallet_id, p_member_id);
  if v_role is null then
    return private.wallet_refusal('forbidden', 'You are not a member of this wallet');
  elsif v_member_role is null then
    return private.wallet_refusal('not_found', 'The wallet has no such member');
  elsif (private.may_manage(v_role, v_member_role) and private.may_manage(v_role, p_role)) is not true then
    return private.wallet_refusal('forbidden', 'Owners may change any role, admins those of members and viewers');
  elsif p_role <> 'owner' and private.is_last_owner(p_wallet_id, p_member_id) then
    return private.wallet_refusal('last_owner', 'This is the last owner: make another one first');
  end if;
  update private.wallet_members set role = p_role where wallet_id = p_wallet_id and user_id = p_member_id;
  perform private.close_doors_of(p_wallet_id, p_member_id, p_role);
  return private.wallet_done();
end;
$$;

comment on function public.set_wallet_role(uuid, uuid, uuid, text) is
  'Gives a member another role, and deletes its open invitations that it may not make with that role. Errors: '
  'invalid_request, forbidden, not_found, last_owner.';

create function public.set_member_cap(p_user_id uuid, p_wallet_id uuid, p_member_id uuid, p_monthly_cap_tokens bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
  v_member_role text;
begin
  if p_monthly_cap_tokens not between 0 and 9007199254740991 then
    return private.wallet_refusal('invalid_request', 'Expected a cap of 0 to 9007199254740991 tokens, or null for none');
  end if;
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  v_member_role := private.wallet_role(p_wallet_id, p_member_id);
  if v_role is null then
    return private.wallet_refusal('forbidden', 'You are not a member of this wallet');
  elsif v_member_role is null then
    return private.wallet_refusal('not_found', 'The wallet has no such member');
  elsif private.may_manage(v_role, v_member_role) is not true then
    return private.wallet_refusal('forbidden', 'Owners may set any cap, admins those of members and viewers');
  end if;
  update private.wallet_members set monthly_cap_tokens = p_monthly_cap_tokens
  where wallet_id = p_wallet_id and user_id = p_member_id;
  return private.wallet_done();
end;
$$;

comment on function public.set_member_cap(uuid, uuid, uuid, bigint) is
  'Sets the most that a member may spend in a month (UTC); null: no cap. What it spent this month counts. Errors: '
  'invalid_request, forbidden, not_found.';

create function public.remove_wallet_member(p_user_id uuid, p_wallet_id uuid, p_member_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
  v_member private.wallet_members;
begin
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  select * into v_member from private.wallet_members where wallet_id = p_wallet_id and user_id = p_member_id;
  if v_role is null and p_member_id = p_user_id and v_member.removed_at is not null then
    return private.wallet_done(); -- It has left before.
  elsif v_role is null then
    return private.wallet_refusal('forbidden', 'You are not a member of this wallet');
  elsif v_member.user_id is null then
    return private.wallet_refusal('not_found', 'The wallet has no such member');
  elsif v_member.removed_at is not null then
    -- Who left by itself may come back. Who is removed after that may not.
    if private.may_manage(v_role, v_member.role) then
      update private.wallet_members
      set removed_at = clock_timestamp(), removed_by = p_user_id
      where wallet_id = p_wallet_id and user_id = p_member_id;
    end if;
    return private.wallet_done();
  elsif p_member_id <> p_user_id and private.may_manage(v_role, v_member.role) is not true then
    return private.wallet_refusal('forbidden', 'Owners may remove anybody, admins members and viewers');
  elsif private.is_last_owner(p_wallet_id, p_member_id) then
    return private.wallet_refusal('last_owner', 'This is the last owner: make another one first');
  end if;
  perform private.end_membership(p_wallet_id, p_member_id, nullif(p_user_id, p_member_id));
  return private.wallet_done();
end;
$$;

comment on function public.remove_wallet_member(uuid, uuid, uuid) is
  'Takes a member out of a wallet; with p_member_id = p_user_id the user leaves. Its running requests end as they would have, '
  'its next one is refused. Who was removed, even after it had left, comes back only with an invitation made since. Errors: '
  'forbidden, not_found, last_owner.';

create function public.transfer_wallet(p_user_id uuid, p_wallet_id uuid, p_member_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_role text;
begin
  v_role := private.lock_wallet_as(p_wallet_id, p_user_id);
  if v_role is distinct from 'owner' then
    return private.wallet_refusal('forbidden', 'Only an owner of the wallet may hand it over');
  elsif private.wallet_role(p_wallet_id, p_member_id) is null then
    return private.wallet_refusal('not_found', 'The wallet has no such member');
  elsif p_member_id <> p_user_id then
    update private.wallet_members
    set role = case when user_id = p_member_id then 'owner' else 'admin' end
    where wallet_id = p_wallet_id and user_id in (p_user_id, p_member_id);
    perform private.close_doors_of(p_wallet_id, p_user_id, 'admin');
  end if;
  return private.wallet_done();
end;
$$;

comment on function public.transfer_wallet(uuid, uuid, uuid) is
  'Makes a member an owner, and the owner who calls an admin. Errors: forbidden, not_found.';

create function private.cleanup_wallet_invitations(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.wallet_invitations
  where id = any(array(
    select id from private.wallet_invitations
    where expires_at < now() - interval '1 hour'
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cleanup_wallet_invitations(integer) is
  'Deletes invitations that have expired, with the e-mail addresses in them, at most p_limit. Returns how many.';

create function private.forget_member(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_wallet_id uuid;
  v_heir uuid;
begin
  for v_wallet_id in
    select wallet_id from private.wallet_members where user_id = p_user_id and removed_at is null order by wallet_id
  loop
    if private.is_last_owner(v_wallet_id, p_user_id) then
      select user_id into v_heir from private.wallet_members
      where wallet_id = v_wallet_id and user_id <> p_user_id and removed_at is null and role in ('admin', 'member')
      order by role = 'admin' desc, joined_at, user_id
      limit 1;
      if found then
        update private.wallet_members set role = 'owner' where wallet_id = v_wallet_id and user_id = v_heir;
      else
        perform private.close_wallet_of(v_wallet_id);
        update private.wallets set name = '' where id = v_wallet_id;
      end if;
    end if;
    perform private.end_membership(v_wallet_id, p_user_id, null);
  end loop;
  delete from private.wallet_invitations
  where created_by = p_user_id
    or email = (select lower(users.email) from auth.users where users.id = p_user_id);
end;
$$;

comment on function private.forget_member(uuid) is
  'Takes a user out of its teams. Where it was the last owner, the admin who has been there longest becomes one, else the '
  'member; where there is neither, the wallet is closed. Its caller has locked all of those wallets.';

create function private.export_member(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'memberships', (
      select coalesce(jsonb_agg(jsonb_build_object('wallet_id', wallets.id, 'name', wallets.name, 'role', members.role,
        'monthly_cap_tokens', members.monthly_cap_tokens, 'month', nullif(members.month, '-infinity'),
        'spent', members.spent, 'joined_at', members.joined_at, 'removed_at', members.removed_at)
        order by members.joined_at, wallets.id), '[]')
      from private.wallet_members as members
      join private.wallets on wallets.id = members.wallet_id
      where members.user_id = p_user_id),
    'invitations', (
      select coalesce(jsonb_agg(jsonb_build_object('wallet_id', wallet_id, 'role', role, 'email', email,
        'created_at', created_at, 'expires_at', expires_at) order by created_at, id), '[]')
      from private.wallet_invitations
      where created_by = p_user_id));
end;
$$;

comment on function private.export_member(uuid) is 'A part of export_ledger_user: the teams of a user, and whom it invited.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.wallet_refusal(text, text),
  private.wallet_done(jsonb),
  private.lock_memberships(uuid),
  private.lock_wallet_as(uuid, uuid),
  private.may_manage(text, text),
  private.is_last_owner(uuid, uuid),
  private.close_doors_of(uuid, uuid, text),
  private.end_membership(uuid, uuid, uuid),
  private.close_wallet_of(uuid),
  private.forget_member(uuid),
  private.export_member(uuid),
  public.create_wallet(uuid, text, text),
  public.rename_wallet(uuid, uuid, text),
  public.close_wallet(uuid, uuid),
  public.list_wallets(uuid),
  public.list_wallet_members(uuid, uuid),
  public.wallet_usage(uuid, uuid, date),
  public.invite_to_wallet(uuid, uuid, text, text, text, bigint, text, integer, interval),
  public.list_wallet_invitations(uuid, uuid),
  public.withdraw_wallet_invitation(uuid, uuid, uuid),
  public.accept_wallet_invitation(uuid, text),
  public.set_wallet_role(uuid, uuid, uuid, text),
  public.set_member_cap(uuid, uuid, uuid, bigint),
  public.remove_wallet_member(uuid, uuid, uuid),
  public.transfer_wallet(uuid, uuid, uuid),
  private.cleanup_wallet_invitations(integer)
from public, anon, authenticated;

grant execute on function
  public.create_wallet(uuid, text, text),
  public.rename_wallet(uuid, uuid, text),
  public.close_wallet(uuid, uuid),
  public.list_wallets(uuid),
  public.list_wallet_members(uuid, uuid),
  public.wallet_usage(uuid, uuid, date),
  public.invite_to_wallet(uuid, uuid, text, text, text, bigint, text, integer, interval),
  public.list_wallet_invitations(uuid, uuid),
  public.withdraw_wallet_invitation(uuid, uuid, uuid),
  public.accept_wallet_invitation(uuid, text),
  public.set_wallet_role(uuid, uuid, uuid, text),
  public.set_member_cap(uuid, uuid, uuid, bigint),
  public.remove_wallet_member(uuid, uuid, uuid),
  public.transfer_wallet(uuid, uuid, uuid)
to service_role;

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_wallet_invitations', '25 * * * *', 'sql', 'private.cleanup_wallet_invitations', true, null, 60000, '1 day',
    'Deletes invitations to wallets that have expired');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.wallet_invitations where created_by = gen_random_uuid();
  perform 1 from private.wallet_invitations where expires_at < now();
end;
$$;
