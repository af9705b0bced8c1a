/** What becomes of holds that outlive their time. */
import { isOver, type Ledger, type Request } from "./ledger.ts";
import { endMemberHold } from "./members.ts";

/** Requests whose hold has outlived its time, and that nobody has ended. */
export function overdueHolds({ requests, now }: Ledger, wallet: string): Request[] {
  return [...requests.values()].filter(({ user, status, ends }) =>
    user === wallet && status === "held" && isOver(ends, now)
  );
}

/** Gives back what the wallet's expired holds had reserved; tells how many there were. */
export function endOverdueHolds(ledger: Ledger, wallet: string): number {
  const overdue = overdueHolds(ledger, wallet);
  for (const request of overdue) {
    request.status = "expired";
    request.ends = ledger.now;
    ledger.accounts.get(wallet)!.held -= request.amount;
    endMemberHold(ledger, request, 0n);
  }
  return overdue.length;
}
