/** One metric: its type, help text and label names, in the order of `read_metrics`. */
export interface Metric {
  type: "counter" | "gauge" | "histogram";
  help: string;
  labels: string[];
}

/** Before every name. */
export const PREFIX = "tessera_";

/** Every served metric by its name without the prefix, in the order of the output. */
export const CATALOG: Record<string, Metric> = {
  requests_total: {
    type: "counter",
    help: "Requests answered, as counted by their functions.",
    labels: ["function", "status"],
  },
  request_duration_seconds: {
    type: "histogram",
    help: "How long requests took, until the last byte of the response.",
    labels: ["function", "status"],
  },
  request_errors_total: {
    type: "counter",
    help: "Requests refused or failed, by the error code that the caller got.",
    labels: ["function", "code"],
  },
  requests_replayed_total: {
    type: "counter",
    help: "Requests answered from the stored response, free of charge.",
    labels: ["function"],
  },
  tokens_charged_total: {
    type: "counter",
    help: "Tokens charged: the ledger's own sum.",
    labels: ["function"],
  },
  charges_total: { type: "counter", help: "Entries of the ledger that charged.", labels: ["function"] },
  tokens_granted_total: { type: "counter", help: "Tokens granted: the ledger's own sum.", labels: [] },
  grants_total: { type: "counter", help: "Entries of the ledger that granted.", labels: [] },
  tokens_held: { type: "gauge", help: "Tokens that running requests hold.", labels: ["function"] },
  holds_open: { type: "gauge", help: "Requests that hold tokens.", labels: ["function"] },
  holds_overdue: {
    type: "gauge",
    help: "Expired holds that were not released yet.",
    labels: [],
  },
  holds_overdue_seconds: {
    type: "gauge",
    help: "How long the oldest overdue hold is expired.",
    labels: [],
  },
  requests_released: {
    type: "gauge",
    help: "Requests of the last 15 minutes that failed, whose hold was released and that did not run again.",
    labels: ["reason"],
  },
  anomalies_total: { type: "counter", help: "Anomalies recorded.", labels: ["type", "severity"] },
  anomalies_open: {
    type: "gauge",
    help: "Anomalies that nobody has resolved yet.",
    labels: ["type", "severity"],
  },
  provider_calls_total: {
    type: "counter",
    help: "Calls of AI models, each try counted: ok, stopped, timeout, or why it failed.",
    labels: ["model", "outcome"],
  },
  provider_call_duration_seconds: {
    type: "histogram",
    help: "How long calls of AI models took, each try measured.",
    labels: ["model", "outcome"],
  },
  alert_deliveries: {
    type: "gauge",
    help: "Alerts that wait for a receiver, or are dead letters.",
    labels: ["status"],
  },
  alerts_unspread: {
    type: "gauge",
    help: "Alerts that are not yet queued for their receivers.",
    labels: [],
  },
  alerts_oldest_undelivered_seconds: {
    type: "gauge",
    help: "The age of the oldest alert that is not delivered yet.",
    labels: [],
  },
  job_overdue: {
    type: "gauge",
    help: "1 if a job is overdue.",
    labels: ["job"],
  },
  job_failed: { type: "gauge", help: "1 if a job's last run failed or was cut off.", labels: ["job"] },
  job_last_done_timestamp_seconds: {
    type: "gauge",
    help: "When a job last succeeded.",
    labels: ["job"],
  },
  job_last_duration_seconds: { type: "gauge", help: "How long a job's last run took.", labels: ["job"] },
  database_connections: { type: "gauge", help: "Connections to the database.", labels: ["state"] },
  database_connections_max: { type: "gauge", help: "Connections that the database allows.", labels: [] },
  database_bytes: { type: "gauge", help: "Size of the database.", labels: [] },
  database_time_seconds: {
    type: "gauge",
    help: "The database's clock, which decides every expiry.",
    labels: [],
  },
  table_bytes: {
    type: "gauge",
    help: "Size of a table with its indexes and all of its partitions.",
    labels: ["table"],
  },
  ledger_counted_until_timestamp_seconds: {
    type: "gauge",
    help: "Up to when the ledger is summed; newer entries are read at each scrape.",
    labels: [],
  },
};
