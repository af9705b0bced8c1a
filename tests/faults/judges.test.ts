import { expect, it } from "vitest";

import { audit } from "../../scripts/soak/audit.ts";
import { Books } from "../../scripts/soak/books.ts";
import { Project } from "../../scripts/soak/project.ts";
import { judge } from "../../scripts/soak/verdict.ts";
import type { Sample } from "../../scripts/soak/watch.ts";
import { connect, stack } from "../support/stack.ts";

const sql = connect({ connections: 1 });
const project = new Project(stack);

function answerOf(requestId: string, charged: number): string {
  return JSON.stringify({ data: {}, usage: { request_id: requestId, charged } });
}

it("the audit finds a charge that is lost, duplicated, wrong, or was never reported to a client", async () => {
  const { id } = await project.signUp();
  const grantId = crypto.randomUUID();
  await project.rpc("add_tokens", { p_user_id: id, p_amount: 100, p_reason: "test", p_request_id: grantId });
  const requestId = crypto.randomUUID();
  await project.rpc("consume_tokens_atomic", {
    p_request_id: requestId,
    p_user_id: id,
    p_token_amount: 7,
    p_operation_type: "test",
  });
  const problemsWith = async (...charges: [key: string, requestId: string, charged: number][]) => {
    const books = new Books();
    books.noteGrant(grantId, { userId: id, amount: 100 });
    for (const [key, request, charged] of charges) books.noteCharge(id, key, answerOf(request, charged));
    return (await audit(sql, [id], books)).filter((problem) => !problem.startsWith("verify_token_ledger()"));
  };

  expect(await problemsWith(["key", requestId, 7])).toEqual([]);
  expect(await problemsWith()).toContainEqual(expect.stringContaining("no client was told of"));
  expect(await problemsWith(["key", requestId, 6])).toContainEqual(
    expect.stringContaining("the charge of key key"),
  );
  expect(await problemsWith(["key", requestId, 7], ["lost", "unknown", 2]))
    .toContainEqual(expect.stringContaining("the charge of key lost, -2, has the entries []"));
  expect(await problemsWith(["key", requestId, 7], ["key", requestId, 8]))
    .toContainEqual(expect.stringContaining("was first answered"));
});

it("a soak's verdict is bad when memory, connections or lock waits grow, and good when they only vary", () => {
  const samplesOf = (look: (second: number) => Partial<Sample>): Sample[] =>
    Array.from({ length: 120 }, (_value, second) => ({
      memoryMb: { functions: 150 + 20 * (second % 5) },
      connections: 20 + second % 2,
      longestLockWaitMs: second % 7,
      ...look(second),
    }));
  const bad = (look: (second: number) => Partial<Sample>) =>
    judge(samplesOf(look)).filter(({ isGood }) => !isGood).map(({ what }) => what);

  expect(bad(() => ({}))).toEqual([]);
  expect(bad((second) => ({ memoryMb: { functions: 150 + second } }))).toEqual([
    "memory of functions is flat",
  ]);
  expect(bad((second) => ({ connections: 20 + second / 5 }))).toEqual(["connections are flat"]);
  expect(bad((second) => ({ longestLockWaitMs: second * 10 }))).toEqual(["lock waits do not grow"]);
});
