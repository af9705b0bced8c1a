import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDatabase, newId, range } from "./support.ts";

// Every path that locks something of the ledger, against every other. Whoever has a row makes one path wait there, with all
// that it has locked before in its hands; then the other one runs as far as it can; then the row is let go. Where the two
// lock in different orders, one of them waits for the other in a circle. Nothing is committed: the next pair finds the
// same rows. The order is a table in docs/decisions/ledger.md.

const { url, sql, ledger } = await createDatabase();

// Two teams' wallets beside the users' own: one is locked before those, the other after them.
const [team, one, two, stranger, otherTeam] = range(5).map(newId).sort() as [
  string,
  string,
  string,
  string,
  string,
];
const ids = {
  released: newId(),
  held: newId(),
  toRelease: newId(),
  othersHeld: newId(),
  expired: newId(),
  othersExpired: newId(),
  dead: newId(),
  settled: newId(),
  members: newId(),
  membersToRelease: newId(),
  othersMember: newId(),
};
/** The digest of an invitation's code. */
const invitation = "0".repeat(64);

await prepareWorld();

/** Two users with requests in every state, caps of yesterday, an old month, and what an audit finds of both. */
async function prepareWorld(): Promise<void> {
  for (const user of [one, two]) {
    await ledger.add(user, 1_000);
    await sql`select admit_request(${newId()}, ${user}, 1, 'x')`;
    await sql`select set_spend_caps(${user}, 5000, 5000)`;
  }
  await sql`update token_accounts set day = day - 1, month = month - interval '1 month'`;
  await ledger.hold(one, 1, ids.released);
  await ledger.release(one, ids.released);
  for (const id of [ids.held, ids.toRelease, ids.expired]) await ledger.hold(one, 1, id);
  for (const id of [ids.othersHeld, ids.othersExpired]) await ledger.hold(two, 1, id);
  for (const id of [ids.dead, ids.settled]) await ledger.consume(one, 1, id);
  for (const wallet of [team, otherTeam]) {
    await sql`insert into private.wallets (id, name, created_by) values (${wallet}, 'x', ${one})`;
    await ledger.add(wallet, 1_000);
    await sql`
      insert into private.wallet_members (wallet_id, user_id, role)
      values (${wallet}, ${one}, 'owner'), (${wallet}, ${two}, 'owner')`;
    await sql`select set_spend_caps(${wallet}, 5000, 5000)`;
  }
  await sql`
    insert into private.wallet_invitations (wallet_id, created_by, code_digest, role, max_uses, expires_at)
    values (${team}, ${two}, ${invitation}, 'member', 9, now() + interval '1 day'),
      (${otherTeam}, ${two}, 'over', 'member', 9, now() - interval '1 day')`;
  for (const id of [ids.members, ids.membersToRelease]) await ledger.hold(team, 1, id, { p_actor_id: one });
  await ledger.hold(otherTeam, 1, ids.othersMember, { p_actor_id: two });
  await ledger.outlive(ids.expired, ids.othersExpired);
  await ledger.age([ids.dead]);
  await sql`insert into private.rate_limits (key, full_at) values (${`insufficient_tokens ${one}`}, now() - interval '1 second')`;
  await sql`insert into private.caller_networks (subject, network) values (${one}, 'a')`;
  await sql`update private.anomaly_rules set pauses_account = true`;
  await sql.unsafe(`
    create table token_history.month_2020_01 partition of public.token_balance_history
      for values from ('2020-01-01Z') to ('2020-02-01Z');
    insert into public.token_balance_history
      (user_id, entry_number, delta, balance_after, created_at, operation_type, chain)
    select users.id, -entries.number, 1, 1, entries.at, 'grant', ''
    from unnest(array['${one}', '${two}']::uuid[]) as users (id),
      (values (1, '2020-01-15Z'::timestamptz), (2, '2020-03-15Z')) as entries (number, at)`);
}

/** An operation of a batch. */
function operation(name: string, user: string, more: Record<string, unknown> = {}) {
  return {
    operation: name,
    request_id: newId(),
    user_id: user,
    token_amount: 1,
    operation_type: "meal-analyzer",
    fingerprint: "content",
    ...more,
  };
}

function batch(name: string, operations: unknown[]): string {
  return `select ${name}('${JSON.stringify(operations)}')`;
}

