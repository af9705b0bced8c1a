import { afterEach, describe, expect, it } from "vitest";

import { newId, race, range, run } from "../support.ts";
import { by, createCommunity, type SalonOutcome } from "./salons_support.ts";

const community = await createCommunity();
const { sql } = community;

afterEach(async () => {
  expect(await community.problems()).toEqual([]);
});

/** A salon with one of each, and a message of the member's. */
async function scene() {
  const salon = await community.open();
  const [moderator, member, witness] = [
    await salon.join("moderator"),
    await salon.join(),
    await salon.join(),
  ];
  const message = await write(member);
  return { salon, moderator, member, witness, message, write };

  async function write(user: string, content = "an insult"): Promise<number> {
    const sent = await salon.do(user, "send_message", { p_content: content, p_client_id: newId() });
    if (!sent.success) throw new Error(`Could not write: ${sent.error}`);
    return sent.id as number;
  }
}

const report = (user: string, message: number, more = {}) =>
  community.do(user, "report_message", { p_message_id: message, p_reason: "harassment", ...more });

describe("a report of a message", () => {
  it("is for those who decide, with the message as it was, whatever becomes of it", async () => {
    const { salon, moderator, member, witness, message } = await scene();
    const reported = await report(witness, message, { p_explanation: " Look\nat it " });
    expect(reported).toMatchObject({ success: true, report_id: expect.any(Number) });
    await community.do(member, "delete_message", { p_message_id: message });
    expect((await salon.do(moderator, "list_salon_reports")).reports).toMatchObject([{
      report_id: reported.report_id,
      reporter_id: witness,
      subject_id: member,
      message_id: message,
      content: "an insult",
      reason: "harassment",
      explanation: "Look\nat it",
    }]);
    for (const user of [member, witness, await community.user()]) {
      expect(await salon.do(user, "list_salon_reports")).toMatchObject({ error: "forbidden" });
    }
  });

  it("is one, however often it is repeated", async () => {
    const { witness, message } = await scene();
    const first = await report(witness, message);
    const outcomes = await race<SalonOutcome>(
      community.url,
      range(5).map(() => by(witness, "report_message", { p_message_id: message, p_reason: "spam" })),
    );
    for (const outcome of outcomes) expect(outcome).toMatchObject({ value: { report_id: first.report_id } });
    expect(await sql`select from private.salon_reports where message_id = ${message}`).toHaveLength(1);
  });

  it("is of a message that one sees, of another, and with a reason", async () => {
    const { member, witness, message } = await scene();
    for (const args of [{ p_reason: "x" }, { p_reason: null }, { p_explanation: "x".repeat(1001) }]) {
      expect(await report(witness, message, args)).toMatchObject({ error: "invalid_request" });
    }
    expect(await report(member, message)).toMatchObject({ error: "invalid_request" });
    const unknown = await report(witness, 0);
    expect(unknown).toMatchObject({ success: false, error: "not_found" });
    expect(await report(await community.user(), message)).toEqual(unknown);
    await community.do(member, "delete_message", { p_message_id: message });
    expect(await report(witness, message)).toEqual(unknown);
  });

  it("is one of ten of a member that are open: nobody fills the queue", async () => {
    const { salon, witness, member, write } = await scene();
    for (const _ of range(10)) expect((await report(witness, await write(member))).success).toBe(true);
    const eleventh = await write(member);
    expect(await report(witness, eleventh)).toMatchObject({ error: "salon_limit_reached" });
    expect((await report(salon.owner, eleventh)).success).toBe(true);
  });
});

