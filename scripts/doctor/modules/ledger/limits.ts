import type { Examination } from "../../finding.ts";

/** Whether users without a plan have a call limit. */
export const limitsExamination: Examination = {
  name: "limits",
  async examine({ sql }) {
    const [row] = await sql`
      select (select request_limits from private.token_plans where plan = 'default') ?| array['user', 'function']
        as is_limited`;
    if (row!.is_limited) return [];
    return [{
      severity: "missing",
      what: "Users without a plan may call as often as they like",
      why: "One user's script can use up the AI provider's quota for everybody",
      fix: `update private.token_plans set request_limits = '{"user": {"quota": 120, "window_s": 60}, ` +
        `"function": {"quota": 60, "window_s": 60}}' where plan = 'default';`,
    }];
  },
};
