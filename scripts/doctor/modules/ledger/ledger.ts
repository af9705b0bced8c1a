import type { Examination, Finding } from "../../finding.ts";

/** Whether the ledger's next partitions exist, and no critical anomaly is open. */
export const ledgerExamination: Examination = {
  name: "ledger",
  async examine({ sql }) {
    const months = await sql`
      select to_char(month, '"month_"YYYY_MM') as name
      from generate_series(date_trunc('month', now() at time zone 'UTC'),
        now() at time zone 'UTC' + interval '2 months', '1 month') as month
      where to_regclass('token_history.' || to_char(month, '"month_"YYYY_MM')) is null`;
    const findings = months.map(({ name }): Finding => ({
      severity: "missing",
      what: `The ledger's partition ${name} is not prepared`,
      why: "Its entries go to other_months, which cannot be archived month by month",
      fix: "select private.prepare_token_history();",
    }));
    const anomalies = await sql`
      select anomaly_type, count(*)::int as count from public.token_anomalies
      where severity = 'critical' and resolved_at is null group by anomaly_type order by anomaly_type`;
    return [
      ...findings,
      ...anomalies.map(({ anomaly_type, count }): Finding => ({
        severity: "missing",
        what: `${count} critical anomalies of type ${anomaly_type} are not resolved`,
        why: "Somebody must examine them: docs/runbook.md",
        fix: `select * from token_anomalies where anomaly_type = '${anomaly_type}' and resolved_at is null;`,
      })),
    ];
  },
};
