import type postgres from "postgres";

/** A bug to plant: in one function of the ledger, each text is replaced by the one after it. */
export interface Mutant {
  name: string;
  function: string;
  changes: [from: string, to: string][];
}

/** Bugs that a ledger like this one is likely to have. */
export const MUTANTS: Mutant[] = [
  {
    name: "a late settlement of an attempt that was given up is accepted",
    function: "settle_tokens",
    changes: [
      ["or v_lock.attempt is distinct from p_attempt", ""],
    ],
  },
  {
    name: "a charge looks whether its id is new, and then charges without claiming it",
    function: "consume_tokens_atomic",
    changes: [
      [
        "and balance - held >= v_amount",
        `and balance - held >= v_amount and not exists (
           select from public.token_consumption_locks where request_id = p_request_id)`,
      ],
      ["on conflict do nothing;\n    if found then", "on conflict do nothing;\n    if true then"],
    ],
  },
  {
    name: "a settlement does not lock the user's row before it looks at the request",
    function: "settle_tokens",
    changes: [["where user_id = p_user_id for update", "where user_id = p_user_id"]],
  },
  {
    name: "a settlement charges the hold and not the cost",
    function: "settle_tokens",
    changes: [["coalesce(p_token_amount, v_lock.amount)", "v_lock.amount"]],
  },
  {
    name: "a settlement holds more and does not give the hold back",
    function: "settle_tokens",
    changes: [["held = held - v_lock.amount", "held = least(held + v_lock.amount, balance - v_charged)"]],
  },
  {
    name: "a release forgets to give the hold back",
    function: "release_tokens",
    changes: [["held = held - v_lock.amount", "held = held"]],
  },
  {
    name: "a request that runs again keeps the number of its first attempt",
    function: "hold_tokens",
    changes: [["attempt = known.attempt + 1", "attempt = known.attempt"]],
  },
  {
    name: "a cleanup forgets outcomes while a client may still retry",
    function: "cleanup_expired_locks",
    changes: [["expires_at <= now() - v_settings.lock_retention", "expires_at <= now()"]],
  },
  {
    name: "a hold ends one moment too late",
    function: "expire_token_holds_of",
    changes: [["expires_at <= now()", "expires_at < now()"]],
  },
  {
    name: "a member's cap counts what the whole team holds",
    function: "take_member_hold",
    changes: [[
      "held + p_amount +",
      "(select sum(held) from private.wallet_members where wallet_id = p_wallet_id) + p_amount +",
    ]],
  },
  {
    name: "a member who was removed may still spend",
    function: "take_member_hold",
    changes: [["and removed_at is null", ""]],
  },
  {
    name: "a new month does not renew a member's cap",
    function: "take_member_hold",
    changes: [["case when month >= private.month_of(clock_timestamp()) then spent else 0 end", "spent"]],
  },
  {
    name: "who leaves a team takes what it had running out of the count",
    function: "end_member_hold",
    changes: [["and user_id = p_actor_id", "and user_id = p_actor_id and removed_at is null"]],
  },
];

/** Plants a bug in a migrated database. A text that is not there means that the mutant must follow the SQL. */
export async function plant(sql: postgres.Sql, mutant: Mutant): Promise<void> {
  const [found] = await sql`
    select pg_get_functiondef(oid) as definition from pg_proc
    where pronamespace in ('public'::regnamespace, 'private'::regnamespace) and proname = ${mutant.function}`;
  const mutated = mutant.changes.reduce((definition, [from, to]) => {
    if (!definition.includes(from)) throw new Error(`${mutant.function} has no "${from}" to plant a bug in`);
    return definition.replace(from, () => to);
  }, String(found!.definition));
  await sql.unsafe(mutated);
}
