-- Wallets that a team shares, and what the ledger asks of them. A user's own wallet has the id of its user and needs nothing
-- of this; a team's has an id of its own, a row of token_balances from its first moment, and members who spend from it.
--
-- The wallet's row of token_balances is the lock here too: whoever writes to its members has locked that row first. So a removal,
-- a new role and a hold are decided one after the other.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.wallets (
  id uuid not null default gen_random_uuid(),
  name text not null,
  created_by uuid not null,
  request_id text collate "C",
  created_at timestamptz not null default now(),
  closed_at timestamptz,
  constraint wallets_pkey primary key (id),
  constraint wallets_made_once unique (created_by, request_id)
);

create index wallets_created_by_idx on private.wallets (created_by);

comment on table private.wallets is 'Wallets of teams. What they own is in public.token_balances, under the same id.';
comment on column private.wallets.name is 'For people; empty once the last of its members was forgotten.';
comment on column private.wallets.created_by is
  'Who made it. While it is open it counts towards wallet_settings.wallets_per_user of that user.';
comment on column private.wallets.request_id is 'The request that made it: a retry gets the same wallet.';
comment on column private.wallets.closed_at is 'When it was closed: it has no members and takes no request since; its ledger stays.';

create table private.wallet_members (
  wallet_id uuid not null,
  user_id uuid not null,
  role text not null,
  monthly_cap_tokens bigint,
  held bigint not null default 0,
  month date not null default '-infinity',
  spent bigint not null default 0,
  joined_at timestamptz not null default now(),
  removed_at timestamptz,
  removed_by uuid,
  invitation_id uuid,
  constraint wallet_members_pkey primary key (wallet_id, user_id),
  constraint wallet_members_wallet_fkey foreign key (wallet_id) references private.wallets (id) on delete cascade,
  constraint wallet_members_role_known check (role in ('owner', 'admin', 'member', 'viewer')),
  constraint wallet_members_numbers_sensible check (held >= 0 and monthly_cap_tokens >= 0)
) with (fillfactor = 50); -- Each hold and settlement of a member rewrites the row.

create index wallet_members_user_id_idx on private.wallet_members (user_id);

comment on table private.wallet_members is
  'Who shares a wallet. The row of a member who leaves stays, so that coming back renews no cap.';
comment on column private.wallet_members.wallet_id is 'The wallet, of private.wallets.';
comment on column private.wallet_members.role is
  'owner: everything. admin: invites, and manages members and viewers. member: spends. viewer: reads.';
comment on column private.wallet_members.monthly_cap_tokens is 'The most that the member may spend in a month (UTC); null: no cap.';
comment on column private.wallet_members.held is 'What the member''s running requests hold.';
comment on column private.wallet_members.month is 'The first day of the month of spent.';
comment on column private.wallet_members.spent is 'What the member was charged in that month and was not refunded.';
comment on column private.wallet_members.joined_at is 'When the member joined, the last time.';
comment on column private.wallet_members.removed_at is 'When it left or was removed; null: it is a member.';
comment on column private.wallet_members.removed_by is 'Who removed it; null: it left by itself.';
comment on column private.wallet_members.invitation_id is 'The invitation it joined with: coming back with that one takes no further use.';

create table private.wallet_settings (
  id boolean not null default true,
  wallets_per_user integer not null default 20,
  memberships_per_user integer not null default 100,
  members_per_wallet integer not null default 500,
  invitations_per_wallet integer not null default 50,
  constraint wallet_settings_pkey primary key (id),
  constraint wallet_settings_one_row check (id),
  constraint wallet_settings_not_negative check (
    least(wallets_per_user, memberships_per_user, members_per_wallet, invitations_per_wallet) >= 0)
);

comment on table private.wallet_settings is 'How many wallets, members and invitations there may be, changed by an operator in SQL.';
comment on column private.wallet_settings.wallets_per_user is 'How many open wallets a user may have made.';
comment on column private.wallet_settings.memberships_per_user is 'In how many teams a user may be.';
comment on column private.wallet_settings.members_per_wallet is 'How many members a wallet may have.';
comment on column private.wallet_settings.invitations_per_wallet is 'How many invitations of a wallet may be open.';

insert into private.wallet_settings default values;

-- Functions -----------------------------------------------------------------------------------------------------

create function private.shared_wallets()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return array(
    select wallet_id from private.wallet_members where user_id = (select auth.uid()) and removed_at is null);
end;
$$;

comment on function private.shared_wallets() is 'The wallets of the teams that the caller is a member of.';

