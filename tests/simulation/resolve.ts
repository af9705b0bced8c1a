/** The calls that a history's intents mean, once the ledger is known. */
import {
  type AddCall,
  type Amount,
  type Call,
  type ConsumeCall,
  NEVER,
  type OperationsCall,
} from "./calls.ts";
import {
  CHARGE,
  type History,
  type Intent,
  OPEN_HOLD,
  OWNER,
  PAYMENT,
  type RelativeAmount,
} from "./history.ts";
import { apply, type Ledger } from "./model.ts";
import { catchUp, isDue } from "./model/events.ts";
import { isCharge } from "./model/ledger.ts";
import { WALLETS } from "./statements.ts";

/**
 * How long to wait before a call and after it. A rollover ends grants at its own time: just then nobody else does
 * anything, as a simulated minute is one moment, and in truth no two things happen at the very same one.
 */
export function minutesAround(call: Call): bigint {
  return call.name === "rollover" ? 1n : 0n;
}

/** What everybody is granted before anything else. */
export function firstGrants({ grants }: History): AddCall[] {
  return grants.map(({ amount, kind }, index) => ({
    name: "add",
    user: WALLETS[index]!,
    id: null,
    amount,
    kind,
    priority: 50n,
    effective: null,
    expires: NEVER,
    source: null,
  }));
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
      return { ...rest, user, id, attempt, amount: amountOf(rest.amount, () => request?.amount ?? 0n) };
    }
    case "cleanup":
    case "job":
    case "join":
    case "role":
    case "cap":
    case "remove":
      return intent;
    case "refund": {
      const request = intent.request === CHARGE ? newestCharge(ledger) : intent.request;
      return { ...intent, request, amount: amountOf(intent.amount) };
    }
    case "clawback":
      return { ...intent, ...paymentOf(ledger, intent), amount: amountOf(intent.amount) };
    case "rollover": {
      const { lives, ...rest } = intent;
      const payment = paymentOf(ledger, intent);
      return { ...rest, ...payment, expires: lives === NEVER ? NEVER : ledger.now + lives };
    }
    case "add": {
      const { startsIn, lives, ...rest } = intent;
      const effective = startsIn === null ? null : ledger.now + startsIn;
      return {
        ...rest,
        amount: amountOf(intent.amount, () => availableOf(ledger, intent.user)),
        effective,
        expires: lives === NEVER ? NEVER : (effective ?? ledger.now) + lives,
        source: intent.source === null ? null : `${intent.user} ${intent.source}`,
      };
    }
    default: {
      return { ...intent, amount: amountOf(intent.amount, () => availableOf(ledger, intent.user)) };
    }
  }
}

/** Two calls as their senders meant them, one after the other, in the order in which they arrive. */
export function resolveSwapped(first: Intent, second: Intent, ledger: Ledger): [Call, Call] {
  const meanwhile = structuredClone(ledger);
  const firstCall = resolve(first, ledger);
  meanwhile.now += minutesAround(firstCall);
  apply(meanwhile, firstCall);
  meanwhile.now += minutesAround(firstCall);
  return [resolve(second, meanwhile), firstCall];
}

function newestHold(ledger: Ledger): string {
  const open = [...ledger.requests].filter(([, { status }]) => status === "held");
  return open.at(-1)?.[0] ?? "a";
}

function newestCharge(ledger: Ledger): string {
  const charges = [...ledger.accounts.values()].flatMap(({ entries }) => entries.filter(isCharge));
  return charges.at(-1)?.request ?? "a";
}

/** Sources are named after their wallets, so that no two wallets have the same one. */
function paymentOf(
  ledger: Ledger,
  { user, source }: { user: string; source: string },
): { user: string; source: string } {
  const known = [...ledger.accounts].flatMap(([wallet, { grants }]) =>
    grants.flatMap((grant) => grant.source === null ? [] : [{ user: wallet, source: grant.source }])
  );
  if (source === PAYMENT && known.length > 0) return known.at(-1)!;
  const wallet = user === OWNER ? "ann" : user;
  return { user: wallet, source: `${wallet} ${source === PAYMENT ? "p" : source}` };
}

/** What a wallet can pay with once all is done that is due. */
function availableOf(ledger: Ledger, user: string): bigint {
  const upToDate = structuredClone(ledger);
  if (isDue(upToDate, user)) catchUp(upToDate, user);
  const account = upToDate.accounts.get(user);
  return account ? account.balance - account.held : 0n;
}

function amountOf(written: Amount | RelativeAmount, base = () => 0n): Amount {
  return written !== null && typeof written === "object" ? base() + written.plus : written;
}
