import { type Permissions } from "../permissions.ts";

export default {
  routines: {
    alert_queue: { server: ["call"], why: "counts what waits" },
    claim_alert_deliveries: { server: ["call"], why: "leases what a deliverer sends" },
    complete_alert_delivery: { server: ["call"], why: "ends a lease" },
    create_alert_endpoint: { server: ["call"], why: "says where alerts go" },
    emit_test_alert: { server: ["call"], why: "sends to an endpoint" },
    end_alert_endpoint: { server: ["call"], why: "says where alerts go" },
    fail_alert_delivery: { server: ["call"], why: "ends a lease" },
    list_alert_deliveries: { server: ["call"], why: "reads what was told of every user" },
    list_alert_endpoints: { server: ["call"], why: "reads where alerts go" },
    list_gone_alert_endpoints: { server: ["call"], why: "hosts of receivers that ended" },
    read_metrics: { server: ["call"], why: "sums over every user's ledger" },
    replay_alerts: { server: ["call"], why: "sends again" },
    reseal_alert_endpoint: { server: ["call"], why: "changes what is sealed of an endpoint" },
  },
  endpoints: {
    "alerts/deliver": { server: ["call"], why: "called by the schedule" },
    "alerts/list": { server: ["call"], why: "reads what was told of every user" },
    "alerts/replay": { server: ["call"], why: "sends again" },
    "alerts/rotate": { server: ["call"], why: "gives out a signing secret" },
    "alerts/subscribe": { server: ["call"], why: "says where alerts go" },
    "alerts/test": { server: ["call"], why: "sends to an endpoint" },
    "alerts/try-platform": { server: ["call"], why: "asks the project itself over https" },
    "alerts/unsubscribe": { server: ["call"], why: "says where alerts go" },
    metrics: { server: ["call"], why: "sums over every user's ledger, none of them named" },
  },
} satisfies Permissions;
