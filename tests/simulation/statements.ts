import {
  type Call,
  type ConsumeCall,
  type HoldCall,
  NEVER,
  type OperationsCall,
  type RemoveCall,
  type Time,
} from "./calls.ts";

const USER_IDS: Record<string, string> = {
  ann: "00000000-0000-4000-8000-00000000000a",
  ben: "00000000-0000-4000-8000-00000000000b",
  cleo: "00000000-0000-4000-8000-00000000000c",
  team: "00000000-0000-4000-8000-00000000000f",
};

/** The wallets of every history: those of its users, and a team's. */
export const WALLETS = Object.keys(USER_IDS);

/** The SQL of a call; it returns one value. */
export function statementOf(call: Call): string {
  switch (call.name) {
    case "consume":
      return select("public.consume_tokens_atomic", consumeArguments(call));
    case "batch":
      return `select public.consume_tokens_batch(${literal(jsonOf(call.requests))})`;
    case "operations":
      return `select public.run_token_operations(${literal(jsonOf(call.operations))})`;
    case "hold":
      return select("public.hold_tokens", { ...holdArguments(call), p_actor_id: idOf(call.actor) });
    case "admit":
      return select("public.admit_request", {
        ...holdArguments(call),
        p_user_id: idOf(call.actor),
        p_wallet_id: idOf(call.user),
      });
    case "join":
      return select("simulation.join", { ...memberArguments(call), p_role: call.role, p_cap: call.cap });
    case "role":
      return select("public.set_wallet_role", { ...memberArguments(call), p_role: call.role });
    case "cap":
      return select("public.set_member_cap", { ...memberArguments(call), p_monthly_cap_tokens: call.cap });
    case "remove":
      return select("public.remove_wallet_member", memberArguments(call));
    case "settle":
      return select("public.settle_tokens", {
        p_request_id: call.id,
        p_user_id: USER_IDS[call.user]!,
        p_attempt: call.attempt,
        p_token_amount: call.amount,
        p_response_head: call.head,
      });
    case "release":
      return select("public.release_tokens", {
        p_request_id: call.id,
        p_user_id: USER_IDS[call.user]!,
        p_attempt: call.attempt,
      });
    case "add":
      return select("public.add_tokens", {
        p_user_id: USER_IDS[call.user]!,
        p_amount: call.amount,
        p_reason: "simulation",
        p_request_id: call.id,
        p_kind: call.kind,
        p_priority: call.priority,
        p_effective_at: { minute: call.effective },
        p_expires_at: { minute: call.expires },
        p_source: call.source,
      });
    case "refund":
      return select("public.refund_tokens", {
        p_request_id: call.request,
        p_refund_id: call.id,
        p_amount: call.amount,
      });
    case "clawback":
      return select("public.claw_back_grant", {
        p_source: call.source,
        p_amount: call.amount,
        p_reversal_id: call.id,
      });
    case "rollover":
      return select("public.roll_over_grant", {
        p_wallet_id: idOf(call.user),
        p_source: call.source,
        p_request_id: call.id,
        p_cap_tokens: call.cap,
        p_cap_percent: call.percent,
        p_expires_at: { minute: call.expires },
      });
    case "job":
      return "select private.apply_due_grant_events()";
    case "cleanup":
      return select("simulation.cleanup", { p_pages: BigInt(call.pages) });
  }
}

/** Reads JSON of the database: every number a bigint, users by name. */
export function parseAnswer(text: string): unknown {
  const named = WALLETS.reduce((result, user) => result.replaceAll(USER_IDS[user]!, user), text);
  return JSON.parse(named, exactNumber);
}

/** JSON.parse gives the number as it was written, too, which its type does not say yet. */
const exactNumber = (_: string, value: unknown, context?: { source: string }) =>
  typeof value === "number" ? BigInt(context!.source) : value;

function consumeArguments(call: Pick<ConsumeCall, "id" | "user" | "amount" | "operation">) {
  return {
    p_request_id: call.id,
    p_user_id: USER_IDS[call.user]!,
    p_token_amount: call.amount,
    p_operation_type: call.operation,
  };
}

function holdArguments(call: Omit<HoldCall, "name" | "actor">) {
  return {
    ...consumeArguments(call),
    p_fingerprint: call.fingerprint,
    p_time_to_live: `${call.minutes} minutes`,
  };
}

function memberArguments({ user, actor, member }: Omit<RemoveCall, "name">) {
  return { p_user_id: idOf(actor), p_wallet_id: idOf(user), p_member_id: idOf(member) };
}

function idOf(name: string | null): string | null {
  return name === null ? null : USER_IDS[name]!;
}

/** Calls as the functions for many take them: objects with the names of the parameters. */
function jsonOf(calls: OperationsCall["operations"]): string {
  const objects = calls.map((call) => {
    const fields = {
      operation: call.name,
      request_id: call.id,
      user_id: idOf(call.name === "admit" ? call.actor : call.user),
      actor_id: call.name === "hold" ? idOf(call.actor) : null,
      wallet_id: call.name === "admit" ? idOf(call.user) : null,
      attempt: "attempt" in call ? call.attempt : null,
      token_amount: "amount" in call ? call.amount : null,
      operation_type: "operation" in call ? call.operation : null,
      fingerprint: "fingerprint" in call ? call.fingerprint : null,
      response_head: "head" in call ? call.head : null,
    };
    return Object.entries(fields).map(([key, value]) =>
      `"${key}":${typeof value === "bigint" ? value : JSON.stringify(value)}`
    );
  });
  return `[${objects.map((fields) => `{${fields.join(",")}}`).join(",")}]`;
}

type Value = bigint | string | null | { minute: Time | null };

function select(name: string, values: Record<string, Value>): string {
  const list = Object.entries(values).map(([key, value]) => `${key} => ${literal(value)}`);
  return `select ${name}(${list.join(", ")})`;
}

function literal(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "object") {
    const isTime = value.minute !== null && value.minute !== NEVER;
    return isTime ? `simulation.time_of(${value.minute})` : "null";
  }
  return typeof value === "bigint" ? String(value) : `'${value.replaceAll("'", "''")}'`;
}
