import { expect, it } from "vitest";

import { describeSlot, heldBackSlots } from "../../scripts/local/realtime/slots.ts";
import { connect } from "../support/stack.ts";

const sql = connect({ connections: 1 });

it("a slot that nobody reads is found once Postgres keeps too much for it", async () => {
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await sql`select pg_create_logical_replication_slot(${name}, 'pgoutput')`;
  try {
    const found = (await heldBackSlots(sql, -1)).find((slot) => slot.name === name);
    expect(found).toMatchObject({ isLost: false, isFollowed: false });
    expect(describeSlot(found!)).toMatch(
      /^Postgres keeps \d+ MB for the replication slot test_\w+, which nobody reads$/,
    );
    expect((await heldBackSlots(sql)).map((slot) => slot.name)).not.toContain(name);
  } finally {
    await sql`select pg_drop_replication_slot(${name})`;
  }
});

it("what is told of a slot says what happened to it", () => {
  const slot = { name: "x", keptMb: 300, isLost: false, isFollowed: true };
  expect(describeSlot(slot)).toBe(
    "Postgres keeps 300 MB for the replication slot x, which is read too slowly",
  );
  expect(describeSlot({ ...slot, isLost: true }))
    .toBe("The replication slot x has lost its place: its follower must begin anew");
});
