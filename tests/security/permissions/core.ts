import { type Permissions } from "../permissions.ts";

export default {
  tables: {
    alert_types: { server: ["read"], why: "a list that migrations add to" },
    job_status: { server: ["read"], why: "what is overdue" },
  },
  routines: {
    export_next_user_data: { server: ["call"], why: "reads a part of the user that its caller names" },
    export_user_data: { server: ["call"], why: "reads all of the user that its caller names" },
    forget_user: { server: ["call"], why: "takes personal data away" },
    note_caller_networks: { server: ["call"], why: "reported by the functions" },
    record_request_metrics: { server: ["call"], why: "adds to what is counted" },
    run_job: { server: ["call"], why: "runs a job of the list, by its name" },
    take_call_limit: { server: ["call"], why: "takes from the limits of the user that its caller names" },
    take_rate_limits: { server: ["call"], why: "takes from the quotas that its caller names" },
  },
} satisfies Permissions;
