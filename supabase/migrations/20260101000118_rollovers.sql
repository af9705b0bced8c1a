-- The renewal of a plan: what is left of its grant goes over into the next period, as far as the caps allow.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.token_rollovers (
  request_id text collate "C" not null,
  wallet_id uuid not null,
  digest text not null,
  rolled_over bigint not null,
  expired bigint not null,
  created_at timestamptz not null,
  constraint token_rollovers_pkey primary key (request_id)
);

create index token_rollovers_wallet_id_idx on private.token_rollovers (wallet_id);

comment on table private.token_rollovers is 'Rollovers; kept for good, so that each happens once.';
comment on column private.token_rollovers.wallet_id is 'The user_id of token_balances.';
comment on column private.token_rollovers.rolled_over is 'How many tokens went over into the new grant.';
comment on column private.token_rollovers.expired is 'How many tokens were left and expired, then or before.';
comment on column private.token_rollovers.digest is 'What was asked for, to know a repetition.';

alter table private.token_rollovers enable row level security;

create policy "nobody but the functions" on private.token_rollovers using (false);

-- Functions -----------------------------------------------------------------------------------------------------

create function public.roll_over_grant(
  p_wallet_id uuid,
  p_source text,
  p_request_id text,
  p_cap_tokens numeric default null,
  p_cap_percent numeric default null,
  p_expires_at timestamptz default null,
  p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_problem constant text := case
    when (p_request_id <> '' and char_length(p_request_id) <= 255) is not true
      then 'request_id must have 1 to 255 characters'
    when p_wallet_id is null then 'wallet_id is missing'
    when (p_source <> '' and char_length(p_source) <= 255) is not true then 'source must have 1 to 255 characters'
    when p_cap_tokens <> least(greatest(trunc(p_cap_tokens), 0), 9007199254740991)
      then 'cap_tokens must be a whole number from 0 to 9007199254740991'
    when not p_cap_percent between 0 and 100 then 'cap_percent must be from 0 to 100' end;
  v_digest constant text := encode(sha256(convert_to(jsonb_build_array(p_source, trim_scale(p_cap_tokens),
    trim_scale(p_cap_percent), extract(epoch from p_expires_at)::text)::text, 'UTF8')), 'hex');
  v_known private.token_rollovers;
  v_balance public.token_balances;
  v_now timestamptz;
  v_ids bigint[];
  v_free bigint[];
  v_parts bigint[];
  v_amounts numeric;
  v_left numeric;
  v_is_late boolean;
  v_rolled bigint;
  v_expired bigint;
  v_priority integer;
  v_grant_id bigint;
begin
  if v_problem is not null then
    return private.token_refusal(p_request_id, 'invalid_request', v_problem, null, '{"rolled_over": 0, "expired": 0}');
  end if;
  insert into public.token_balances (user_id) values (p_wallet_id) on conflict do nothing;
  v_balance := private.lock_current_wallet(p_wallet_id);
  v_now := v_balance.updated_at;
  select * into v_known from private.token_rollovers where request_id = p_request_id;
  if found then
    if v_known.wallet_id <> p_wallet_id or v_known.digest <> v_digest then
      return private.token_refusal(p_request_id, 'idempotency_key_reused', 'This request id belongs to another request', null,
        '{"rolled_over": 0, "expired": 0}');
    end if;
    return jsonb_build_object('success', true, 'duplicate', true, 'error', null, 'rolled_over', v_known.rolled_over,
      'expired', v_known.expired, 'balance', v_balance.balance, 'request_id', p_request_id);
  elsif p_expires_at <= v_now then
    return private.token_refusal(p_request_id, 'invalid_request', 'expires_at has passed', null,
      '{"rolled_over": 0, "expired": 0}');
  end if;
  -- What is closed ends with this entry, and after every hold that was taken, also one of this very moment.
  v_now := v_now + interval '1 microsecond';
  update public.token_balances set updated_at = v_now where user_id = p_wallet_id;
  select array_agg(plan.id order by plan.place), array_agg(plan.free order by plan.place), coalesce(sum(plan.amount), 0),
    coalesce(sum(plan.free), 0), min(plan.priority)
  into v_ids, v_free, v_amounts, v_left, v_priority
  from (
    select grants.id, grants.amount, grants.priority, coalesce(free.tokens, 0) as free,
      row_number() over (order by grants.priority, grants.expires_at, grants.entry_number) as place
    from public.token_grants as grants
    left join private.free_grants(p_wallet_id, v_now) as free on free.grant_id = grants.id
    where grants.wallet_id = p_wallet_id and grants.source = p_source and grants.kind = 'plan'
      and grants.remaining > 0 and grants.expires_at > v_now
  ) as plan;
  v_is_late := v_ids is null;
  if v_is_late then
    -- A renewal is told by a webhook, which may come late: what expired a short time ago is as good as left.
    select array_agg(grants.id), coalesce(sum(grants.amount), 0), coalesce(sum(grants.expired), 0), min(grants.priority)
    into v_ids, v_amounts, v_left, v_priority
    from public.token_grants as grants
    where grants.wallet_id = p_wallet_id and grants.source = p_source and grants.kind = 'plan' and grants.renewed_at is null
      and grants.expires_at <= v_now
      and grants.expires_at > v_now - (select settings.rollover_grace from private.token_settings as settings)
      and grants.expired > 0;
    v_left := least(v_left, greatest(private.room_for_tokens(v_balance), 0));
  end if;
  v_rolled := least(v_left, p_cap_tokens, floor(v_amounts * p_cap_percent / 100));
  insert into private.token_rollovers (request_id, wallet_id, digest, rolled_over, expired, created_at)
  values (p_request_id, p_wallet_id, v_digest, v_rolled, 0, v_now)
  on conflict do nothing;
  if not found then -- Another wallet has just taken this id.
    return private.token_refusal(p_request_id, 'idempotency_key_reused', 'This request id belongs to another request', null,
      '{"rolled_over": 0, "expired": 0}');
  end if;
  update public.token_grants set renewed_at = v_now where id = any(v_ids);
  if v_is_late then
    if v_rolled > 0 then
      perform private.make_grant(p_wallet_id, 'rollover', v_priority, v_rolled, v_now, coalesce(p_expires_at, 'infinity'),
        p_source, null, jsonb_strip_nulls(jsonb_build_object('reason', p_reason)));
    end if;
    v_expired := v_left - v_rolled;
  else
    select array_agg(greatest(least(plan.free, v_rolled - plan.before), 0)::bigint order by plan.place) into v_parts
    from (
      select free, place, sum(free) over (order by place) - free as before
      from unnest(v_free) with ordinality as one (free, place)
    ) as plan;
    update public.token_grants as grants
    set remaining = grants.remaining - parts.tokens, rolled_over = grants.rolled_over + parts.tokens, expires_at = v_now
    from unnest(v_ids, v_parts) as parts (grant_id, tokens)
    where grants.id = parts.grant_id;
    if v_rolled > 0 then
      v_grant_id := private.make_grant(p_wallet_id, 'rollover', v_priority, v_rolled, v_now, coalesce(p_expires_at, 'infinity'),
        p_source, null, '{}');
    end if;
    v_balance := private.post_token_entry(p_wallet_id, 0, 0, 'rollover', null,
      jsonb_strip_nulls(jsonb_build_object('reason', p_reason, 'grants', private.parts_of_grants(v_ids, v_parts)))
      || coalesce((select metadata from public.token_grants where id = v_grant_id), '{}'));
    update public.token_grants set remaining = amount, entry_number = v_balance.entry_count, metadata = null
    where id = v_grant_id;
  end if;
  v_balance := private.apply_grant_events(p_wallet_id, v_now);
  if not v_is_late then
    -- Not all that is left: a running request may need of it what it would have taken elsewhere.
    select coalesce(sum(expired), 0) into v_expired from public.token_grants where id = any(v_ids);
  end if;
  update private.token_rollovers set expired = v_expired where request_id = p_request_id;
  return jsonb_build_object('success', true, 'duplicate', false, 'error', null, 'rolled_over', v_rolled,
    'expired', v_expired, 'balance', v_balance.balance, 'request_id', p_request_id);
end;
$$;

comment on function public.roll_over_grant(uuid, text, text, numeric, numeric, timestamptz, text) is
  'Ends the grants of kind plan of a source now, and makes one of kind rollover of what is left of them: at most p_cap_tokens and '
  'p_cap_percent of what they were (null: no cap), with an end of its own (null: none), their priority and source. The rest '
  'expires; what running requests need stays for them, and expires with them. Where they have ended already, by token_settings.rollover_grace '
  'at the most, it is made of what expired of them. Once per request id, for good. Returns success, duplicate, error, '
  'rolled_over, expired, balance, request_id. Errors: invalid_request, idempotency_key_reused.';

create function public.renew_grant(
  p_wallet_id uuid,
  p_request_id text,
  p_source text,
  p_new_source text,
  p_amount numeric,
  p_expires_at timestamptz,
  p_reason text,
  p_cap_tokens numeric default null,
  p_cap_percent numeric default null,
  p_rollover_expires_at timestamptz default null,
  p_priority integer default 50,
  p_metadata jsonb default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_rollover jsonb;
  v_grant jsonb;
begin
  if p_new_source = p_source then
    return private.token_refusal(p_request_id, 'invalid_request', 'new_source must not be source', null,
      '{"added": 0, "rolled_over": 0, "expired": 0}');
  end if;
  begin
    v_grant := public.add_tokens(p_wallet_id, p_amount, p_reason, p_metadata, p_request_id, 'plan', p_priority, null, p_expires_at,
      p_new_source);
    v_rollover := public.roll_over_grant(p_wallet_id, p_source, p_request_id, p_cap_tokens, p_cap_percent,
      p_rollover_expires_at, p_reason);
    if not (v_grant ->> 'success')::boolean or not (v_rollover ->> 'success')::boolean then
      raise sqlstate 'RENEW';
    end if;
  exception when sqlstate 'RENEW' then
    return case when (v_grant ->> 'success')::boolean then v_rollover else v_grant end
      || '{"added": 0, "rolled_over": 0, "expired": 0}';
  end;
  return v_grant || jsonb_build_object('duplicate', (v_grant ->> 'duplicate')::boolean and (v_rollover ->> 'duplicate')::boolean,
    'rolled_over', v_rollover -> 'rolled_over', 'expired', v_rollover -> 'expired', 'balance', v_rollover -> 'balance');
end;
$$;

comment on function public.renew_grant(uuid, text, text, text, numeric, timestamptz, text, numeric, numeric, timestamptz, integer, jsonb) is
  'A renewal, whole or not at all, and once per request id: grants the new period''s tokens (kind plan, p_new_source) and rolls over '
  'what is left of the last one''s (p_source; roll_over_grant). Returns what add_tokens returns, with rolled_over and expired. '
  'Errors: invalid_request, idempotency_key_reused.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  public.roll_over_grant(uuid, text, text, numeric, numeric, timestamptz, text),
  public.renew_grant(uuid, text, text, text, numeric, timestamptz, text, numeric, numeric, timestamptz, integer, jsonb)
from public, anon, authenticated;

grant execute on function
  public.roll_over_grant(uuid, text, text, numeric, numeric, timestamptz, text),
  public.renew_grant(uuid, text, text, text, numeric, timestamptz, text, numeric, numeric, timestamptz, integer, jsonb)
to service_role;

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform 1 from private.token_rollovers where wallet_id = gen_random_uuid();
end;
$$;
