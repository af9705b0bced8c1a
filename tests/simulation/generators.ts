/** Random histories, for fast-check. */
import fc from "fast-check";
import { type AddCall, type Amount, type Kind, NEVER, type Role, type Time } from "./calls.ts";
import {
  CHARGE,
  type Fault,
  type FirstGrant,
  type History,
  type Intent,
  type IntentOf,
  type Isolation,
  type Mode,
  OPEN_HOLD,
  OWNER,
  PAYMENT,
  type RelativeAmount,
  type Step,
} from "./history.ts";
import { WALLETS } from "./statements.ts";

const LARGEST_AMOUNT = 9_007_199_254_740_991n;

const person = weighted([[5, fc.constant("ann")], [2, fc.constant("ben")], [1, fc.constant("cleo")]]);
/** Who acts for the team, or is spoken of in it. */
const teammate = weighted([[5, fc.constant("ben")], [2, fc.constant("ann")], [1, fc.constant("cleo")]]);
/** Whose wallet it is. */
const user = weighted([[5, person], [1, fc.constant("team")]]);
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
const amountOutOfRange = fc.constantFrom<Amount>(0n, -1n, 1_000n, LARGEST_AMOUNT, "0.5", "NaN");
const firstGrant = fc.record({
  amount: weighted([
    [6, fc.constant(20n)],
    [3, fc.constant(100n)],
    [2, fc.constantFrom(0n, LARGEST_AMOUNT - 30n)],
  ]),
  kind: fc.constantFrom<Kind>("paid", "promotion"),
});
const kind = fc.constantFrom<Kind>("paid", "paid", "plan", "promotion", "rollover", "refund");
const source = fc.constantFrom("p", "p", "q");
const startsIn = weighted<bigint | null>([[8, fc.constant(null)], [
  3,
  fc.constantFrom(0n, 1n, 10n, 1_440n, -5n),
]]);
const lives = weighted<Time>([
  [4, fc.constant(NEVER)],
  [8, fc.constantFrom(10n, 9n, 1n, 11n, 1n)],
  [4, fc.constantFrom(1_430n, 1_440n, 3_000n)],
  [1, fc.constantFrom(0n, -1n)],
]);
const reversal = weighted<Amount>([
  [8, fc.constantFrom(40n, 10n, 5n, 3n, -3n, -5n, -40n)],
  [1, fc.constantFrom<Amount>(0n, 1_000n, "0.5", null, -LARGEST_AMOUNT, LARGEST_AMOUNT)],
]);
/** It is refused. */
const NO_GRANT: FirstGrant = { amount: 0n, kind: "paid" };
const fingerprint = weighted<string | null>([
  [6, fc.constant("x")],
  [2, fc.constant(null)],
  [1, fc.constant("y")],
]);
const minutes = weighted([
  [12, fc.constant(10n)],
  [6, fc.constant(1_440n)],
  [1, fc.constant(1n)],
  [1, fc.constantFrom(0n, 1_441n)],
]);
const attemptsBack = weighted([[12, fc.constant(0n)], [2, fc.constantFrom(1n, 2n, -1n)]]);
const wait = fc.record({
  name: fc.constant("wait" as const),
  minutes: fc.constantFrom(10n, 1_440n, 1_440n, 1n, 1n, 9n, 9n, 1_430n),
});

/** Histories, simple ones first when fast-check makes a failing one smaller. */
export function histories(options: { hasBatches: boolean }): fc.Arbitrary<History> {
  const themes: [number, Partial<Record<Theme, number>>][] = [
    [3, { requests: 4 }],
    [4, { requests: 3, grants: 4 }],
    [2, { requests: 2, teams: 3 }],
    [3, { requests: 3, grants: 2, teams: 1 }],
  ];
  return weighted(themes.map(([weight, shares]) => {
    const calls = intents(options.hasBatches, shares);
    // Whoever owns little soon owes something.
    const first = shares.grants ? weighted([[2, firstGrant], [1, fc.constant(NO_GRANT)]]) : firstGrant;
    const modes = weighted([
      [16, historiesOf("serial", calls, first)],
      [2, historiesOf("faults", calls, first)],
      [2, historiesOf("races", calls, first)],
    ]);
    return [weight, modes];
  }));
}

/** What a history is about: whatever goes wrong with few kinds of calls is found sooner among those alone. */
type Theme = "requests" | "grants" | "teams";

function historiesOf(
  mode: Mode,
  intent: fc.Arbitrary<Intent>,
  first: fc.Arbitrary<FirstGrant>,
): fc.Arbitrary<History> {
  const fault = faultsOf(mode);
  const maxLength = mode === "races" ? 10 : 25;
  const kinds: [number, fc.Arbitrary<Step>][] = [
    [16, fc.record({ name: fc.constant("call"), intent, fault })],
    [3, wait],
    [3, fc.record({ name: fc.constant("again"), back: fc.nat(6), fault })],
    [2, fc.record({ name: fc.constant("swapped"), first: intent, second: intent })],
  ];
  // A rollover takes a minute of its own.
  if (mode === "races") kinds.push([16, races(intent.filter(({ name }) => name !== "rollover"))]);
  return fc.record({
    mode: fc.constant(mode),
    grants: fc.tuple(...WALLETS.map(() => first)),
    steps: fc.array(weighted(kinds), { minLength: 1, maxLength, size: "max" }),
  });
}

