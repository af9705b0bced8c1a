/** What happens to grants by itself: they begin, they end, and debts are paid as soon as they can be. */
import { NEVER, type Time } from "../calls.ts";
import { collectDebts, come, debtsOf } from "./debts.ts";
import { compare, compareTimes, freeParts, takeFrom } from "./grants.ts";
import { endOverdueHolds } from "./holds.ts";
import { enter, isOver, type Ledger } from "./ledger.ts";

/** Whether something is to be done with the wallet's grants before it is used. */
export function isDue(ledger: Ledger, wallet: string): boolean {
  const { next, owes } = ledger.accounts.get(wallet) ?? { next: NEVER, owes: NEVER };
  return isOver(next, ledger.now) || isOver(owes, ledger.now);
}

/** What a closer look at a wallet begins with: what is due is done, and holds have ended that have outlived their time. */
export function lookCloser(ledger: Ledger, wallet: string): void {
  if (isDue(ledger, wallet)) catchUp(ledger, wallet);
  else endOverdueHolds(ledger, wallet);
}

/** Does all that is due. */
export function catchUp(ledger: Ledger, wallet: string): void {
  const account = ledger.accounts.get(wallet);
  if (!account) return;
  const { now } = ledger;
  // What pays a debt is what comes first: what a request leaves as its hold ends, or a new grant.
  for (const time of account.owes === NEVER ? [] : timesSince(ledger, wallet, account.owes)) {
    ledger.now = time;
    catchUpAtOnce(ledger, wallet);
  }
  ledger.now = now;
  catchUpAtOnce(ledger, wallet);
  const times = account.grants.flatMap(({ entry, effective, expires, left }): Time[] =>
    entry === null ? [effective] : left > 0n ? [expires] : []
  );
  account.next = times.sort(compareTimes)[0] ?? NEVER;
  account.owes = debtsOf(ledger, wallet).length > 0 && account.held > 0n ? ledger.now : NEVER;
}

/** When something of the wallet came or ended after a time, and before now. */
function timesSince(ledger: Ledger, wallet: string, since: Time): bigint[] {
  const ofGrants = ledger.accounts.get(wallet)!.grants.flatMap(({ entry, effective, expires, left }) => [
    ...(entry === null ? [effective] : []),
    ...(entry === null || left > 0n ? [expires] : []),
  ]);
  const ofHolds = [...ledger.requests.values()].filter(({ user, status }) =>
    user === wallet && status === "held"
  ).map(({ ends }) => ends);
  return [...new Set([...ofGrants, ...ofHolds])].filter((time): time is bigint =>
    time !== NEVER && compareTimes(since, time) < 0 && time < ledger.now
  ).sort(compare);
}

function catchUpAtOnce(ledger: Ledger, wallet: string): void {
  const { grants } = ledger.accounts.get(wallet)!;
  // What has outlived its time needs nothing, whether or not a cleanup runs.
  endOverdueHolds(ledger, wallet);
  const toCome = [...grants.keys()].filter((place) =>
    grants[place]!.entry === null && grants[place]!.effective <= ledger.now
  );
  toCome.sort((one, other) => compare(grants[one]!.effective, grants[other]!.effective) || one - other);
  for (const place of toCome) come(ledger, wallet, place);
  endGrants(ledger, wallet);
  collectDebts(ledger, wallet);
}

/** Does all that is due for everybody's grants, except for the wallets that another call has locked. */
export function job(ledger: Ledger, spared: string[] = []) {
  for (const [wallet, { next }] of ledger.accounts) {
    if (isOver(next, ledger.now) && !spared.includes(wallet)) catchUp(ledger, wallet);
  }
  return {};
}

/** Takes off what is left of ended grants, except what running requests need. */
function endGrants(ledger: Ledger, wallet: string): void {
  const account = ledger.accounts.get(wallet)!;
  const { grants } = account;
  const ending = freeParts(ledger, wallet).filter(({ grant, amount }) =>
    amount > 0n && isOver(grants[grant]!.expires, ledger.now)
  );
  ending.sort((one, other) =>
    compareTimes(grants[one.grant]!.expires, grants[other.grant]!.expires) || one.grant - other.grant
  );
  for (const part of ending) {
    takeFrom(account, part.amount, [part]);
    grants[part.grant]!.expired += part.amount;
    enter(ledger, account, { delta: -part.amount, operation: "expiry", parts: [part] });
  }
}
