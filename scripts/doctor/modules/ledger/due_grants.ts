import type { Examination } from "../../finding.ts";

/** Whether grants begin and end when they are due. Those of wallets that nobody uses wait for the job alone. */
export const dueGrantsExamination: Examination = {
  name: "due grants",
  async examine({ sql }) {
    const [late] = await sql`
      select count(distinct events.wallet_id)::int as wallets, min(events.due_at)::text as since
      from (
        select wallet_id, expires_at as due_at from public.token_grants
        where remaining > 0 and expires_at < now() - interval '15 minutes'
        union all
        select wallet_id, effective_at from public.token_grants
        where entry_number is null and effective_at < now() - interval '15 minutes'
      ) as events
      join public.token_balances as balances on balances.user_id = events.wallet_id
      where balances.held = 0`; // A running request keeps what it needs of a grant that has ended.
    if (late!.wallets === 0) return [];
    return [{
      severity: "missing",
      what: `Grants of ${late!.wallets} wallets should have begun or ended, since ${late!.since}`,
      why:
        "Lists, alerts and metrics show tokens that are over. No charge takes them: whoever spends looks first",
      fix: "select private.apply_due_grant_events();",
    }];
  },
};
