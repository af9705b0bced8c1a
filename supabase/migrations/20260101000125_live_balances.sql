-- Who watches a wallet hears at once what becomes of its balance: a broadcast of Supabase Realtime on the private topic
-- wallet:<id>. A broadcast is a hint; the row of token_balances is the truth, and counts what was told of it.
--
-- A charge that nobody watches pays for one comparison in its own row. One that is watched tells at its commit, and what goes
-- wrong with telling is no matter of the charge.

-- Tables --------------------------------------------------------------------------------------------------------

alter table public.token_balances
  add column watched_until timestamptz,
  add column change_number bigint not null default 0;

comment on column public.token_balances.watched_until is
  'Until then changes of balance and held are told on the topic wallet:<id>. Null: nobody watches.';
comment on column public.token_balances.change_number is
  'Number of the newest change while somebody watched. It also counts each time that nobody had watched for a while, so that '
  'nobody takes for the newest what is not.';

-- Functions -----------------------------------------------------------------------------------------------------

create function private.may_hear_wallet()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  -- As realtime.topic(), which need not be there.
  v_topic constant text := current_setting('realtime.topic', true);
begin
  return v_topic = 'wallet:' || (select auth.uid()) or v_topic = any (
    select 'wallet:' || wallet_id from unnest(private.shared_wallets()) as shared (wallet_id));
end;
$$;

comment on function private.may_hear_wallet() is
  'Whether the topic that is asked about is that of a wallet whose balance the caller may read: its own, or that of a team it is a member of.';

create function private.open_wallet_topics()
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if to_regclass('realtime.messages') is null then
    return false;
  end if;
  execute 'drop policy if exists "who may read a wallet hears of its balance" on realtime.messages';
  execute $policy$
    create policy "who may read a wallet hears of its balance" on realtime.messages
      for select to authenticated
      using (extension = 'broadcast' and (select private.may_hear_wallet()))
  $policy$;
  return true;
end;
$$;

comment on function private.open_wallet_topics() is
  'Lets who may read a wallet join its topic, and nobody send there. False where there is no Realtime: run it again once there is.';

create function private.tell_balance()
returns trigger
language plpgsql
security definer
set search_path = ''
set lock_timeout = '50ms'
as $$
declare
  v_number bigint;
begin
  if new.watched_until <= now() then
    -- Nobody has watched for a while: the next charge need not look.
    update public.token_balances set watched_until = null where user_id = new.user_id and watched_until = new.watched_until;
    return null;
  elsif new.balance = old.balance and new.held = old.held then
    return null;
  end if;
  -- Of several changes in a transaction nobody else has seen any but the last.
  update public.token_balances set change_number = change_number + 1
  where user_id = new.user_id and balance = new.balance and held = new.held
  returning change_number into v_number;
  if found and to_regprocedure('realtime.send(jsonb, text, text, boolean)') is not null then
    begin
      execute 'select realtime.send($1, $2, $3, true)'
      using jsonb_build_object('id', new.user_id, 'balance', new.balance, 'held', new.held, 'sequence', v_number), 'balance',
        'wallet:' || new.user_id;
    exception when others then
      raise warning 'A change of the balance of % is not told: %', new.user_id, sqlerrm;
    end;
  end if;
  return null;
end;
$$;

comment on function private.tell_balance() is
  'Broadcasts a wallet''s balance as its transaction leaves it, with the change''s number. A failure is a warning: no charge fails over '
  'it, or waits for more than a moment.';

-- At the commit, when the transaction has done with the row. Its condition is all that a charge pays that nobody watches, and
-- short, as Postgres reads it anew for each statement.
create constraint trigger token_balances_tell
  after update of balance, held on public.token_balances
  deferrable initially deferred
  for each row
  when (new.watched_until is not null)
  execute function private.tell_balance();

create function public.watch_wallet(p_user_id uuid, p_wallet_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_balance public.token_balances;
begin
  if p_wallet_id <> p_user_id and private.wallet_role(p_wallet_id, p_user_id) is null then
    return private.wallet_refusal('forbidden', 'You are no member of this wallet');
  end if;
  if p_wallet_id = p_user_id then
    insert into public.token_balances (user_id) values (p_user_id) on conflict do nothing;
  end if;
  perform from public.token_balances where user_id = p_wallet_id and next_expiry_at <= clock_timestamp();
  if found then
    perform from public.token_balances where user_id = p_wallet_id for update;
    perform private.apply_grant_events(p_wallet_id, clock_timestamp());
  end if;
  -- The time once the row is locked: who charged without telling came before it. Asked often, it is written seldom.
  update public.token_balances
  set watched_until = clock_timestamp() + interval '15 minutes',
    change_number = change_number + case when watched_until > clock_timestamp() then 0 else 1 end
  where user_id = p_wallet_id and (watched_until > clock_timestamp() + interval '10 minutes') is not true;
  select * into v_balance from public.token_balances where user_id = p_wallet_id;
  return private.wallet_done(jsonb_build_object('wallet_id', p_wallet_id, 'topic', 'wallet:' || p_wallet_id,
    'balance', v_balance.balance, 'held', v_balance.held, 'available', v_balance.balance - v_balance.held,
    'sequence', v_balance.change_number, 'watched_until', v_balance.watched_until));
end;
$$;

comment on function public.watch_wallet(uuid, uuid) is
  'Has changes of a wallet''s balance told on its topic for the next 10 to 15 minutes, and returns the balance as it is now, with the '
  'number of its newest change. Errors: forbidden.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.may_hear_wallet(),
  private.open_wallet_topics(),
  private.tell_balance(),
  public.watch_wallet(uuid, uuid)
from public, anon, authenticated;

-- Asked by a policy, which needs no way into the schema.
grant execute on function private.may_hear_wallet() to authenticated;
grant execute on function public.watch_wallet(uuid, uuid) to service_role;

-- Policies ------------------------------------------------------------------------------------------------------

select private.open_wallet_topics();