/** Operations that callers wait for: none may wait for operators and schedules. */
const CHARGES: Record<string, string> = {
  "admit": `select admit_request('${newId()}', '${one}', 1, 'meal-analyzer', 'content')`,
  "admit a released request again":
    `select admit_request('${ids.released}', '${one}', 1, 'meal-analyzer', 'content')`,
  "admit a settled request again": `select admit_request('${ids.settled}', '${one}', 1, 'meal-analyzer')`,
  "admit what cannot be paid":
    `select admit_request('${newId()}', '${one}', 100000, 'meal-analyzer', 'content')`,
  "admit a reading": `select admit_reading('${newId()}', '${one}', 1)`,
  "admit a reading that cannot be paid": `select admit_reading('${newId()}', '${one}', 100000)`,
  "admit another user": `select admit_request('${newId()}', '${two}', 1, 'meal-analyzer', 'content')`,
  "hold": `select hold_tokens('${newId()}', '${one}', 1, 'meal-analyzer', 'content')`,
  "settle": `select settle_tokens('${ids.held}', '${one}', 1, 1)`,
  "settle what nobody measured": `select settle_tokens('${ids.held}', '${one}', 1)`,
  "release": `select release_tokens('${ids.toRelease}', '${one}', 1)`,
  "consume": `select consume_tokens_atomic('${newId()}', '${one}', 1, 'meal-analyzer')`,
  "consume a known request": `select consume_tokens_atomic('${ids.settled}', '${one}', 1, 'meal-analyzer')`,
  "add_tokens": `select add_tokens('${one}', 1, 'test', null, '${newId()}')`,
  "add_tokens of a payment that was reversed before": `select claw_back_grant('pay', 1, '${newId()}');
    select add_tokens('${one}', 1, 'test', null, '${newId()}', p_source => 'pay')`,
  "refund_tokens": `select refund_tokens('${ids.settled}', '${newId()}', 1)`,
  "claw_back_grant": `select claw_back_grant('paid', 1, '${newId()}', null, '${one}')`,
  "roll_over_grant": `select roll_over_grant('${one}', 'plan', '${newId()}')`,
  "wallet_state": `select wallet_state('${one}')`,
  "a batch": batch("run_token_operations", [
    operation("settle", two, { request_id: ids.othersHeld, attempt: 1 }),
    operation("admit", two),
    operation("admit", one),
    operation("admit", one, { request_id: ids.released }),
    operation("settle", one, { request_id: ids.held, attempt: 1 }),
    operation("hold", stranger),
  ]),
  "admit a member": `
    select admit_request('${newId()}', '${one}', 1, 'meal-analyzer', 'content', p_wallet_id => '${team}')`,
  "admit another member": `
    select admit_request('${newId()}', '${two}', 1, 'meal-analyzer', 'content', p_wallet_id => '${team}')`,
  "admit a member what cannot be paid": `
    select admit_request('${newId()}', '${one}', 100000, 'meal-analyzer', 'content', p_wallet_id => '${team}')`,
  "settle a member's request": `select settle_tokens('${ids.members}', '${team}', 1, 1)`,
  "release a member's request": `select release_tokens('${ids.membersToRelease}', '${team}', 1)`,
  "a batch of two teams": batch("run_token_operations", [
    operation("settle", otherTeam, { request_id: ids.othersMember, attempt: 1 }),
    operation("admit", two, { wallet_id: otherTeam }),
    operation("admit", one, { wallet_id: team }),
    operation("settle", team, { request_id: ids.members, attempt: 1 }),
    operation("admit", two),
    operation("hold", team, { actor_id: two }),
  ]),
  "a batch of charges": batch(
    "consume_tokens_batch",
    [two, stranger, one].map((user) => operation("", user)),
  ),
};

/** Operations of a user, an operator or Auth on one account. */
const ACCOUNTS: Record<string, string> = {
  "forget_user": `select forget_user('${one}')`,
  "set_spend_caps": `select set_spend_caps('${one}', 1, 1)`,
  "set_account_plan": `select set_account_plan('${one}', 'default')`,
  "pause_account": `select pause_account('${one}', 'test')`,
  "resume_account": `select resume_account('${one}')`,
  "set_spend_caps of a team": `select set_spend_caps('${team}', 1, 1, '${one}')`,
  "create_wallet": `select create_wallet('${one}', 'x')`,
  "close_wallet": `select close_wallet('${one}', '${team}')`,
  "invite_to_wallet": `select invite_to_wallet('${one}', '${team}', '${"1".repeat(64)}', 'member')`,
  "accept_wallet_invitation": `select accept_wallet_invitation('${stranger}', '${invitation}')`,
  "accept_wallet_invitation as a member": `select accept_wallet_invitation('${one}', '${invitation}')`,
  "set_wallet_role": `select set_wallet_role('${one}', '${team}', '${two}', 'member')`,
  "set_member_cap": `select set_member_cap('${two}', '${team}', '${one}', 5)`,
  "leave a wallet": `select remove_wallet_member('${two}', '${team}', '${two}')`,
  "transfer_wallet": `select transfer_wallet('${two}', '${team}', '${one}')`,
  "forget_user of another member": `select forget_user('${two}')`,
  "detect_high_frequency_requests": `select detect_high_frequency_requests('${one}', '1 hour', 1)`,
};

