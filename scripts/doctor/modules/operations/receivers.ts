import type { Examination, Finding } from "../../finding.ts";

/** Whether somebody gets the alerts that are lost otherwise, as their types say. */
export const receiversExamination: Examination = {
  name: "receivers of alerts",
  async examine({ sql }) {
    const types = await sql`
      select alert_type, lost_without_receiver from public.alert_types
      where lost_without_receiver is not null and not exists (
        select from private.alert_endpoints as endpoints
        where endpoints.ended_at is null and alert_types.alert_type = any(endpoints.alert_types))
      order by alert_type`;
    return types.map(({ alert_type, lost_without_receiver }): Finding => ({
      severity: "note",
      what: `Nobody receives alerts of the type ${alert_type}`,
      why: lost_without_receiver,
      fix: `alerts/subscribe with "alert_types": ["${alert_type}"]: docs/alerts.md`,
    }));
  },
};
