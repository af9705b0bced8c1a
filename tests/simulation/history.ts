import fc from "fast-check";
import type { Amount, Call, ConsumeCall, OperationsCall } from "./calls.ts";
import { apply, type Ledger } from "./model.ts";
import { USERS } from "./statements.ts";

/** An amount that is known only when the call is made: what the user has available, or what is held, and a bit. */
export interface RelativeAmount {
  plus: bigint;
}

/** A call before it is made: amounts relative to the ledger, attempts counted back from the newest. */
export type Intent = IntentOf<Call>;

type IntentOf<One> = One extends { name: "batch" } ? { name: "batch"; requests: IntentOf<ConsumeCall>[] }
  : One extends { name: "operations" }
    ? { name: "operations"; operations: IntentOf<OperationsCall["operations"][number]>[] }
  : One extends unknown ? {
      [Key in keyof One as Key extends "attempt" ? "attemptsBack" : Key]: Key extends "amount"
        ? Amount | RelativeAmount
        : One[Key];
    }
  : never;

/** A fault during a call. */
export type Fault =
  | { name: "none" }
  /** The database's process dies after so many writes, before the commit. */
  | { name: "crash"; writes: number }
  /** The connection ends after the commit, before the answer. */
  | { name: "lost answer" }
  /** Somebody ends the connection after so many milliseconds, wherever the call is then. */
  | { name: "cut"; milliseconds: number };

export type Isolation = "read committed" | "repeatable read" | "serializable";

/** One of several calls at once. */
export interface Rival {
  intent: Intent;
  fault: Fault;
  isolation: Isolation;
  /** Milliseconds to wait before its first write, its second one and so on. */
  pauses: number[];
}

export type Step =
  | { name: "call"; intent: Intent; fault: Fault }
  /** A call that was made before arrives again. */
  | { name: "again"; back: number; fault: Fault }
  /** Two calls arrive in the other order. */
  | { name: "swapped"; first: Intent; second: Intent }
  | { name: "wait"; minutes: bigint }
  /** Some calls at once, after so many minutes. */
  | { name: "together"; minutes: bigint; rivals: Rival[] };

/** How a history is played: in one transaction, fast; or each call on its own, with commits, faults and races. */
export type Mode = "serial" | "faults" | "races";

export interface History {
  mode: Mode;
  /** Each user's first grant. */
  grants: bigint[];
  steps: Step[];
}

/** Stands for the user who made the request. */
const OWNER = "owner";
/** Stands for the newest request that holds tokens. */
const OPEN_HOLD = "open hold";
const LARGEST_AMOUNT = 9_007_199_254_740_991n;

const user = weighted([[5, fc.constant("ann")], [2, fc.constant("ben")], [1, fc.constant("cleo")]]);
const owner = weighted([[9, fc.constant(OWNER)], [1, user]]);
const id = weighted<string>([
  [12, fc.constantFrom("a", "b", "c")],
  [16, fc.constantFrom("d", "e", "f", "g", "h", "i")],
  [1, fc.constant("")],
]);
const usedId = weighted<string>([[7, fc.constant(OPEN_HOLD)], [2, id]]);
const operation = weighted<string>([[30, fc.constant("meal")], [1, fc.constantFrom("recipe", "grant", "")]]);
const relative = fc.record({
  plus: weighted([[6, fc.constantFrom(0n, -1n, 1n)], [1, fc.constantFrom(-5n, 5n, LARGEST_AMOUNT)]]),
});
const amount = weighted<Amount | RelativeAmount>([
  [16, fc.constantFrom(3n, 5n)],
  [6, fc.constantFrom(1n, 2n, 10n, 40n)],
  [6, relative],
  [1, fc.constantFrom<Amount>(0n, -1n, -LARGEST_AMOUNT, LARGEST_AMOUNT, LARGEST_AMOUNT + 1n)],
  [1, fc.constantFrom("0.5", "NaN", null)],
]);
const cost = weighted<Amount | RelativeAmount>([
  [4, fc.constantFrom(3n, 5n)],
  [4, relative],
  [2, fc.constant(null)],
  [1, fc.constantFrom<Amount>(0n, -1n, 1_000n, LARGEST_AMOUNT, LARGEST_AMOUNT + 1n)],
  [1, fc.constantFrom("0.5", "NaN", "Infinity")],
]);
const grant = weighted([
  [6, fc.constant(20n)],
  [3, fc.constant(100n)],
  [2, fc.constantFrom(0n, LARGEST_AMOUNT - 30n)],
]);
const fingerprint = weighted<string | null>([
  [6, fc.constant("x")],
  [2, fc.constant(null)],
  [1, fc.constant("y")],
]);
const minutes = weighted([
  [16, fc.constant(10n)],
  [2, fc.constantFrom(1n, 1_440n)],
  [1, fc.constantFrom(0n, 1_441n)],
]);
const attemptsBack = weighted([[12, fc.constant(0n)], [2, fc.constantFrom(1n, 2n, -1n)]]);
const wait = fc.record({
  name: fc.constant("wait" as const),
  minutes: fc.constantFrom(10n, 1_440n, 1_440n, 1n, 9n, 1_430n),
});

