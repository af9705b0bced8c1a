/** What happens to grants by itself: they come, they end, and what is owed is paid as soon as it can be. */
import { NEVER } from "../calls.ts";
import { reconcile } from "./clawbacks.ts";
import { collectDebts, payDebts } from "./debts.ts";
import { compare, freeParts, takeFrom } from "./grants.ts";
import { enter, hasEnded, type Ledger } from "./ledger.ts";

/** All that became due since anybody looked at the wallet, each thing at its time. */
export function catchUp(ledger: Ledger, wallet: string): void {
  const grants = ledger.accounts.get(wallet)?.grants;
  if (!grants) return;
  const times = grants.flatMap(({ effective, expires, hasCome }) => [
    ...(hasCome ? [] : [effective]),
    ...(expires === NEVER ? [] : [expires]),
  ]);
  const due = [...new Set([...times, ledger.now])].filter((time) => time <= ledger.now).sort(compare);
  for (const time of due) {
    for (const [place, { hasCome, effective }] of grants.entries()) {
      if (!hasCome && effective <= time) come(ledger, wallet, place);
    }
    endGrants(ledger, wallet, time);
    collectDebts(ledger, wallet);
  }
}

/** A grant becomes a part of the balance, pays what is owed, and is taken back if its payment was. */
export function come(ledger: Ledger, wallet: string, place: number, request: string | null = null): void {
  const account = ledger.accounts.get(wallet)!;
  const grant = account.grants[place]!;
  grant.hasCome = true;
  grant.left = grant.amount;
  enter(account, grant.amount, "grant", request, [{ grant: place, amount: grant.amount }]);
  payDebts(ledger, wallet, [{ grant: place, amount: grant.amount }]);
  reconcile(ledger, wallet, grant.source);
}

/** What nobody needs of the grants that have ended is gone. */
function endGrants(ledger: Ledger, wallet: string, time: bigint): void {
  const account = ledger.accounts.get(wallet)!;
  for (const part of freeParts(ledger, wallet)) {
    if (part.amount === 0n || !hasEnded(account.grants[part.grant]!, time)) continue;
    takeFrom(account, part.amount, [part]);
    enter(account, -part.amount, "expiry", null, [part]);
  }
}
