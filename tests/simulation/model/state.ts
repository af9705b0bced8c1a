/** What the model knows, in the form in which the database tells it. */
import { catchUp, isDue } from "./events.ts";
import {
  type Account,
  type Entry,
  type Grant,
  isCharge,
  type Ledger,
  type Member,
  type Request,
} from "./ledger.ts";
import { compareTimes } from "./grants.ts";
import { spentThisMonth } from "./members.ts";
import { debtOf } from "./clawbacks.ts";

/** Everything there is, once all is done that is due. */
export function stateOf(before: Ledger): Record<string, unknown> {
  const ledger = structuredClone(before);
  for (const wallet of ledger.accounts.keys()) if (isDue(ledger, wallet)) catchUp(ledger, wallet);
  const accounts = [...ledger.accounts].filter(([, { entries }]) => entries.length > 0);
  return {
    accounts: Object.fromEntries(
      accounts.map(([user, account]) => [user, accountState(ledger, user, account)]),
    ),
    grants: Object.fromEntries(
      [...ledger.accounts].flatMap(([user, { grants }]) =>
        grants.map((grant, index) => [`${user} ${index + 1}`, grantState(grant)])
      ),
    ),
    entries: Object.fromEntries(
      accounts.flatMap(([user, account]) =>
        account.entries.map((entry, index) => [`${user} ${index + 1}`, entryState(account, entry)])
      ),
    ),
    members: Object.fromEntries(
      [...ledger.teams].flatMap(([wallet, members]) =>
        [...members].map(([user, member]) => [`${wallet} ${user}`, memberState(ledger, member)])
      ),
    ),
    requests: Object.fromEntries([...ledger.requests].map(([id, request]) => [id, requestState(request)])),
    debts: Object.fromEntries(
      [...ledger.payments].filter(([, { debt }]) => debt > 0n).map(([source, { debt }]) => [source, debt]),
    ),
    reversals: Object.fromEntries(ledger.reversals),
    refunds: Object.fromEntries(
      [...ledger.refunds].map(([id, { request, amount }]) => [id, { request, amount }]),
    ),
    rollovers: Object.fromEntries(
      [...ledger.rollovers].map((
        [id, { wallet, rolledOver, expired }],
      ) => [id, { wallet, rolledOver, expired }]),
    ),
    anomalies: Object.fromEntries([...ledger.anomalies].map((anomaly) => [anomaly, "warning"])),
    broken: [],
  };
}

function accountState(ledger: Ledger, wallet: string, { balance, held, entries, next, owes }: Account) {
  const charges = entries.filter(isCharge);
  const spent = charges.reduce((sum, { delta }) => sum - delta, 0n);
  return {
    balance,
    held,
    entries: BigInt(entries.length),
    debt: debtOf(ledger, wallet),
    spent,
    next: [next, owes].sort(compareTimes)[0],
  };
}

function grantState({ request: _, isRenewed: __, ...grant }: Grant) {
  return grant;
}

function entryState({ grants }: Account, { at: _, parts, ...entry }: Entry) {
  return {
    ...entry,
    parts: parts.map(({ grant, amount }) => `${grants[grant]!.entry}: ${amount}`).join(", "),
  };
}

function memberState(ledger: Ledger, member: Member) {
  const { role, cap, held, removedAt, removedBy } = member;
  return {
    role,
    cap,
    held,
    spent: spentThisMonth(ledger, member),
    removed_at: removedAt,
    removed_by: removedBy,
  };
}

/** A grant's fingerprint is a digest of its terms, which nobody needs to know. */
function requestState({ since: _, ...request }: Request) {
  return request.operation === "grant" ? { ...request, fingerprint: null } : request;
}
