import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { newUuid } from "../../../client/keys.ts";
import { type SalonMessage, Timeline } from "../../../client/timeline.ts";

function message(seq: number, content = `${seq}`): SalonMessage {
  return { id: seq * 10, seq, content } as SalonMessage;
}

/** The page of a salon of 60 messages, of which every seventh is of an author whom the reader has blocked. */
function pageAfter(after: number, limit: number): { messages: SalonMessage[]; upTo: number } {
  const visible = Array.from({ length: 60 }, (_, index) => index + 1).filter((seq) => seq % 7 !== 0);
  const seqs = visible.filter((seq) => seq > after).slice(0, limit);
  return { messages: seqs.map((seq) => message(seq)), upTo: seqs.length < limit ? 60 : seqs.at(-1)! };
}

describe("a timeline", () => {
  it("shows each message once and in order, in whatever order pages come, late or twice (community 19)", () => {
    const step = fc.record({
      limit: fc.integer({ min: 1, max: 20 }),
      isLate: fc.boolean(),
      isTwice: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const timeline = new Timeline();
      const told: number[] = [];
      const late: { messages: SalonMessage[]; upTo: number }[] = [];
      for (const { limit, isLate, isTwice } of steps) {
        const page = pageAfter(timeline.upTo, limit);
        for (const one of [page, ...isTwice ? [page] : [], ...isLate ? late : []]) {
          // One that was asked for from further on than what is there never is: a reader asks from its end.
          told.push(...timeline.append(one.messages.toReversed(), one.upTo).map(({ seq }) => seq));
        }
        late.push(page);
      }
      const whole = pageAfter(0, 100).messages.filter(({ seq }) => seq <= timeline.upTo).map(({ seq }) =>
        seq
      );
      expect(told).toEqual(whole);
      expect(timeline.messages.map(({ seq }) => seq)).toEqual(whole);
    }));
  });

  it("grows at its beginning, and changes what is there alone", () => {
    const timeline = new Timeline();
    timeline.append([message(5), message(6)], 6);
    timeline.prepend([message(5), message(4), message(3)]);
    expect(timeline.refresh([message(4, "edited"), message(5), message(9)])).toEqual([message(4, "edited")]);
    expect(timeline.messages.map(({ content }) => content)).toEqual(["3", "edited", "5", "6"]);
    expect(timeline.upTo).toBe(6);
  });
});

describe("a message's own id", () => {
  it("is a UUID, another each time", () => {
    const ids = Array.from({ length: 100 }, newUuid);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    expect(new Set(ids).size).toBe(100);
  });
});
