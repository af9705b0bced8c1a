import type postgres from "postgres";

import type { Anchor } from "./anchors.ts";
import { chainOf } from "./chain.ts";
import {
  type Balance,
  type Entry,
  inOneSnapshot,
  type Opening,
  type OwnedGrant,
  readRange,
  type Request,
  userRanges,
} from "./entries.ts";
import { differenceOf, inOrder, isCharge, type LeftGrant, ReplayedGrants, spend } from "./grants.ts";

/** One problem, as a line of text. */
export type Finding = string;

export interface Verified {
  findings: number;
  /** Users of the anchor with only later entries, as their months were archived since. */
  archivedSince: number;
}

const USERS_AT_ONCE = 500;

/**
 * Checks the whole ledger and reports each finding as it is found. Everything is computed here from the rows, because
 * the database's own functions and stored digests are what is audited. Keeps a few hundred users in memory, however
 * long the history.
 */
export async function verify(
  sql: postgres.Sql,
  tell: (finding: Finding) => void,
  anchors?: AsyncIterator<Anchor>,
): Promise<Verified> {
  const verified: Verified = { findings: 0, archivedSince: 0 };
  const report = (finding: Finding) => {
    verified.findings++;
    tell(finding);
  };
  for (const finding of await inOneSnapshot(sql, disguisedTables)) report(finding);
  let anchor = await anchors?.next();
  for await (const range of userRanges(sql, USERS_AT_ONCE)) {
    const anchorsOfRange = new Map<string, Anchor>();
    while (anchor && !anchor.done && (range.upTo === null || anchor.value.user_id <= range.upTo)) {
      anchorsOfRange.set(anchor.value.user_id, anchor.value);
      anchor = await anchors!.next();
    }
    await readRange(sql, range, async (reader) => {
      const users = new Users(await reader.balances(), await reader.openings(), anchorsOfRange, report);
      for (const grant of await reader.grants()) users.of(grant.user_id).own(grant);
      for (const grant of await reader.grantOpenings()) users.of(grant.user_id).openGrant(grant);
      for await (const entry of reader.entries()) users.of(entry.user_id).append(entry);
      for await (const request of reader.requests()) users.of(request.user_id).judge(request);
      verified.archivedSince += users.end();
    });
  }
  return verified;
}

/** The ledgers of a range's users, by their ids. */
class Users {
  readonly #users = new Map<string, UserLedger>();

  constructor(
    balances: Balance[],
    openings: Opening[],
    private readonly anchors: Map<string, Anchor>,
    private readonly report: (finding: Finding) => void,
  ) {
    const openingOf = new Map(openings.map((opening) => [opening.user_id, opening]));
    for (const balance of balances) this.#add(balance.user_id, balance, openingOf.get(balance.user_id));
    for (const opening of openings) {
      if (!this.#users.has(opening.user_id)) this.#add(opening.user_id, undefined, opening);
    }
  }

  of(userId: string): UserLedger {
    return this.#users.get(userId) ?? this.#add(userId);
  }

  /** Ends all of them. Returns how many anchors are older than the rest of the history. */
  end(): number {
    for (const userId of this.anchors.keys()) this.of(userId);
    return [...this.#users.values()].filter((user) => user.end()).length;
  }

  #add(userId: string, balance?: Balance, opening?: Opening): UserLedger {
    const user = new UserLedger(userId, balance, opening, this.anchors.get(userId), this.report);
    this.#users.set(userId, user);
    return user;
  }
}

/** The state of a history after an entry. */
interface State {
  number: bigint;
  balance: bigint;
  granted: bigint;
  chain: string | null;
  at: string;
}

/** One user's history, checked from its opening to its end. */
class UserLedger {
  #state: State;
  #held = 0n;
  #owned: OwnedGrant[] = [];
  #openGrants: LeftGrant[] = [];
  #replayed: ReplayedGrants | undefined;
  #isReplayable = true;
  #isAnchorMet = false;

  constructor(
    private readonly userId: string,
    private readonly balance: Balance | undefined,
    private readonly opening: Opening | undefined,
    private readonly anchor: Anchor | undefined,
    private readonly report: (finding: Finding) => void,
  ) {
    this.#state = {
      number: opening?.entry_number ?? 0n,
      balance: opening?.balance ?? 0n,
      granted: opening?.granted ?? 0n,
      chain: opening?.chain ?? null,
      at: "",
    };
    this.#compareWithAnchor();
  }

  /** What the tables say is left of a grant. */
  own(grant: OwnedGrant): void {
    this.#owned.push(grant);
  }

  /** What was left of a grant where the history begins. */
  openGrant(grant: LeftGrant): void {
    this.#openGrants.push(grant);
  }