/** Operations of the schedule or an operator, for all users. */
const MAINTENANCE: Record<string, string> = {
  "cleanup_expired_locks": "select cleanup_expired_locks()",
  "apply_due_grant_events": "select private.apply_due_grant_events()",
  "cleanup_request_counters": "select private.cleanup_request_counters()",
  "cleanup_wallet_invitations": "select private.cleanup_wallet_invitations()",
  "cleanup_rate_limits": "select private.cleanup_rate_limits()",
  "cleanup_caller_networks": "select private.cleanup_caller_networks()",
  "prepare_token_history": "select private.prepare_token_history(15)",
  "split_other_months": "select private.split_other_months()",
  "archive_token_history": "select private.archive_token_history('2020-02-01')",
  "anchor_token_ledger": "select private.anchor_token_ledger()",
  "audit_token_ledger": "select private.audit_token_ledger()",
  "scan_token_anomalies": "select private.scan_token_anomalies()",
  "anomalies that pause accounts":
    `select record_token_anomaly(user_id, 'cost_spike', 'critical', 'test') from token_balances order by user_id`,
  "note_caller_networks": `select note_caller_networks('[{"user_id":"${one}","networks":["a","b"]}]')`,
  "scan_alerts": "select private.scan_alerts()",
  "rollup_metrics": "select private.rollup_metrics('0')",
  "verify_metrics": "select private.verify_metrics()",
};

const PATHS = { ...CHARGES, ...ACCOUNTS, ...MAINTENANCE };

/** Rows and tables that another transaction may have locked. */
const RESOURCES: Record<string, string> = {
  "request_counters": `select from private.request_counters where subject = '${one}' for update`,
  "token_balances": `select from token_balances where user_id = '${one}' for update`,
  "token_balances of another user": `select from token_balances where user_id = '${two}' for update`,
  "token_balances of a new user": `insert into token_balances (user_id) values ('${stranger}')`,
  "token_balances of a team": `select from token_balances where user_id = '${team}' for update`,
  "token_balances of another team": `select from token_balances where user_id = '${otherTeam}' for update`,
  "the memberships of a user": `select pg_advisory_xact_lock(hashtextextended('wallets of ${one}', 0))`,
  "wallets": "select from private.wallets for update",
  "wallet_members": `select from private.wallet_members where user_id = '${one}' for update`,
  "wallet_invitations": "select from private.wallet_invitations for update",
  "a member's request": `select from token_consumption_locks where request_id = '${ids.members}' for update`,
  "token_accounts": `select from token_accounts where user_id = '${one}' for update`,
  "token_accounts of another user": `select from token_accounts where user_id = '${two}' for update`,
  "a released request": `select from token_consumption_locks where request_id = '${ids.released}' for update`,
  "a held request": `select from token_consumption_locks where request_id = '${ids.held}' for update`,
  "an expired hold": `select from token_consumption_locks where request_id = '${ids.expired}' for update`,
  "a request that is over": `select from token_consumption_locks where request_id = '${ids.dead}' for update`,
  "rate_limits": `select from private.rate_limits for update`,
  "caller_networks": `select from private.caller_networks for update`,
  "token_settings": "select from private.token_settings for update",
  "anomaly_settings": "select from private.anomaly_settings for update",
  "alert_settings": "select from private.alert_settings for update",
  "ledger_alert_settings": "select from private.ledger_alert_settings for update",
  "ledger_progress": "select from metrics.ledger_progress for update",
  "an anomaly that is being recorded":
    `insert into token_anomalies (user_id, anomaly_type, severity, occurrence) values ('${two}', 'cost_spike', 'info', 'test')`,
  "where the history begins": `insert into token_history.openings values ('${one}', 1, 1, 1, '')`,
  "other_months": "lock table token_history.other_months in row exclusive mode",
  "the months": "lock table public.token_balance_history in access share mode",
};