/** Histories, simple ones first when fast-check makes a failing one smaller. */
export function histories(options: { hasBatches: boolean }): fc.Arbitrary<History> {
  const { hasBatches } = options;
  const calls = intents(hasBatches);
  return weighted([
    [16, historiesOf("serial", calls)],
    [2, historiesOf("faults", calls)],
    [2, historiesOf("races", calls)],
  ]);
}

function historiesOf(mode: Mode, intent: fc.Arbitrary<Intent>): fc.Arbitrary<History> {
  const fault = faultsOf(mode);
  const maxLength = mode === "races" ? 10 : 25;
  const kinds: [number, fc.Arbitrary<Step>][] = [
    [16, fc.record({ name: fc.constant("call"), intent, fault })],
    [3, wait],
    [3, fc.record({ name: fc.constant("again"), back: fc.nat(6), fault })],
    [2, fc.record({ name: fc.constant("swapped"), first: intent, second: intent })],
  ];
  if (mode === "races") kinds.push([16, races(intent)]);
  return fc.record({
    mode: fc.constant(mode),
    grants: fc.tuple(...USERS.map(() => grant)),
    steps: fc.array(weighted(kinds), { minLength: 1, maxLength, size: "max" }),
  });
}

function intents(hasBatches: boolean): fc.Arbitrary<Intent> {
  const consume = fc.record({ name: fc.constant("consume" as const), user, id, amount, operation });
  const hold = fc.record({
    name: fc.constant("hold" as const),
    user,
    id,
    amount,
    operation,
    fingerprint,
    minutes,
  });
  const settle = fc.record({
    name: fc.constant("settle" as const),
    user: owner,
    id: usedId,
    amount: cost,
    attemptsBack,
    head: fc.constantFrom('{"data":1,"tokens":{', null),
  });
  const release = fc.record({ name: fc.constant("release" as const), user: owner, id: usedId, attemptsBack });
  const kinds: [number, fc.Arbitrary<Intent>][] = [
    [6, consume],
    [10, hold],
    [8, settle],
    [3, release],
    [2, fc.record({ name: fc.constant("add"), user, id: fc.oneof(id, id, fc.constant(null)), amount })],
    [2, fc.record({ name: fc.constant("cleanup"), pages: fc.constantFrom(10_000, 7) })],
  ];
  if (hasBatches) {
    const tenMinuteHold = hold.map((one) => ({ ...one, minutes: 10n }));
    const several = fc.oneof(consume, tenMinuteHold, settle, release);
    kinds.push(
      [3, fc.record({ name: fc.constant("batch"), requests: fc.array(consume, { maxLength: 5 }) })],
      [3, fc.record({ name: fc.constant("operations"), operations: fc.array(several, { maxLength: 5 }) })],
    );
  }
  return weighted(kinds);
}

function faultsOf(mode: Mode): fc.Arbitrary<Fault> {
  const none = fc.constant<Fault>({ name: "none" });
  const crash = fc.record({ name: fc.constant("crash" as const), writes: fc.nat(6) });
  if (mode === "serial") return weighted<Fault>([[24, none], [1, crash]]);
  return weighted<Fault>([
    [24, none],
    [1, crash],
    [1, fc.constant({ name: "lost answer" })],
    [1, fc.record({ name: fc.constant("cut" as const), milliseconds: fc.nat(4) })],
  ]);
}

