import process from "node:process";

import type { Given, Status, Synced } from "./answers.ts";
import { EXIT, type ExitCode, Refusal } from "./exits.ts";
import { ProgressBar } from "./progress.ts";
import { ask, type Project } from "./project.ts";
import { statusView, syncView, timeOf } from "./views.ts";

export interface CommandOptions {
  json: boolean;
  tokenAlone: boolean;
  check: boolean;
  account: string;
  limit: number;
  everyS: number;
}

/** The interval between two progress checks. */
const LOOK_MS = 2_000;
const MAX_ACCOUNTS = 100;

/** Syncs until everything is read, with as many calls as needed. */
export async function sync(project: Project, options: CommandOptions): Promise<ExitCode> {
  const synced = await syncWhole(project);
  console.log(options.json ? JSON.stringify(synced, null, 2) : syncView(synced));
  return EXIT.done;
}

async function syncWhole(project: Project): Promise<Synced> {
  const bar = new ProgressBar("Syncing");
  let whole: Synced | undefined;
  let isOver = false;
  const looking = process.stderr.isTTY ? look(project, bar, () => isOver) : undefined;
  try {
    do {
      const one: Synced = await ask<Synced>(project, "sync");
      whole = whole ? sumOf(whole, one) : one;
    } while (!whole.is_complete);
    return whole;
  } finally {
    isOver = true;
    await looking;
    bar.end();
  }
}

/** Draws the progress of the scan until it is over. If it is unknown, the sync continues anyway. */
async function look(project: Project, bar: ProgressBar, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const status = await ask<Status>(project, "status", { limit: 1 }).catch(() => undefined);
    if (status && !isOver()) bar.show(status.sync.keys_so_far, status.redis.keys ?? 0);
    for (let waited = 0; waited < LOOK_MS && !isOver(); waited += 100) await delay(100);
  }
}

/** Combines several calls: counters are added up, states come from the last call. */
function sumOf(before: Synced, one: Synced): Synced {
  return {
    ...one,
    synced: before.synced + one.synced,
    unchanged: before.unchanged + one.unchanged,
    deactivated: before.deactivated + one.deactivated,
    rejected: before.rejected + one.rejected,
    unusable_names: before.unusable_names + one.unusable_names,
    vanished: before.vanished + one.vanished,
    accounts: [...before.accounts, ...one.accounts].slice(0, MAX_ACCOUNTS),
    is_continued: before.is_continued,
    duration_ms: before.duration_ms + one.duration_ms,
    round_trips: {
      redis: before.round_trips.redis + one.round_trips.redis,
      database: before.round_trips.database + one.round_trips.database,
    },
  };
}

/** Shows the status; with --check the exit code says whether a sync is needed. */
export async function status(project: Project, options: CommandOptions): Promise<ExitCode> {
  const answer = await ask<Status>(project, "status", { limit: options.limit });
  console.log(options.json ? JSON.stringify(answer, null, 2) : statusView(answer));
  return options.check && answer.sync_needed ? EXIT.syncNeeded : EXIT.done;
}

/** Shows one token. */
export async function get(project: Project, options: CommandOptions): Promise<ExitCode> {
  const given = await ask<Given>(project, "get", { account: options.account });
  if (options.tokenAlone) console.log(given.token);
  else if (options.json) console.log(JSON.stringify(given, null, 2));
  else {
    const left = given.expires_in_s === null ? "" : ` (in ${given.expires_in_s} s)`;
    console.log([
      `Token of ${given.account}`,
      `   Main account: ${given.main_account}`,
      `   Type:         ${given.token_type}`,
      `   Expires:      ${timeOf(given.expires_at)}${left}`,
      `   Updated:      ${timeOf(given.updated_at)}`,
      `   Token:        ${given.token}`,
    ].join("\n"));
  }
  return EXIT.done;
}

/** Cleans up, and reports how many tokens became inactive. */
export async function cleanup(project: Project, options: CommandOptions): Promise<ExitCode> {
  const answer = await ask<{ cleaned: number }>(project, "cleanup");
  console.log(
    options.json
      ? JSON.stringify(answer)
      : `Cleaned up ${answer.cleaned.toLocaleString("en-US")} expired tokens`,
  );
  return EXIT.done;
}

/** Syncs at an interval until it is interrupted. A failed sync is reported, and the next one is tried. */
export async function watch(project: Project, options: CommandOptions): Promise<ExitCode> {
  const interruption = Promise.withResolvers<void>();
  let isOver = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      isOver = true;
      interruption.resolve();
    });
  }
  while (!isOver) {
    const time = new Date().toISOString();
    try {
      const synced = await Promise.race([syncWhole(project), interruption.promise]);
      if (!synced) break;
      const { synced: count, unchanged, deactivated, duration_ms } = synced;
      console.log(
        options.json
          ? JSON.stringify({ time, ...synced })
          : `${time}  synced ${count}, unchanged ${unchanged}, deactivated ${deactivated}, ${duration_ms} ms`,
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      console.error(`${time}  ${error.message}`);
    }
    await Promise.race([delay(options.everyS * 1_000), interruption.promise]);
  }
  // A timer or a request may still be waiting.
  Deno.exit(EXIT.done);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
