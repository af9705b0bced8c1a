import { join } from "node:path";
import postgres from "postgres";

import type { Stack } from "../../scripts/local/stack.ts";
import type { Effort } from "../interleave.ts";
import { BATCH_CLIENTS, BATCH_SIZE, batchOf } from "../ledger/scripts.ts";
import { chooseOf, REQUEST_ID, USER } from "../ledger/users.ts";
import { Pgbench, type PgbenchLoad, requirePgbench } from "../pgbench.ts";
import { measure, type Report } from "../section.ts";
import { serverCpuMs } from "../server_cpu.ts";
import type { Comparison, Side } from "../side.ts";
import { databaseOf } from "./before.ts";

/** As many wallets of each kind: they are numbered from the kind's first one. */
const WALLETS = 100;
const FIRST = { plain: 10_000, live: 11_000, spent: 12_000 } as const;
const TOKENS = 1e12;
const LIVE_GRANTS = 20;
const SPENT_GRANTS = 10_000;
const CLIENTS = 8;

const CALLS = {
  "a charge": `select consume_tokens_atomic(${REQUEST_ID}, ${USER}, 2, 'meal-analyzer');`,
  "a hold and its settlement": `select hold_tokens(${REQUEST_ID}, ${USER}, 5, 'meal-analyzer');
select settle_tokens(${REQUEST_ID}, ${USER}, 1, 2);`,
} as const;

/**
 * What grants cost a charge: wallets without an end of anything, with 20 live grants and with 10,000 spent ones; with
 * BENCH_BEFORE, a commit of git, against the ledger of that commit, too. And double entry, as pgledger does it.
 */
export async function measureGrants(stack: Stack, effort: Effort, report: Report): Promise<void> {
  await requirePgbench();
  const folder = join(stack.dataDir, "pgbench_grants");
  await Deno.mkdir(folder);
  const owner = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  const commit = Deno.env.get("BENCH_BEFORE");
  const beforeUrl = commit ? await databaseOf(commit, stack.databaseUrl) : undefined;
  const before = beforeUrl ? postgres(beforeUrl, { max: 1, onnotice: () => {} }) : undefined;
  try {
    for (const sql of [owner, ...before ? [before] : []]) await makePlainWallets(sql);
    await makeLiveGrants(owner);
    await makeSpentGrants(owner);
    await owner.unsafe(await Deno.readTextFile(join(import.meta.dirname!, "double_entry.sql")));
    for (const sql of [owner, ...before ? [before] : []]) await sql`vacuum analyze`;
    const now = new Pgbench(folder, stack.databaseUrl);
    const earlier = beforeUrl ? new Pgbench(folder, beforeUrl) : undefined;
    const side = (name: string, pgbench: Pgbench, script: string, load: PgbenchLoad): Side => ({
      name,
      async run(seconds) {
        const start = await serverCpuMs(owner);
        const outcome = await pgbench.forSeconds(script, seconds, load);
        const end = await serverCpuMs(owner);
        return start === undefined || end === undefined ? outcome : { ...outcome, serverCpuMs: end - start };
      },
    });
    const compare = (title: string, scriptOf: (first: number) => string, load: PgbenchLoad): Comparison => ({
      title: `Grants: ${title}`,
      unit: "calls",
      reference: earlier ? "before there were grants" : "no grant that ends",
      sides: [
        ...earlier ? [side("before there were grants", earlier, scriptOf(FIRST.plain), load)] : [],
        side("no grant that ends", now, scriptOf(FIRST.plain), load),
        side(`${LIVE_GRANTS} live grants that end`, now, scriptOf(FIRST.live), load),
        side(`${SPENT_GRANTS.toLocaleString("en-US")} spent grants`, now, scriptOf(FIRST.spent), load),
      ],
    });
    for (const [title, call] of Object.entries(CALLS)) {
      const scriptOf = (first: number) => `${chooseOf(first, first + WALLETS - 1)}\n${call}\n`;
      report(await measure(compare(title, scriptOf, { clients: CLIENTS }), effort));
    }
    report(
      await measure(
        compare(`a batch of ${BATCH_SIZE} charges`, batchFrom, {
          operations: BATCH_SIZE,
          clients: BATCH_CLIENTS,
        }),
        effort,
      ),
    );
    const spread = chooseOf(10_000, 10_000 + WALLETS - 1);
    report(
      await measure({
        title: "Double entry, as pgledger does it",
        text:
          "SQL of our own, not pgledger: two accounts locked in one order, a transfer row, two entries, spread over 1,000 " +
          "house accounts. It has no idempotency, no chain and no holds.",
        unit: "transfers",
        reference: "double entry",
        sides: [
          side(
            "double entry",
            now,
            `${spread}\n\\set house random(10000, 10999)\nselect double_entry.transfer(${USER},
  ('00000000-0000-4000-a000-0000000' || :house)::uuid, 2);\n`,
            { clients: CLIENTS },
          ),
          side("consume_tokens_atomic", now, `${spread}\n${CALLS["a charge"]}\n`, { clients: CLIENTS }),
          side(`consume_tokens_batch of ${BATCH_SIZE}`, now, batchFrom(FIRST.plain), {
            operations: BATCH_SIZE,
            clients: BATCH_CLIENTS,
          }),
        ],
      }, effort),
    );
    const broken = await owner`select * from public.verify_token_ledger()`;
    if (broken.length > 0) {
      throw new Error(`The ledger is broken after the run: ${JSON.stringify(broken[0])}`);
    }
  } finally {
    await Promise.all([owner.end(), before?.end()]);
  }
}