create function private.once_shared_wallets()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return array(select wallet_id from private.wallet_members where user_id = (select auth.uid()));
end;
$$;

comment on function private.once_shared_wallets() is
  'The wallets of the teams that the caller is or was a member of: it may read the answers to its own requests after it has left.';

create function private.wallet_role(p_wallet_id uuid, p_user_id uuid)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (
    select role from private.wallet_members
    where wallet_id = p_wallet_id and user_id = p_user_id and removed_at is null);
end;
$$;

comment on function private.wallet_role(uuid, uuid) is
  'A member''s role in a wallet; null for anybody else, and for a wallet that does not exist.';

create function private.month_of(p_at timestamptz)
returns date
language plpgsql
immutable
set search_path = ''
as $$
begin
  return date_trunc('month', p_at at time zone 'UTC')::date;
end;
$$;

comment on function private.month_of(timestamptz) is 'The first day of the month (UTC) that a time is in.';

create function private.take_member_hold(p_wallet_id uuid, p_actor_id uuid, p_amount bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- The time once the wallet's row is locked: who waited for it over midnight is in the new month.
  update private.wallet_members
  set held = held + p_amount
  where wallet_id = p_wallet_id and user_id = p_actor_id and removed_at is null and role <> 'viewer'
    and (monthly_cap_tokens is null
      or held + p_amount + case when month >= private.month_of(clock_timestamp()) then spent else 0 end <= monthly_cap_tokens);
  return found;
end;
$$;

comment on function private.take_member_hold(uuid, uuid, bigint) is
  'Counts a hold for the member who asked for it, if that member may spend so much. Returns whether it may. The caller has '
  'locked the wallet''s balance.';

create function private.end_member_hold(
  p_wallet_id uuid,
  p_actor_id uuid,
  p_released bigint,
  p_charged bigint,
  p_at timestamptz
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_month constant date := private.month_of(p_at);
begin
  update private.wallet_members
  set held = held - p_released,
    spent = case when month >= v_month then spent else 0 end + p_charged,
    month = greatest(month, v_month)
  where wallet_id = p_wallet_id and user_id = p_actor_id;
end;
$$;

comment on function private.end_member_hold(uuid, uuid, bigint, bigint, timestamptz) is
  'Takes a hold off its member and counts what was charged for it in the month of the entry, member or not by now.';

create function private.take_off_member(p_wallet_id uuid, p_actor_id uuid, p_charged_at timestamptz, p_tokens bigint)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.wallet_members
  set spent = spent - p_tokens
  where wallet_id = p_wallet_id and user_id = p_actor_id and month = private.month_of(p_charged_at);
end;
$$;

comment on function private.take_off_member(uuid, uuid, timestamptz, bigint) is
  'Takes a refunded charge off what a member spent, if its month still counts: it no longer counts in the cap.';

create function private.give_back_member_holds(p_wallet_id uuid, p_holds jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.wallet_members as members
  set held = members.held - ended.amount
  from (
    select actor_id, sum(amount)::bigint as amount
    from jsonb_to_recordset(p_holds) as holds (actor_id uuid, amount bigint)
    group by actor_id
  ) as ended
  where members.wallet_id = p_wallet_id and members.user_id = ended.actor_id;
end;
$$;

comment on function private.give_back_member_holds(uuid, jsonb) is
  'Takes holds that ended at no charge, [{"actor_id", "amount"}], off the members who asked for them.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.wallets enable row level security;
alter table private.wallet_members enable row level security;
alter table private.wallet_settings enable row level security;

create policy "nobody but the functions" on private.wallets using (false);
create policy "nobody but the functions" on private.wallet_members using (false);
create policy "nobody but the functions" on private.wallet_settings using (false);

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.shared_wallets(),
  private.once_shared_wallets(),
  private.wallet_role(uuid, uuid),
  private.month_of(timestamptz),
  private.take_member_hold(uuid, uuid, bigint),
  private.end_member_hold(uuid, uuid, bigint, bigint, timestamptz),
  private.take_off_member(uuid, uuid, timestamptz, bigint),
  private.give_back_member_holds(uuid, jsonb)
from public, anon, authenticated;

-- Policies call them with the reader's rights. That needs no usage of the schema, which stays closed. They take no arguments,
-- so that a reader learns of itself alone.
grant execute on function private.shared_wallets(), private.once_shared_wallets() to authenticated;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.wallets where created_by = gen_random_uuid();
  perform 1 from private.wallet_members where user_id = gen_random_uuid();
end;
$$;