/**
 * A few calls at once: of any kind; the same one, as when a message is delivered twice at the same moment; or beside
 * a cleanup that finds something to do.
 */
function races(intent: fc.Arbitrary<Intent>): fc.Arbitrary<Step> {
  const behaviour = {
    fault: weighted<Fault>([[30, fc.constant({ name: "none" })], [1, faultsOf("races")]]),
    isolation: weighted<Isolation>([
      [3, fc.constant("read committed")],
      [1, fc.constantFrom("repeatable read", "serializable")],
    ]),
    pauses: fc.array(fc.constantFrom(0, 0, 0, 1, 3, 12), { maxLength: 6, size: "max" }),
  };
  const crowd = { minLength: 2, maxLength: 4, size: "max" } as const;
  const different = fc.array(fc.record({ intent, ...behaviour }), crowd);
  const same = fc.tuple(intent, fc.array(fc.record(behaviour), crowd))
    .map(([intent, rivals]) => rivals.map((rival) => ({ intent, ...rival })));
  const cleanup = fc.record({
    intent: fc.constant<Intent>({ name: "cleanup", pages: 10_000 }),
    ...behaviour,
  });
  const besideCleanup = fc.tuple(
    cleanup,
    fc.array(fc.record({ intent, ...behaviour }), { ...crowd, maxLength: 3 }),
  )
    .map(([first, others]) => [first, ...others]);
  const name = fc.constant("together" as const);
  return weighted<Step>([
    [2, fc.record({ name, minutes: fc.constant(0n), rivals: different })],
    [2, fc.record({ name, minutes: fc.constant(0n), rivals: same })],
    [1, fc.record({ name, minutes: fc.constantFrom(0n, 10n, 1_440n), rivals: besideCleanup })],
  ]);
}

function weighted<Value>(choices: [weight: number, arbitrary: fc.Arbitrary<Value>][]): fc.Arbitrary<Value> {
  return fc.oneof(
    { withCrossShrink: true },
    ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })),
  );
}

/** The call that an intent means for a ledger as it is now. */
export function resolve(intent: Intent, ledger: Ledger): Call {
  switch (intent.name) {
    case "batch":
      return { ...intent, requests: intent.requests.map((one) => resolve(one, ledger) as ConsumeCall) };
    case "operations": {
      const operations = intent.operations.map((one) => resolve(one, ledger)) as OperationsCall["operations"];
      return { ...intent, operations };
    }
    case "settle":
    case "release": {
      const { attemptsBack, ...rest } = intent;
      const id = intent.id === OPEN_HOLD ? newestHold(ledger) : intent.id;
      const request = ledger.requests.get(id);
      const user = intent.user === OWNER ? request?.user ?? "ann" : intent.user;
      const attempt = (request?.attempt ?? 1n) - attemptsBack;
      if (rest.name === "release") return { ...rest, user, id, attempt };
      return { ...rest, user, id, attempt, amount: amountOf(rest.amount, request?.amount ?? 0n) };
    }
    case "cleanup":
      return intent;
    default: {
      const account = ledger.accounts.get(intent.user);
      const available = account ? account.balance - account.held : 0n;
      return { ...intent, amount: amountOf(intent.amount, available) };
    }
  }
}

/** Two calls as their senders meant them, one after the other, in the order in which they arrive. */
export function resolveSwapped(first: Intent, second: Intent, ledger: Ledger): [Call, Call] {
  const meanwhile = structuredClone(ledger);
  const firstCall = resolve(first, ledger);
  apply(meanwhile, firstCall);
  return [resolve(second, meanwhile), firstCall];
}

function newestHold(ledger: Ledger): string {
  const open = [...ledger.requests].filter(([, { status }]) => status === "held");
  return open.at(-1)?.[0] ?? "a";
}

function amountOf(written: Amount | RelativeAmount, base: bigint): Amount {
  return written !== null && typeof written === "object" ? base + written.plus : written;
}