/** The batch of the ledger's benchmark, of this kind's wallets. */
function batchFrom(first: number): string {
  return batchOf("consume", "spread").replaceAll("% 10000)", `% ${WALLETS})`).replaceAll(
    "(10000 +",
    `(${first} +`,
  );
}

async function makePlainWallets(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`select count(public.add_tokens(${walletOf("number")}, ${TOKENS}, 'bench'))
    from generate_series(${FIRST.plain}, ${FIRST.plain + WALLETS - 1}) as number`);
}

async function makeLiveGrants(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`select count(public.add_tokens(${walletOf("number")}, ${TOKENS / LIVE_GRANTS}, 'bench',
      p_expires_at => now() + turn * interval '30 days'))
    from generate_series(${FIRST.live}, ${
    FIRST.live + WALLETS - 1
  }) as number, generate_series(1, ${LIVE_GRANTS}) as turn`);
}

/** Wallets of which 10,000 grants were spent to the last token, written as the ledger would have left them. */
async function makeSpentGrants(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create temporary table spent as
    select ${walletOf("number")} as wallet_id from generate_series(${FIRST.spent}, ${
    FIRST.spent + WALLETS - 1
  }) as number;
    insert into public.token_balances (user_id, granted, entry_count, chain)
    select wallet_id, ${SPENT_GRANTS}, ${SPENT_GRANTS} + 1, '' from spent;
    insert into public.token_balance_history
      (user_id, entry_number, delta, balance_after, created_at, operation_type, metadata, chain)
    select wallet_id, entry, case when entry > ${SPENT_GRANTS} then -${SPENT_GRANTS} else 1 end,
      case when entry > ${SPENT_GRANTS} then 0 else entry end, now(), case when entry > ${SPENT_GRANTS} then 'bench' else 'grant' end,
      '{}', '' from spent, generate_series(1, ${SPENT_GRANTS + 1}) as entry;
    insert into public.token_grants (wallet_id, kind, priority, amount, effective_at, entry_number)
    select wallet_id, 'paid', 50, 1, now(), entry from spent, generate_series(1, ${SPENT_GRANTS}) as entry;
    insert into private.token_grant_slices (wallet_id, spent_from, spent_to, grant_id)
    select wallet_id, entry_number - 1, entry_number, id from public.token_grants where amount = 1;
    insert into private.token_grant_epochs (wallet_id, first_entry_number, granted, allotted_to)
    select wallet_id, ${SPENT_GRANTS} + 1, ${SPENT_GRANTS}, ${SPENT_GRANTS} from spent;
    select count(public.add_tokens(wallet_id, ${TOKENS}, 'bench')) from spent;
    drop table spent`);
}

function walletOf(number: string): string {
  return `('00000000-0000-4000-8000-0000000' || ${number})::uuid`;
}
