import { describe, expect, it } from "vitest";

import { coalesce } from "../../../supabase/functions/_shared/ledger/batches.ts";
import type { RpcClient } from "../../../supabase/functions/_shared/ledger/calls.ts";

type Call = { name: string; args: Record<string, unknown> };
type Result = { data: unknown; error: unknown };

/** A transport whose calls are answered when the test says so. */
function openTransport() {
  const calls: (Call & { answer(result: Result): void })[] = [];
  const client: RpcClient = {
    rpc: (name, args) => new Promise<Result>((answer) => calls.push({ name, args, answer })),
  };
  return { calls, client };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

function hold(client: RpcClient, requestId: string): PromiseLike<Result> {
  return client.rpc("hold_tokens", { p_request_id: requestId, p_user_id: "u", p_token_amount: 1 });
}

describe("ledger calls that arrive together", () => {
  it("go as they are and at once while the way is free", async () => {
    const { calls, client } = openTransport();
    const outcome = hold(coalesce(client, 1), "a");
    expect(calls).toMatchObject([{ name: "hold_tokens", args: { p_request_id: "a" } }]);
    calls[0]!.answer({ data: { success: true }, error: null });
    expect(await outcome).toEqual({ data: { success: true }, error: null });
  });

  it("travel in one batch while it is not, and each gets its own outcome", async () => {
    const { calls, client } = openTransport();
    const ledger = coalesce(client, 1);
    const outcomes = Promise.all(["a", "b", "c"].map((id) => hold(ledger, id)));
    expect(calls).toHaveLength(1);
    calls[0]!.answer({ data: 1, error: null });
    await turn();
    expect(calls[1]).toMatchObject({
      name: "run_token_operations",
      args: {
        p_operations: [
          { operation: "hold", request_id: "b", user_id: "u", token_amount: 1 },
          { operation: "hold", request_id: "c", user_id: "u", token_amount: 1 },
        ],
      },
    });
    calls[1]!.answer({ data: [2, 3], error: null });
    expect((await outcomes).map(({ data }) => data)).toEqual([1, 2, 3]);
  });

  it("are at most 200 in a batch", async () => {
    const { calls, client } = openTransport();
    const ledger = coalesce(client, 1);
    for (let n = 0; n < 500; n++) void hold(ledger, String(n));
    for (const size of [200, 200, 99]) {
      calls.at(-1)!.answer({ data: [], error: null });
      await turn();
      expect(calls.at(-1)!.args.p_operations).toHaveLength(size);
    }
  });

  it("go one by one when the database refused their batch, so that one cannot take the others with it", async () => {
    const { calls, client } = openTransport();
    const ledger = coalesce(client, 1);
    const outcomes = Promise.all(["a", "b", "c"].map((id) => hold(ledger, id)));
    calls[0]!.answer({ data: 1, error: null });
    await turn();
    calls[1]!.answer({ data: null, error: { code: "40P01" } });
    await turn();
    expect(calls.slice(2).map(({ name, args }) => [name, args.p_request_id])).toEqual([
      ["hold_tokens", "b"],
      ["hold_tokens", "c"],
    ]);
    calls[2]!.answer({ data: 2, error: null });
    calls[3]!.answer({ data: null, error: { code: "22P02" } });
    expect(await outcomes).toMatchObject([{ data: 1 }, { data: 2 }, { error: { code: "22P02" } }]);
  });

  it.each([
    ["the connection was lost", { code: "CONNECTION_CLOSED" }],
    ["the pipe broke", { code: "EPIPE" }],
    ["the server was shut down", { code: "57P01" }],
    ["nothing is known", new TypeError("fetch failed")],
  ])("are not sent again when %s: they may have been done", async (_, error) => {
    const { calls, client } = openTransport();
    const ledger = coalesce(client, 1);
    const outcomes = Promise.all(["a", "b", "c"].map((id) => hold(ledger, id)));
    calls[0]!.answer({ data: 1, error: null });
    await turn();
    calls[1]!.answer({ data: null, error });
    expect((await outcomes).slice(1)).toMatchObject([{ error }, { error }]);
    expect(calls).toHaveLength(2);
  });

  it("leave other calls alone", () => {
    const { calls, client } = openTransport();
    void coalesce(client, 1).rpc("add_tokens", { p_amount: 1 });
    expect(calls).toMatchObject([{ name: "add_tokens", args: { p_amount: 1 } }]);
  });
});