/** A table or a number that a transaction has locked. */
interface Lock {
  mode: string;
  on: string;
}

const A_MOMENT_MS = 4;
const A_FEW_TRIES_MS = 3_000;

/** One connection whose transactions are all undone. */
class Session {
  readonly sql = postgres(url, {
    max: 1,
    onnotice: () => {},
    connection: { application_name: "lock order" },
  });
  #ended: Promise<string | undefined> = Promise.resolve(undefined);
  #isRunning = false;
  #pid = 0;

  async open(): Promise<void> {
    const [row] = await this.sql`select pg_backend_pid() as pid`;
    this.#pid = row!.pid;
  }

  /** Runs a statement, and undoes it as soon as it has ended. */
  begin(statement: string): void {
    this.#isRunning = true;
    this.#ended = this.sql.unsafe(`begin; ${statement}; rollback`).then(() => undefined, async (error) => {
      await this.sql.unsafe("rollback");
      return error.code ?? String(error);
    }).finally(() => this.#isRunning = false);
  }

  /** Has it wait for a lock, or end. */
  async rest(): Promise<boolean> {
    // Most end within moments, and need not be asked about.
    while (this.#isRunning && !await endsWithin(A_MOMENT_MS, this)) {
      if (await this.isWaiting()) return this.#isRunning;
    }
    return false;
  }

  async isWaiting(): Promise<boolean> {
    const [row] = await watcher`select cardinality(pg_blocking_pids(${this.#pid})) > 0 as it`;
    return row!.it;
  }

  /** What it has locked, or waits for. */
  async locks(): Promise<Lock[]> {
    return [
      ...await watcher<Lock[]>`
      select distinct mode, case locktype when 'relation' then relation::text
        else concat_ws(' ', locktype, classid, objid) end as on
      from pg_locks
      where pid = ${this.#pid} and locktype in ('relation', 'advisory')`,
    ];
  }

  /** The code of the error that it ended with. */
  end(): Promise<string | undefined> {
    return this.#ended;
  }
}

const watcher = postgres(url, { max: 1 });
const [blocker, first, second] = range(3).map(() => new Session()) as [Session, Session, Session];
await Promise.all([blocker.open(), first.open(), second.open()]);
afterAll(() =>
  Promise.all([blocker.sql, first.sql, second.sql, watcher].map((each) => each.end({ timeout: 1 })))
);

async function whileLocked<Result>(lock: string, act: () => Promise<Result>): Promise<Result> {
  await blocker.sql.unsafe(`begin; ${lock}`);
  try {
    return await act();
  } finally {
    await blocker.sql.unsafe("rollback");
  }
}

async function endsWithin(ms: number, session: Session): Promise<boolean> {
  let timer;
  const isOver = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), ms));
  const ended = await Promise.race([session.end().then(() => true), isOver]);
  clearTimeout(timer);
  return ended;
}

/** Whether a path waits for what is locked. */
async function waitsFor(lock: string, path: string): Promise<boolean> {
  const waits = await whileLocked(lock, () => {
    first.begin(path);
    return first.rest();
  });
  await first.end();
  return waits;
}

/** All that a path locks, by its statements. */
const footprints = new Map<string, Lock[]>();

async function takeFootprints(paths: Record<string, string>): Promise<void> {
  for (const path of Object.values(paths)) {
    if (footprints.has(path)) continue;
    await first.sql.unsafe(`begin; ${path}`);
    footprints.set(path, await first.locks());
    await first.sql.unsafe("rollback");
  }
}

/**
 * Whether who has locked the one may be waited for by who locks the other. Rows are locked by nobody who only reads their
 * table, and a table that is read is in the way of its exclusive lock alone.
 */
function mayMeet(ones: Lock[], others: Lock[]): boolean {
  const isReadBeside = (one: string, other: string) =>
    one === "AccessShareLock" && other !== "AccessExclusiveLock";
  return ones.some((one) =>
    others.some((other) =>
      one.on === other.on && !isReadBeside(one.mode, other.mode) && !isReadBeside(other.mode, one.mode)
    )
  );
}

