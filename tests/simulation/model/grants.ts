/** What each grant still has, in the simplest way: every charge takes its tokens from the grants one by one. */
import { type Kind, NEVER, type Time } from "../calls.ts";
import { type Account, type Grant, isOver, LARGEST_AMOUNT, least, type Ledger, type Part } from "./ledger.ts";

type Grants = Pick<Account, "grants">;

/** Of two grants that are alike but for their kind, the one that is named first is used first. */
const KINDS: Kind[] = ["promotion", "rollover", "refund", "plan", "paid"];

/** The places of the grants that are a part of the balance, in the order in which they are used. */
export function inOrderOfUse({ grants }: Grants): number[] {
  return [...grants.keys()].filter((place) => grants[place]!.entry !== null).sort((one, other) =>
    compareUse(grants[one]!, grants[other]!)
  );
}

function compareUse(one: Grant, other: Grant): number {
  return compare(one.priority, other.priority) || compareTimes(one.expires, other.expires) ||
    KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || compare(one.entry!, other.entry!);
}

/**
 * Takes tokens from the grants that had not ended at that time. Those that have ended since come first, in the order of
 * their ends: nobody who comes later can use them.
 */
export function burn(account: Grants, amount: bigint, since: bigint, now: bigint): Part[] {
  const usable = inOrderOfUse(account).filter((place) => !isOver(account.grants[place]!.expires, since));
  const endOf = (place: number) => {
    const { expires } = account.grants[place]!;
    return isOver(expires, now) ? expires : NEVER;
  };
  usable.sort((one, other) => compareTimes(endOf(one), endOf(other)));
  const offered = usable.map((grant) => ({ grant, amount: account.grants[grant]!.left }));
  const parts = takeFrom(account, amount, offered);
  if (sumOf(parts) < amount) throw new Error("The grants of the model do not have what the balance has");
  return parts;
}

/** Takes tokens as far as these parts go, in their order. */
export function takeFrom(account: Grants, amount: bigint, offered: Part[]): Part[] {
  let missing = amount;
  const parts: Part[] = [];
  for (const { grant, amount } of offered) {
    const taken = least(amount, missing);
    if (taken === 0n) continue;
    account.grants[grant]!.left -= taken;
    missing -= taken;
    parts.push({ grant, amount: taken });
  }
  return parts;
}

/** What of each grant no running request may need: the request that was held first needs the first ones, and so on. */
export function freeParts(ledger: Ledger, wallet: string): Part[] {
  const copy = { grants: ledger.accounts.get(wallet)!.grants.map((grant) => ({ ...grant })) };
  const holds = [...ledger.requests.values()].filter(({ user, status }) =>
    user === wallet && status === "held"
  );
  holds.sort((one, other) => compare(one.since, other.since));
  for (const { amount, since } of holds) burn(copy, amount, since, ledger.now);
  return inOrderOfUse(copy).map((grant) => ({ grant, amount: copy.grants[grant]!.left }));
}

/** How much a wallet may still be given, beside what is to come. */
export function roomOf({ balance, grants }: Account): bigint {
  const toCome = grants.filter(({ entry }) => entry === null);
  return toCome.reduce((room, { amount }) => room - amount, LARGEST_AMOUNT - balance);
}

export function sumOf(parts: { amount: bigint }[]): bigint {
  return parts.reduce((sum, { amount }) => sum + amount, 0n);
}

export function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export function compareTimes(one: Time, other: Time): number {
  if (one === other) return 0;
  if (one === NEVER) return 1;
  return other === NEVER ? -1 : compare(one, other);
}