function intents(hasBatches: boolean, shares: Partial<Record<Theme, number>>): fc.Arbitrary<Intent> {
  const consume = fc.record({ name: fc.constant("consume" as const), user, id, amount, operation });
  const name = fc.constant("hold" as const);
  const terms = { id, amount, operation, fingerprint, minutes };
  const hold = fc.record({ name, user, actor: fc.constant(null), ...terms });
  const teamHold = fc.record({ name, user: fc.constant("team"), actor: teammate, ...terms });
  const admit = fc.record({
    name: fc.constant("admit" as const),
    user: weighted([[4, fc.constant("team")], [1, person]]),
    actor: teammate,
    ...terms,
    id: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    amount: fc.constantFrom(3n, 5n, 1n, 2n, 10n),
    operation: fc.constant("meal"),
    minutes: fc.constantFrom(10n, 10n, 1n, 1_440n),
  }).map((call) => call.user === "team" ? call : { ...call, actor: call.user });
  const settle = fc.record({
    name: fc.constant("settle" as const),
    user: owner,
    id: usedId,
    amount: cost,
    attemptsBack,
    head: fc.constantFrom('{"data":1,"tokens":{', null),
  });
  const release = fc.record({ name: fc.constant("release" as const), user: owner, id: usedId, attemptsBack });
  const requests: [number, fc.Arbitrary<Intent>][] = [
    [6, consume],
    [10, hold],
    [8, settle],
    [3, release],
    [2, fc.record({ name: fc.constant("cleanup"), pages: fc.constantFrom(10_000, 7) })],
    [2, plainGrants()],
  ];
  const teams: [number, fc.Arbitrary<Intent>][] = [[5, admit], [3, teamHold], [5, memberships()]];
  const grants: [number, fc.Arbitrary<Intent>][] = [
    [4, grantsOf(kind)],
    [2, grantsOf(fc.constant("plan"))],
    [
      3,
      fc.record({
        name: fc.constant("refund"),
        request: weighted<string>([[5, fc.constant(CHARGE)], [2, id]]),
        id: fc.constantFrom("r1", "r2", "r3", "r4"),
        amount: weighted<Amount>([[3, fc.constant(null)], [4, fc.constantFrom(1n, 2n, 3n)], [
          1,
          amountOutOfRange,
        ]]),
      }),
    ],
    [
      4,
      fc.record({
        name: fc.constant("clawback"),
        user: owner,
        source: weighted<string>([[6, fc.constant(PAYMENT)], [3, source]]),
        id: fc.constantFrom("e1", "e2", "e3", "e4"),
        amount: reversal,
      }),
    ],
    [
      1,
      fc.record({
        name: fc.constant("rollover"),
        user: owner,
        source: weighted<string>([[6, fc.constant(PAYMENT)], [1, source]]),
        id: fc.constantFrom("n1", "n2", "n3"),
        cap: fc.constantFrom(null, 0n, 2n, 5n, 1_000n),
        percent: fc.constantFrom(null, null, 0n, 50n, 33n, 100n),
        lives,
      }),
    ],
    [1, fc.constant({ name: "job" })],
  ];
  if (hasBatches) {
    const tenMinuteHold = hold.map((one) => ({ ...one, minutes: 10n }));
    const tenMinuteAdmit = admit.map((one) => ({ ...one, minutes: 10n }));
    const ofRequests = [consume, tenMinuteHold, settle, release];
    const several = fc.oneof(...ofRequests, ...(shares.teams ? [tenMinuteAdmit] : []));
    requests.push(
      [3, fc.record({ name: fc.constant("batch"), requests: fc.array(consume, { maxLength: 5 }) })],
      [3, fc.record({ name: fc.constant("operations"), operations: fc.array(several, { maxLength: 5 }) })],
    );
  }
  const all = { requests: weighted(requests), grants: weighted(grants), teams: weighted(teams) };
  return weighted(Object.entries(shares).map(([theme, share]) => [share, all[theme as Theme]]));
}

function plainGrants(): fc.Arbitrary<Intent> {
  return grantsOf(fc.constant("paid")).map((one) => ({
    ...one,
    priority: 50n,
    startsIn: null,
    lives: NEVER,
    source: null,
  }));
}

/** People come into the team, rise and fall in it, and leave. */
function memberships(): fc.Arbitrary<Intent> {
  const call = {
    user: fc.constant("team"),
    actor: weighted([[4, fc.constant("ann")], [1, teammate]]),
    member: teammate,
  };
  const role = fc.constantFrom<Role>("member", "member", "admin", "viewer", "owner");
  const cap = weighted<bigint | null>([[1, fc.constant(null)], [4, fc.constantFrom(0n, 5n, 6n, 8n)]]);
  return weighted<Intent>([
    [4, fc.record({ name: fc.constant("join"), ...call, role: role.filter((one) => one !== "owner"), cap })],
    [2, fc.record({ name: fc.constant("role"), ...call, role })],
    [2, fc.record({ name: fc.constant("cap"), ...call, cap })],
    [2, fc.record({ name: fc.constant("remove"), ...call })],
  ]);
}

function grantsOf(kind: fc.Arbitrary<Kind>): fc.Arbitrary<IntentOf<AddCall>> {
  return fc.record({
    name: fc.constant("add"),
    user,
    id: fc.oneof(id, id, fc.constant(null)),
    amount,
    kind,
    priority: weighted([[6, fc.constant(50n)], [4, fc.constantFrom(49n, 51n)], [
      1,
      fc.constantFrom(0n, 100n, -1n, 101n),
    ]]),
    startsIn,
    lives,
    source: weighted<string | null>([[2, source], [1, fc.constant(null)]]),
  });
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
