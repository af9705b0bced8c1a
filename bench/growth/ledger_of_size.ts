import type postgres from "postgres";

import { chooseOf, REQUEST_ID } from "../ledger/users.ts";

export interface Size {
  entries: number;
  users: number;
}

/**
 * The users who send requests during the measurement: the same number in every ledger, because growth means more
 * history, not more load.
 */
export const ACTIVE_USERS = 500;

/** Requests of the last day, which are kept for retries. */
const REQUESTS = 100_000;
const TOKENS = 1e12;

const USER = userOf(":user");
const CHOOSE = chooseOf(1, ACTIVE_USERS);

/** The ledger calls of a running app, as scripts for pgbench. */
export const OPERATIONS: Record<string, string> = {
  "a charge": `${CHOOSE}
select consume_tokens_atomic(${REQUEST_ID}, ${USER}, 1, 'meal-analyzer');\n`,
  "a hold and its settlement": `${CHOOSE}
select hold_tokens(${REQUEST_ID}, ${USER}, 5, 'meal-analyzer');
select settle_tokens(${REQUEST_ID}, ${USER}, 1, 1);\n`,
  "a balance": `${CHOOSE}
select balance, held from token_balances where user_id = ${USER};\n`,
  "a page of the history": `${CHOOSE}
select * from token_balance_history where user_id = ${USER} order by entry_number desc limit 20;\n`,
  "a cleanup": "select cleanup_expired_locks();\n",
};

/** Fills a new ledger with a year of charges, the same number for each user, and with the requests of the last day. */
export async function fill(sql: postgres.Sql, { entries, users }: Size): Promise<void> {
  const perUser = entries / users;
  await sql`set synchronous_commit = off`;
  await sql`
    insert into public.token_balance_history
      (user_id, entry_number, delta, balance_after, created_at, operation_type, request_id, chain)
    select ${sql.unsafe(userOf("number"))}, entry, case entry when 1 then ${TOKENS}::bigint else -1 end,
      ${TOKENS}::bigint - entry + 1, now() - interval '365 days' * (${perUser}::float8 - entry) / ${perUser}::float8,
      case entry when 1 then 'grant' else 'meal-analyzer' end, 'past-' || number || '-' || entry,
      substring(sha256(entry::text::bytea) for 16)
    from generate_series(1, ${users}::integer) as number, generate_series(1, ${perUser}::integer) as entry`;
  await sql`
    insert into public.token_balances (user_id, balance, granted, entry_count, chain)
    select user_id, sum(delta), sum(greatest(delta, 0)), count(*), substring(sha256('0') for 16)
    from public.token_balance_history
    group by user_id`;
  await sql`
    insert into public.token_grants (wallet_id, kind, priority, amount, remaining, effective_at, entry_number)
    select user_id, 'paid', 50, ${TOKENS}::bigint, ${TOKENS}::bigint, '-infinity', 1 from public.token_balances`;
  await sql`
    insert into private.token_grant_epochs (wallet_id, first_entry_number, granted, allotted_to)
    select user_id, 2, granted, 0 from public.token_balances`;
  await sql`
    insert into public.token_consumption_locks
      (request_id, user_id, operation_type, amount, status, expires_at, created_at)
    select 'recent-' || number, ${sql.unsafe(userOf(`(number % ${ACTIVE_USERS} + 1)`))}, 'meal-analyzer', 1,
      'released', now(), now() - interval '1 minute'
    from generate_series(1, ${REQUESTS}::integer) as number`;
  await sql`vacuum analyze public.token_balance_history`;
  await sql`vacuum analyze public.token_balances, public.token_consumption_locks`;
  await sql`checkpoint`.catch(() => {}); // Only some roles may do this.
  await sql`reset synchronous_commit`;
}

function userOf(number: string): string {
  return `('00000000-0000-4000-9000-' || lpad(${number}::text, 12, '0'))::uuid`;
}
