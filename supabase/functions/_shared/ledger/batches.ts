import type { RpcClient } from "./calls.ts";
import { inThisTrace } from "../platform/tracing.ts";

/** The calls that `run_token_operations` can run, with its names for them. */
const OPERATIONS: Record<string, string> = {
  admit_request: "admit",
  hold_tokens: "hold",
  settle_tokens: "settle",
  release_tokens: "release",
  consume_tokens_atomic: "consume",
};

/** Keeps one batch within milliseconds in the database. */
const MAX_OPERATIONS = 200;

type Result = { data: unknown; error: unknown };

interface Waiting {
  name: string;
  args: Record<string, unknown>;
  answer(result: Result): void;
  /** Runs work inside the trace of the waiting request. */
  within<Returned>(work: () => Returned): Returned;
}

/**
 * Lets ledger calls share a round trip and a transaction: while `batchesAtOnce` batches are running, new calls wait
 * and are sent together. Otherwise a call is sent at once, so no call waits only to fill a batch.
 */
export function coalesce(client: RpcClient, batchesAtOnce: number): RpcClient {
  let waiting: Waiting[] = [];
  let runningBatches = 0;

  async function send(): Promise<void> {
    runningBatches++;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_OPERATIONS);
      waiting = waiting.slice(MAX_OPERATIONS);
      await batch[0]!.within(() => run(client, batch));
    }
    runningBatches--;
  }

  return {
    rpc(name, args) {
      if (!(name in OPERATIONS)) return client.rpc(name, args);
      return new Promise<Result>((answer) => {
        waiting.push({ name, args, answer, within: inThisTrace() });
        if (runningBatches < batchesAtOnce) void send();
      });
    },
  };
}

async function run(client: RpcClient, batch: Waiting[]): Promise<void> {
  if (batch.length > 1) {
    const { data, error } = await attempt(client, "run_token_operations", {
      p_operations: batch.map(toOperation),
    });
    if (!wasRolledBack(error)) {
      const outcomes = data as unknown[] | null;
      batch.forEach(({ answer }, index) => answer({ data: outcomes?.[index], error }));
      return;
    }
    // One operation that the database cannot run must not fail the others.
  }
  await Promise.all(batch.map(async ({ name, args, answer }) => answer(await attempt(client, name, args))));
}

/** Only an error of the database itself, which has a SQLSTATE, proves that nothing in the batch happened. */
function wasRolledBack(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^(?=.*\d)(?!08|57P)[0-9A-Z]{5}$/.test(code);
}

async function attempt(client: RpcClient, name: string, args: Record<string, unknown>): Promise<Result> {
  try {
    return await client.rpc(name, args);
  } catch (error) {
    return { data: null, error };
  }
}

/** The parameters without their `p_`, as `run_token_operations` names them. */
function toOperation({ name, args }: Waiting): Record<string, unknown> {
  const fields = Object.entries(args).map(([parameter, value]) => [parameter.replace(/^p_/, ""), value]);
  return { operation: OPERATIONS[name], ...Object.fromEntries(fields) };
}
