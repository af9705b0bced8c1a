/** What becomes of holds that outlive their time. */
import { isOver, type Ledger } from "./ledger.ts";
import { endMemberHold } from "./members.ts";

/** Gives back what the wallet's expired holds had reserved; tells how many there were. */
export function endOverdueHolds(ledger: Ledger, wallet: string): number {
  const overdue = [...ledger.requests.values()].filter((request) =>
    request.user === wallet && request.status === "held" && isOver(request.ends, ledger.now)
  );
  for (const request of overdue) {
    request.status = "expired";
    request.ends = ledger.now;
    ledger.accounts.get(wallet)!.held -= request.amount;
    endMemberHold(ledger, request, 0n);
  }
  return overdue.length;
}
