import type postgres from "postgres";

/** A bug to plant: in one function of the ledger, each text is replaced by the one after it. */
export interface Mutant {
  name: string;
  /** A seed whose histories come across it early. After a change of the generator: SIMULATION_MUTANT_SEEDS=20 finds others. */
  seed: number;
  function: string;
  changes: [from: string, to: string][];
}

/** Bugs that a ledger like this one is likely to have. */
export const MUTANTS: Mutant[] = [
  {
    name: "a late settlement of an attempt that was given up is accepted",
    seed: 1,
    function: "settle_tokens",
    changes: [
      ["or v_lock.attempt is distinct from p_attempt", ""],
    ],
  },
  {
    name: "a charge looks whether its id is new, and then charges without claiming it",
    seed: 9,
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
    seed: 12,
    function: "settle_tokens",
    changes: [["where user_id = p_user_id for update", "where user_id = p_user_id"]],
  },
  {
    name: "a settlement charges the hold and not the cost",
    seed: 2,
    function: "settle_tokens",
    changes: [["coalesce(p_token_amount, v_lock.amount)", "v_lock.amount"]],
  },
  {
    name: "a settlement holds more and does not give the hold back",
    seed: 3,
    function: "settle_tokens",
    changes: [["held = held - v_lock.amount", "held = least(held + v_lock.amount, balance - v_charged)"]],
  },
  {
    name: "a release forgets to give the hold back",
    seed: 2,
    function: "release_tokens",
    changes: [["held = held - v_lock.amount", "held = held"]],
  },
  {
    name: "a request that runs again keeps the number of its first attempt",
    seed: 6,
    function: "hold_tokens",
    changes: [["attempt = known.attempt + 1", "attempt = known.attempt"]],
  },
  {
    name: "a cleanup forgets outcomes while a client may still retry",
    seed: 2,
    function: "cleanup_expired_locks",
    changes: [["expires_at <= now() - v_settings.lock_retention", "expires_at <= now()"]],
  },
  {
    name: "a hold ends one moment too late",
    seed: 6,
    function: "expire_token_holds_of",
    changes: [["expires_at <= p_now", "expires_at < p_now"]],
  },
  {
    name: "a member's cap counts what the whole team holds",
    seed: 5,
    function: "take_member_hold",
    changes: [[
      "held + p_amount +",
      "(select sum(held) from private.wallet_members where wallet_id = p_wallet_id) + p_amount +",
    ]],
  },
  {
    name: "a member who was removed may still spend",
    seed: 7,
    function: "take_member_hold",
    changes: [["and removed_at is null", ""]],
  },
  {
    name: "who leaves a team takes what it had running out of the count",
    seed: 7,
    function: "end_member_hold",
    changes: [["and user_id = p_actor_id", "and user_id = p_actor_id and removed_at is null"]],
  },
  {
    name: "an expiry takes tokens that a running request holds",
    seed: 4,
    function: "apply_grant_events_until",
    changes: [[
      "select array_agg(grant_id), array_agg(tokens) into v_free_ids, v_free from private.free_grants(p_wallet_id, p_until)",
      `select array_agg(id), array_agg(remaining) into v_free_ids, v_free from public.token_grants
       where wallet_id = p_wallet_id and remaining > 0`,
    ]],
  },
  {
    name: "a grant ends a minute too late",
    seed: 4,
    function: "apply_grant_events_until",
    changes: [[
      "where grants.expires_at <= p_until",
      "where grants.expires_at <= p_until - interval '1 minute'",
    ]],
  },
  {
    name: "a hold does not look whether a grant has ended",
    seed: 10,
    function: "hold_tokens",
    changes: [["and next_expiry_at > clock_timestamp()", ""]],
  },
  {
    name: "a charge in one step does not look whether a grant has ended",
    seed: 10,
    function: "consume_tokens_atomic",
    changes: [["and next_expiry_at > clock_timestamp()", ""]],
  },
  {
    name: "a batch does not look whether a grant has ended",
    seed: 12,
    function: "consume_tokens_batch",
    changes: [["and balances.next_expiry_at > v_now", ""]],
  },
  {
    name: "a refund goes back into the grants that the charge took from first",
    seed: 9,
    function: "refund_tokens",
    changes: [[
      "private.grants_of_spending(v_charge.user_id, v_end - v_amount, v_end)",
      `private.grants_of_spending(v_charge.user_id, v_end + v_refunded + v_charge.delta,
        v_end + v_refunded + v_charge.delta + v_amount)`,
    ]],
  },
  {
    name: "tokens that are kept for a running request go to a newer one",
    seed: 7,
    function: "settle_tokens",
    changes: [["v_lock.created_at, v_now", "'-infinity', v_now"]],
  },
  {
    name: "two refunds give the same charge back twice",
    seed: 6,
    function: "refund_tokens",
    changes: [[
      "where wallet_id = v_charge.user_id and charge_entry_number = v_charge.entry_number",
      "where false",
    ]],
  },
  {
    name: "a refund revives a grant that has ended",
    seed: 4,
    function: "refund_tokens",
    changes: [["bool_or(grants.expires_at <= v_now) as is_over", "false as is_over"]],
  },
  {
    name: "a rollover that is repeated is paid twice",
    seed: 6,
    function: "roll_over_grant",
    changes: [
      [
        "select * into v_known from private.token_rollovers where request_id = p_request_id;",
        "v_known := null; perform where false;",
      ],
      ["on conflict do nothing;\n  if not found then", "on conflict do nothing;\n  if false then"],
    ],
  },
  {
    name: "a rollover forgets its cap in tokens",
    seed: 5,
    function: "roll_over_grant",
    changes: [["least(v_left, p_cap_tokens, ", "least(v_left, "]],
  },
  {
    name: "a reversal takes tokens that a running request holds",
    seed: 4,
    function: "reclaimable_grants",
    changes: [
      ["else free.tokens end", "else grants.remaining end"],
      ["free.tokens > 0", "grants.remaining > 0"],
    ],
  },
  {
    name: "a new grant does not pay the wallet's debt",
    seed: 1,
    function: "begin_grant",
    changes: [["v_paid := least(v_balance.debt, v_tokens)", "v_paid := 0"]],
  },
  {
    name: "a dispute that was won is not set off against what was taken",
    seed: 1,
    function: "settle_payment",
    changes: [[
      "select sum(amount) from private.token_reversals where",
      "select sum(amount) from private.token_reversals where amount > 0 and",
    ]],
  },
  {
    name: "a reversal that is told twice counts twice",
    seed: 1,
    function: "settle_payment",
    changes: [["    - v_payment.debt\n", "\n"]],
  },
  {
    name: "grants are used in the order of their ends, whatever their priority",
    seed: 1,
    function: "allot_to_grants",
    changes: [[
      "order by priority, expires_at, kind, entry_number",
      "order by expires_at, priority, kind, entry_number",
    ]],
  },
  {
    name: "what expires counts as spent",
    seed: 1,
    function: "post_token_entry",
    changes: [[
      "case when p_operation_type = any(private.operations_of_grants()) then p_delta else 0 end",
      "greatest(p_delta, 0)",
    ]],
  },
  {
    name: "a refund is not taken off what its member spent",
    seed: 1,
    function: "refund_tokens",
    changes: [["if v_charge.actor_id is not null then", "if false then"]],
  },
];

/**
 * Plants a bug in a simulated database; what is returned takes it out again. A text that is not there means that the mutant must
 * follow the SQL.
 */
export async function plant(sql: postgres.Sql, mutant: Mutant): Promise<() => Promise<void>> {
  const [found] = await sql`
    select pg_get_functiondef(oid) as definition from pg_proc
    where pronamespace in ('public'::regnamespace, 'private'::regnamespace) and proname = ${mutant.function}`;
  const sound = String(found!.definition);
  const mutated = mutant.changes.map((texts) => texts.map(withSimulatedClock)).reduce(
    (definition, [from, to]) => {
      if (!definition.includes(from!)) {
        throw new Error(`${mutant.function} has no "${from}" to plant a bug in`);
      }
      return definition.replace(from!, () => to!);
    },
    sound,
  );
  await sql.unsafe(mutated);
  return async () => {
    await sql.unsafe(sound);
  };
}

/** As the simulator's instruments change the functions. */
function withSimulatedClock(text: string): string {
  return text.replace(/\b(now|clock_timestamp)\(\)/gi, "simulation.now()");
}
