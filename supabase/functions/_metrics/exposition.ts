/** The prefix of every name. */
export const PREFIX = "tessera_";

/** One metric: its name, help text, and label names in the order of a sample's values. */
export interface Metric {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  labels: string[];
}

/** The result of `read_metrics`. */
export interface Readings {
  /** Every metric, in the order in which they are served. */
  catalog: Metric[];
  samples: [name: string, labelValues: string[], value: string][];
  histograms: [name: string, labelValues: string[], buckets: number[], count: string, seconds: string][];
}

export type Format = "prometheus" | "openmetrics";

export const CONTENT_TYPES: Record<Format, string> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format that a scraper's Accept header requests. */
export function formatFor(accept: string | null): Format {
  return accept?.includes("application/openmetrics-text") ? "openmetrics" : "prometheus";
}

/**
 * Writes readings as text. Metrics outside of the catalog are left out, as they have no help text.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function expose(readings: Readings, boundsS: readonly number[], format: Format): string {
  const samples = Map.groupBy(readings.samples, ([name]) => name);
  const histograms = Map.groupBy(readings.histograms, ([name]) => name);
  const lines: string[] = [];
  for (const metric of readings.catalog) {
    const { name } = metric;
    const found = samples.get(name) ?? histograms.get(name);
    if (found === undefined) continue;
    lines.push(...headOf(metric, format));
    for (const [, values, value] of samples.get(name) ?? []) {
      lines.push(`${PREFIX}${name}${labelSet(metric.labels, values)} ${value}`);
    }
    for (const [, values, buckets, count, seconds] of histograms.get(name) ?? []) {
      lines.push(
        ...histogramLines(`${PREFIX}${name}`, metric.labels, values, {
          buckets,
          count,
          seconds,
          bounds: boundsS.map((bound) => boundIn(format, bound)),
        }),
      );
    }
  }
  if (format === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

/** OpenMetrics names the family of a counter without its `_total`. */
function headOf({ name, type, help }: Metric, format: Format): string[] {
  const family = PREFIX +
    (format === "openmetrics" && type === "counter" ? name.replace(/_total$/, "") : name);
  return [`# HELP ${family} ${escapeHelp(help)}`, `# TYPE ${family} ${type}`];
}

/**
 * OpenMetrics requires the bound 1 to be written as 1.0, and some readers accept nothing else; Prometheus' own
 * clients write 1 in its format.
 */
function boundIn(format: Format, bound: number): string {
  return format === "openmetrics" && Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}

function histogramLines(
  name: string,
  labels: string[],
  values: string[],
  { buckets, count, seconds, bounds: finiteBounds }: {
    buckets: number[];
    count: string;
    seconds: string;
    bounds: string[];
  },
): string[] {
  const bounds = [...finiteBounds, "+Inf"];
  let sum = 0;
  const bucketLines = bounds.map((bound, index) => {
    sum += buckets[index] ?? 0;
    return `${name}_bucket${labelSet([...labels, "le"], [...values, bound])} ${
      bound === "+Inf" ? count : sum
    }`;
  });
  return [
    ...bucketLines,
    `${name}_sum${labelSet(labels, values)} ${seconds}`,
    `${name}_count${labelSet(labels, values)} ${count}`,
  ];
}

function labelSet(names: string[], values: string[]): string {
  if (names.length === 0) return "";
  return `{${names.map((name, index) => `${name}="${escapeLabel(values[index] ?? "")}"`).join(",")}}`;
}

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');