  append(entry: Entry): void {
    this.#replay(entry);
    const before = this.#state;
    const where = { entry: entry.entry_number, request: entry.request_id };
    if (entry.entry_number !== before.number + 1n) {
      this.#tell("entries are missing before it", where);
    } else if (entry.chain !== chainOf(before.chain, entry)) {
      this.#tell("it or the entry before it was changed", where);
    }
    if (entry.balance_after !== before.balance + entry.delta || isEarlier(entry.created_at_s, before.at)) {
      this.#tell(
        `broken rule: "each entry continues the one before": ${before.balance} and ${entry.delta} became ` +
          `${entry.balance_after}, at ${before.at || "the beginning"} and ${entry.created_at_s}`,
        where,
      );
    }
    this.#state = {
      number: entry.entry_number,
      balance: before.balance + entry.delta,
      granted: before.granted + (isCharge(entry.operation_type) ? 0n : entry.delta),
      chain: entry.chain,
      at: entry.created_at_s,
    };
    this.#compareWithAnchor();
  }

  judge(request: Request): void {
    if (request.status === "held") this.#held += request.amount;
    if (request.began_before_history) return;
    const where = { request: request.request_id };
    if (request.status !== "settled" && request.entries > 0n) {
      this.#tell('broken rule: "only a settled request has an entry"', where);
    }
    if (request.entries > 1n) this.#tell('broken rule: "a request is charged at most once"', where);
    if (request.status === "settled" && !hasItsEntry(request)) {
      this.#tell(
        `broken rule: "a settled request has the entry it was charged with": charged ${request.charged} to ` +
          `${request.balance_after}, ${request.entries} entries: ${request.delta} to ${request.entry_balance_after}`,
        where,
      );
    }
  }

  /** Compares with the user's balance. Returns whether the anchor is older than the rest of the history. */
  end(): boolean {
    const { number, balance, granted, chain } = this.#state;
    const own = this.balance;
    if ((own?.balance ?? 0n) !== balance || (own?.granted ?? 0n) !== granted) {
      this.#tell(
        `broken rule: "balance is the sum of the entries": ${own?.balance ?? 0n} of ${
          own?.granted ?? 0n
        } granted, by the ` +
          `entries ${balance} of ${granted}`,
      );
    }
    if ((own?.entry_count ?? 0n) > number) {
      this.#tell("entries are missing at the end", { entry: own!.entry_count });
    } else if ((own?.entry_count ?? 0n) < number || (own?.chain ?? null) !== chain) {
      this.#tell("it is not the last charged entry", { entry: own?.entry_count ?? 0n });
    }
    if ((own?.held ?? 0n) !== this.#held || this.#held > (own?.balance ?? 0n)) {
      this.#tell(
        `broken rule: "held is the sum of the open holds": ${own?.held ?? 0n}, by the holds ${this.#held}`,
      );
    }
    this.#compareGrants();
    return this.#endAnchor();
  }

  #replay(entry: Entry): void {
    if (!this.#isReplayable) return;
    try {
      this.#replayed ??= new ReplayedGrants(this.#openGrants);
      this.#replayed.append(entry);
    } catch (error) {
      this.#isReplayable = false;
      this.#tell(`its grants make no sense: ${error instanceof Error ? error.message : error}`, {
        entry: entry.entry_number,
      });
    }
  }

  /** Compares what the history says is left of each grant with the tables. */
  #compareGrants(): void {
    if (!this.#isReplayable) return;
    const owned = inOrder(this.#owned.map((grant) => ({ ...grant })));
    const spent = (this.balance?.granted ?? 0n) - (this.balance?.balance ?? 0n);
    spend(owned, spent - (this.#owned[0]?.allotted_to ?? spent));
    const told = (this.#replayed ?? new ReplayedGrants(this.#openGrants)).left();
    const difference = differenceOf(told, owned);
    if (difference) this.#tell(`broken is "the history tells the same grants": ${difference}`);
  }

  #compareWithAnchor(): void {
    const { anchor } = this;
    if (anchor === undefined || BigInt(anchor.entry_number) !== this.#state.number) return;
    this.#isAnchorMet = true;
    const { balance, granted, chain } = this.#state;
    if (
      (chain ?? "") !== anchor.chain || balance !== BigInt(anchor.balance) ||
      granted !== BigInt(anchor.granted)
    ) {
      this.#tellOfAnchor(anchor);
    }
  }

  #endAnchor(): boolean {
    const { anchor, opening } = this;
    if (anchor === undefined || this.#isAnchorMet) return false;
    if (opening === undefined || BigInt(anchor.entry_number) > opening.entry_number) {
      this.#tellOfAnchor(anchor);
      return false;
    }
    // Its entry is archived: what was spent since then can only have grown.
    const spent = BigInt(anchor.granted) - BigInt(anchor.balance);
    if (opening.granted - opening.balance < spent) {
      this.#tellOfAnchor(anchor);
    }
    return true;
  }

  #tellOfAnchor(anchor: Anchor): void {
    this.report(
      `user ${this.userId}, up to entry ${anchor.entry_number}: the history does not match the anchor`,
    );
  }

  #tell(problem: string, where: { entry?: bigint; request?: string | null } = {}): void {
    const entry = where.entry === undefined ? "" : `, entry ${where.entry}`;
    this.report(
      `user ${this.userId}${entry}${where.request ? `, request ${where.request}` : ""}: ${problem}`,
    );
  }
}

function hasItsEntry({ charged, balance_after, entries, delta, entry_balance_after }: Request): boolean {
  if (charged === null || balance_after === null) return false;
  if (charged === 0n) return entries === 0n;
  return delta === -charged && entry_balance_after === balance_after;
}

/** From seconds with six decimals, as Postgres writes them. */
function isEarlier(time: string, other: string): boolean {
  return other !== "" && BigInt(time.replace(".", "")) < BigInt(other.replace(".", ""));
}

/** Tables of the ledger that are not real tables: a view or a rule could show false data to the audit. */
async function disguisedTables(sql: postgres.TransactionSql): Promise<Finding[]> {
  const rows = await sql`
    select tables.name
    from unnest(array['public.token_balances', 'public.token_balance_history', 'public.token_consumption_locks',
      'private.token_settings', 'token_history.openings']) as tables (name)
    left join pg_catalog.pg_class on pg_class.oid = to_regclass(tables.name)
    where pg_class.relkind is null or pg_class.relkind not in ('r', 'p') or pg_class.relhasrules
    union all
    select months.oid::regclass::text
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class as months on months.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = to_regclass('public.token_balance_history')
      and (months.relkind <> 'r' or months.relhasrules)`;
  return rows.map(({ name }) => `${name} is not a plain table, so it may show other data than is stored`);
}