describe("the queue", () => {
  it("shows a report to who outranks whom it is about, and that one alone decides", async () => {
    const { salon, moderator, member, witness } = await scene();
    const other = await salon.join("moderator");
    const about = async (user: string) =>
      (await salon.do(witness, "report_salon_member", { p_member_id: user, p_reason: "other" })).report_id;
    const reports = {
      owner: await about(salon.owner),
      moderator: await about(moderator),
      member: await about(member),
    };
    const queue = async (user: string) =>
      ((await salon.do(user, "list_salon_reports")).reports as { report_id: number }[]).map((one) =>
        one.report_id
      );
    expect(await queue(salon.owner)).toEqual([reports.moderator, reports.member]);
    expect(await queue(other)).toEqual([reports.member]);
    for (
      const [user, id] of [[moderator, reports.moderator], [other, reports.moderator], [
        salon.owner,
        reports.owner,
      ]]
    ) {
      expect(
        await community.do(user as string, "decide_salon_report", {
          p_report_id: id,
          p_decision: "dismissed",
        }),
      )
        .toMatchObject({ error: "forbidden" });
    }
    // Of owners, operators decide.
    const open = await run<SalonOutcome>(sql, {
      name: "list_open_reports",
      args: { p_after: reports.owner! as number - 1 },
    });
    expect(open.reports).toMatchObject([{ report_id: reports.owner }, {}, {}]);
    const decided = {
      name: "decide_report",
      args: { p_report_id: reports.owner, p_decision: "upheld", p_note: "warned" },
    };
    expect((await run<SalonOutcome>(sql, decided)).success).toBe(true);
    expect((await run<SalonOutcome>(sql, decided)).success).toBe(true); // A retry.
    const otherwise = { ...decided, args: { ...decided.args, p_decision: "dismissed" } };
    expect(await run<SalonOutcome>(sql, otherwise)).toMatchObject({ error: "not_found" });
  });

  it("is decided once, which is recorded and told to who reported", async () => {
    const { salon, moderator, member, witness, message } = await scene();
    const { report_id } = await report(witness, message);
    const decide = (user: string, decision: string) =>
      community.do(user, "decide_salon_report", {
        p_report_id: report_id,
        p_decision: decision,
        p_note: "it was",
      });
    expect(await decide(moderator, "maybe")).toMatchObject({ error: "invalid_request" });
    expect(await decide(witness, "upheld")).toMatchObject({ error: "forbidden" });
    const outcomes = await race<SalonOutcome>(community.url, [
      by(moderator, "decide_salon_report", {
        p_report_id: report_id,
        p_decision: "upheld",
        p_note: "it was",
      }),
      by(salon.owner, "decide_salon_report", {
        p_report_id: report_id,
        p_decision: "upheld",
        p_note: "it was",
      }),
    ]);
    expect(outcomes.map((one) => one.status === "fulfilled" && one.value.error).sort()).toEqual(
      ["already_decided", null].sort(),
    );
    const winner = outcomes[0]!.status === "fulfilled" && outcomes[0]!.value.success
      ? moderator
      : salon.owner;
    expect((await decide(winner, "upheld")).success).toBe(true); // A retry.
    expect(await decide(winner, "dismissed")).toMatchObject({ error: "already_decided" });
    expect((await community.do(witness, "my_salon_reports")).reports).toMatchObject([
      { report_id, status: "upheld", note: "it was" },
    ]);
    expect((await salon.decisions()).at(-1)).toMatchObject({
      action: "report_upheld",
      subject_id: member,
      reason: "it was",
      details: { report_id, message_id: message },
    });
    expect((await salon.do(moderator, "list_salon_reports")).reports).toEqual([]);
  });

  it("is not told to whom the report is about, nor to moderators of whom it is one", async () => {
    const { salon, moderator, member, witness } = await scene();
    const other = await salon.join("moderator");
    for (const [user, decider] of [[member, moderator], [moderator, salon.owner]] as const) {
      const { report_id } = await salon.do(witness, "report_salon_member", {
        p_member_id: user,
        p_reason: "other",
      });
      const args = { p_report_id: report_id, p_decision: "dismissed", p_note: "nothing in it" };
      expect((await community.do(decider, "decide_salon_report", args)).success).toBe(true);
      const standing = await salon.do(user, "my_salon_standing");
      const exported = await run(sql, { name: "export_user_data", args: { p_user_id: user } });
      if (user === member) expect(JSON.stringify(exported)).not.toContain("nothing in it");
      expect(JSON.stringify(standing)).not.toContain("report");
    }
    const about = async (user: string) =>
      ((await salon.do(user, "list_salon_decisions")).decisions as { action: string; subject_id: string }[])
        .filter(({ action }) => action.startsWith("report")).map(({ subject_id }) => subject_id);
    expect(await about(salon.owner)).toEqual([moderator, member]);
    expect(await about(other)).toEqual([member]);
    expect(await about(moderator)).toEqual([member]);
  });

  it("is read page by page", async () => {
    const { salon, moderator, member, write } = await scene();
    const ids: unknown[] = [];
    for (const _ of range(5)) {
      ids.push((await report(await salon.join(), await write(member))).report_id);
    }
    const first = await salon.do(moderator, "list_salon_reports", { p_limit: 3 });
    const second = await salon.do(moderator, "list_salon_reports", { p_limit: 3, p_after: first.next_after });
    const listed = [
      ...first.reports as { report_id: number }[],
      ...second.reports as { report_id: number }[],
    ];
    expect(listed.map((one) => one.report_id)).toEqual(ids);
    expect(second.next_after).toBeNull();
  });

  it("keeps a report of and about those who were forgotten, without them", async () => {
    const { salon, moderator, member, witness, message } = await scene();
    await report(witness, message, { p_explanation: "he said so" });
    const before = await run<Record<string, unknown>>(sql, {
      name: "export_user_data",
      args: { p_user_id: witness },
    });
    expect(before.salon_reports).toMatchObject([{ message_id: message, explanation: "he said so" }]);
    for (const user of [witness, member]) await sql`select public.forget_user(${user})`;
    const [row] = await sql`select * from private.salon_reports where message_id = ${message}`;
    expect(row).toMatchObject({
      reporter_id: null,
      subject_id: null,
      content: null,
      explanation: null,
      status: "open",
    });
    expect((await salon.do(moderator, "list_salon_reports")).reports).toHaveLength(1);
  });

  it("loses what was decided 90 days ago, and what nobody decided for a year", async () => {
    const { moderator, member, witness, write } = await scene();
    const ids: number[] = [];
    for (const _ of range(4)) ids.push((await report(witness, await write(member))).report_id as number);
    for (const id of ids.slice(0, 2)) {
      await community.do(moderator, "decide_salon_report", { p_report_id: id, p_decision: "dismissed" });
    }
    await sql`update private.salon_reports set created_at = now() - interval '200 days' where id = any(${ids})`;
    await sql`update private.salon_reports set decided_at = now() - interval '91 days' where id = ${ids[0]!}`;
    await sql`update private.salon_reports set created_at = now() - interval '366 days' where id = ${ids[
      2
    ]!}`;
    await sql`select private.cleanup_salon_reports()`;
    const left = await sql`select id from private.salon_reports where id = any(${ids}) order by id`;
    expect(left.map(({ id }) => Number(id))).toEqual([ids[1], ids[3]]);
  });
});