/** Pairs that wait for each other in a circle, of those of which one waits at a lock. */
async function circlesAt(lock: string, paths: Record<string, string>, others = paths): Promise<string[]> {
  await takeFootprints({ ...paths, ...others });
  const circles: string[] = [];
  for (const [name, path] of Object.entries(paths)) {
    let left: [name: string, path: string][] | undefined;
    let isWaiting = true;
    while (isWaiting && left?.length !== 0) {
      const met = await whileLocked(lock, async () => {
        first.begin(path);
        isWaiting = await first.rest();
        if (!isWaiting) return;
        const locks = await first.locks();
        left ??= Object.entries(others).filter(([, other]) => mayMeet(locks, footprints.get(other)!));
        return await meet(left);
      });
      const errors = await Promise.all([first.end(), second.end()]);
      if (met && errors.includes("40P01")) circles.push(`${name}, ${met}`);
    }
  }
  return circles;
}

/** Takes paths from a list, and runs each while the first one waits, as far as that can; returns the first that waits too. */
async function meet(left: [name: string, path: string][]): Promise<string | undefined> {
  while (left.length > 0) {
    const [name, path] = left.shift()!;
    second.begin(path);
    if (await second.rest()) return name;
    // It has gone through: nothing of it is left that the first one could wait for.
    await second.end();
    // A transaction that requests its lock for moments may have given up meanwhile.
    if (!await first.isWaiting() && !await first.rest()) return;
  }
}

describe("the paths of the ledger", () => {
  it.each(Object.entries(PATHS))("%s: completes if nothing blocks it", async (_, path) => {
    first.begin(path);
    expect(await first.end()).toBeUndefined();
  });

  it.each(Object.entries(RESOURCES))(
    "do not deadlock when one of them waits at %s",
    async (_, lock) => expect(await circlesAt(lock, PATHS)).toEqual([]),
    240_000,
  );

  it("would deadlock if one of them reversed the order", async () => {
    await sql.unsafe(`
      create function public.turned_round() returns void language plpgsql as $$
      begin
        perform 1 from public.token_balances where user_id = '${one}' for update;
        perform 1 from private.request_counters where subject = '${one}' for update;
      end $$`);
    const circles = await circlesAt(RESOURCES["request_counters"]!, { "a batch": PATHS["a batch"]! }, {
      "turned round": "select public.turned_round()",
    });
    const others = await circlesAt(RESOURCES["token_balances"]!, {
      "turned round": "select public.turned_round()",
    }, PATHS);
    await sql`drop function public.turned_round()`;
    expect(circles.length + others.length).toBeGreaterThan(0);
  }, 60_000);
});

describe("a charge", () => {
  it("does not wait for caps that sum the month's spending", async () => {
    // Caps read the history, a hold does not.
    const isWaiting = await whileLocked(
      "lock table public.token_balance_history in access exclusive mode",
      async () => {
        first.begin(ACCOUNTS["set_spend_caps"]!);
        second.begin(CHARGES["hold"]!);
        return [await first.rest(), await second.rest()];
      },
    );
    await Promise.all([first.end(), second.end()]);
    expect(isWaiting).toEqual([true, false]);
  });

  // As a new project has it. A rule that pauses keeps the balances of those whom it pauses until all cases are recorded.
  beforeAll(() => sql`update private.anomaly_rules set pauses_account = false`.then(() => {}));

  const known = new Map<string, boolean>();

  /** Whether a charge waits for a lock's holder: the same for every path of the maintenance, and tested once. */
  async function waitsForLock(lock: string, charge: string): Promise<boolean> {
    const both = JSON.stringify([lock, charge]);
    if (!known.has(both)) known.set(both, await waitsFor(lock, charge));
    return known.get(both)!;
  }

  it.each(Object.entries(MAINTENANCE))(
    "does not wait for %s, wherever that waits",
    async (_, path) => {
      const waiting: string[] = [];
      for (const [resource, lock] of Object.entries(RESOURCES)) {
        if (!await waitsFor(lock, path)) continue;
        for (const [name, charge] of Object.entries(CHARGES)) {
          if (await waitsForLock(lock, charge)) continue; // It waits for the lock's holder, not for the maintenance.
          await whileLocked(lock, async () => {
            first.begin(path);
            await first.rest();
            second.begin(charge);
            const isWaiting = await second.rest();
            // The lock against all charges is asked for 100 ms at a time: a charge goes through in between.
            if (isWaiting && !await endsWithin(A_FEW_TRIES_MS, second)) {
              waiting.push(`${name} at ${resource}`);
            }
          });
          await Promise.all([first.end(), second.end()]);
        }
      }
      expect(waiting).toEqual([]);
    },
    120_000,
  );
});
