-- All grants of a wallet, with what became of each; wallet_state() has only those with something left.

-- Functions -----------------------------------------------------------------------------------------------------

create function public.list_token_grants(
  p_wallet_id uuid,
  p_actor_id uuid default null,
  p_before_entry bigint default null,
  p_limit integer default 100
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(p_limit, 1), 1000);
  v_list jsonb;
begin
  if p_actor_id <> p_wallet_id and private.wallet_role(p_wallet_id, p_actor_id) is null then
    return null;
  end if;
  perform from public.token_balances where user_id = p_wallet_id and next_expiry_at <= clock_timestamp();
  if found then
    perform private.lock_current_wallet(p_wallet_id);
  end if;
  -- One statement: all of it as it is at one moment.
  select jsonb_build_object(
    'balance', balances.balance,
    'held', balances.held,
    'available', balances.balance - balances.held,
    'debt', balances.debt,
    'grants', coalesce(jsonb_agg(jsonb_build_object('entry_number', page.entry_number, 'kind', page.kind,
      'priority', page.priority, 'amount', page.amount, 'remaining', coalesce(left_of.tokens, 0),
      'spent', page.amount + page.refunded - page.expired - page.reversed - page.rolled_over - coalesce(left_of.tokens, 0),
      'refunded', page.refunded, 'expired', page.expired, 'reversed', page.reversed, 'rolled_over', page.rolled_over,
      'effective_at', page.effective_at, 'expires_at', nullif(page.expires_at, 'infinity'), 'source', page.source)
      order by page.entry_number desc) filter (where page.id is not null), '[]'),
    'next_before_entry', case when count(page.id) = v_limit then min(page.entry_number) end,
    'pending_grants', case when p_before_entry is null then (
      select coalesce(jsonb_agg(jsonb_build_object('kind', grants.kind, 'priority', grants.priority,
        'amount', grants.amount - grants.reversed, 'effective_at', grants.effective_at,
        'expires_at', nullif(grants.expires_at, 'infinity'), 'source', grants.source)
        order by grants.effective_at, grants.id), '[]')
      from public.token_grants as grants
      where grants.wallet_id = p_wallet_id and grants.entry_number is null) else '[]' end)
  into v_list
  from public.token_balances as balances
  left join lateral (
    select grants.* from public.token_grants as grants
    where grants.wallet_id = balances.user_id and grants.entry_number is not null
      and grants.entry_number < coalesce(p_before_entry, 9223372036854775807)
    order by grants.entry_number desc
    limit v_limit
  ) as page on true
  left join private.grants_left(balances.user_id, balances.granted - balances.balance) as left_of on left_of.grant_id = page.id
  where balances.user_id = p_wallet_id
  group by balances.user_id;
  return coalesce(v_list, jsonb_build_object('balance', 0, 'held', 0, 'available', 0, 'debt', 0, 'grants', '[]'::jsonb,
    'next_before_entry', null, 'pending_grants', '[]'::jsonb));
end;
$$;

comment on function public.list_token_grants(uuid, uuid, bigint, integer) is
  'All grants of a wallet, the newest first: {entry_number, kind, priority, amount, remaining, spent, '
  'refunded, expired, reversed, rolled_over, effective_at, expires_at (null: never), source}, where amount + refunded - spent - '
  'expired - reversed - rolled_over = remaining. At most p_limit (100; 1 to 1,000) with an entry_number below p_before_entry: '
  'next_before_entry is that of the next page, null where there is none. The first page has pending_grants too, those that have '
  'not begun. With balance, held, available and debt of the same moment. With p_actor_id: null unless the wallet is the actor''s '
  'own, or that of a team that it is in.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function public.list_token_grants(uuid, uuid, bigint, integer) from public, anon, authenticated;

grant execute on function public.list_token_grants(uuid, uuid, bigint, integer) to service_role;
