import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { CATALOG, type Metric, PREFIX } from "../../supabase/functions/_metrics/catalog.ts";
import { expose, formatFor } from "../../supabase/functions/_metrics/exposition.ts";
import { LATENCY_BOUNDS_S } from "../../supabase/functions/_shared/http/request_metrics.ts";
import { readExposition, valueOf } from "../support/exposition.ts";

const read = (path: string) => Deno.readTextFileSync(join(projectFolder, path));
const alertRules = read("ops/prometheus/alerts.yml");
const dashboard = JSON.parse(read("ops/grafana/tessera.json"));
const document = read("docs/metrics.md");

interface Expression {
  where: string;
  text: string;
}

const panels: { title: string; description?: string; type: string; targets?: { expr: string }[] }[] =
  dashboard.panels;

/** Every expression in PromQL of ops/. */
const expressions: Expression[] = [
  ...[...alertRules.matchAll(/- alert: (\w+)\n\s+expr: (?:\|\n((?:\s{10,}.*\n)+)|(.*)\n)/g)]
    .map(([, name, block, line]) => ({ where: `alert ${name}`, text: block ?? line! })),
  ...panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: `panel ${title}`, text: expr }))
  ),
  ...dashboard.templating.list.flatMap(({ name, definition }: { name: string; definition?: string }) =>
    definition ? [{ where: `variable ${name}`, text: definition }] : []
  ),
];

/** Of a series as Prometheus knows it: the metric it belongs to, and the labels that it has; undefined for none. */
function metricOf(series: string): Metric | undefined {
  const name = series.slice(PREFIX.length);
  if (name in CATALOG) return CATALOG[name]!.type === "histogram" ? undefined : CATALOG[name];
  const [, base, part] = /^(.+)_(bucket|sum|count)$/.exec(name) ?? [];
  const metric = CATALOG[base ?? ""];
  if (metric?.type !== "histogram") return undefined;
  return part === "bucket" ? { ...metric, labels: [...metric.labels, "le"] } : metric;
}

const seriesIn = (text: string) => [...text.matchAll(/\btessera_\w+/g)].map(([name]) => name);

describe("ops/", () => {
  it("has expressions in every rule and every panel", () => {
    const alerts = [...alertRules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    expect(alerts.length).toBeGreaterThan(10);
    expect(expressions.filter(({ where }) => where.startsWith("alert")).map(({ where }) => where.slice(6)))
      .toEqual(alerts);
    for (const panel of panels) {
      if (panel.type !== "row") expect(panel.targets?.length, panel.title).toBeGreaterThan(0);
    }
  });

  it.each(expressions)("asks in $where for series that are served, by labels that they have", ({ text }) => {
    const series = seriesIn(text);
    if (!text.includes("up{job=")) expect(series.length).toBeGreaterThan(0);
    for (const name of series) expect(metricOf(name), `${name} is not served`).toBeDefined();
    for (const [, name, matchers] of text.matchAll(/\b(tessera_\w+)\{([^}]*)\}/g)) {
      for (const [, label] of matchers!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)) {
        expect(metricOf(name!)!.labels, `${name} has no label ${label}`).toContain(label);
      }
    }
    const known = new Set(series.flatMap((name) => metricOf(name)!.labels));
    for (const [, list] of text.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of list!.split(/\s*,\s*/)) expect(known, `by ${label}`).toContain(label);
    }
  });

  it("counts with rate or increase what only grows, and looks at nothing else so", () => {
    for (const { where, text } of expressions.filter((one) => !one.where.startsWith("variable"))) {
      for (const [, before, name, after] of text.matchAll(/(\w+\()?(tessera_\w+)(?:\{[^}]*\})?(\[)?/g)) {
        const grows = metricOf(name!)!.type !== "gauge";
        expect([before === "rate(" || before === "increase(", after === "["], `${where}: ${name}`)
          .toEqual([grows, grows]);
      }
    }
  });

  it("says of each alert how bad it is, what it is, and where to read on", () => {
    for (const rule of alertRules.split("- alert: ").slice(1)) {
      const name = /^\w+/.exec(rule)![0];
      expect(rule).toMatch(/labels: \{ severity: (critical|warning) \}/);
      expect(rule).toMatch(/summary: \S/);
      expect(rule).toMatch(/description: \S/);
      expect(rule).toContain(`runbook_url: docs/metrics.md#${name.toLowerCase()}`);
      expect(document, `docs/metrics.md has no section ${name}`).toContain(`\n### ${name}\n`);
    }
  });

  it("says of each panel what it shows", () => {
    for (const panel of panels) {
      if (panel.type !== "row") expect(panel.description, panel.title).toMatch(/\.$/);
    }
    expect(new Set(dashboard.panels.map(({ id }: { id: number }) => id)).size).toBe(panels.length);
  });
});

describe("docs/metrics.md", () => {
  it("names every metric with its type, its labels and its help, and no other", () => {
    const rows = [...document.matchAll(/^\| `(tessera_\w+)`\s*\| (\w+)\s*\| (.*?)\s*\| (.*?)\s*\|$/gm)]
      .map(([, ...cells]) => cells);
    expect(rows).toEqual(
      Object.entries(CATALOG).map(([name, { type, labels, help }]) => [
        `${PREFIX}${name}`,
        type,
        labels.map((label) => `\`${label}\``).join(", "),
        help.slice(0, -1),
      ]),
    );
  });
});

describe("the catalog", () => {
  it.each(Object.entries(CATALOG))(
    "names %s by the conventions of Prometheus",
    (name, { type, help, labels }) => {
      expect(name).toMatch(/^[a-z][a-z_]*[a-z]$/);
      expect(name.endsWith("_total")).toBe(type === "counter");
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
      for (const label of labels) expect(["le", "quantile", "user_id", "user"]).not.toContain(label);
    },
  );
});

describe("the text of the metrics", () => {
  const readings = {
    samples: [
      ["requests_total", ["echo", "200"], "3"],
      ["requests_total", ['a "b"\\c\nd', "500"], "1"],
      ["tokens_granted_total", [], "9007199254740993"],
      ["unheard_of", [], "1"],
    ] as [string, string[], string][],
    histograms: [[
      "request_duration_seconds",
      ["echo", "200"],
      [...LATENCY_BOUNDS_S.map((_, index) => index === 2 ? 2 : 0), 1],
      "3",
      "121.5",
    ]] as [string, string[], number[], string, string][],
  };

  it("is what a parser of Prometheus reads, with numbers as long as they come", () => {
    const families = readExposition(expose(readings, LATENCY_BOUNDS_S, "prometheus"));
    expect([...families.keys()]).toEqual([
      "tessera_requests_total",
      "tessera_request_duration_seconds",
      "tessera_tokens_granted_total",
    ]);
    expect(valueOf(families, "tessera_requests_total", { function: 'a "b"\\c\nd', status: "500" })).toBe("1");
    expect(valueOf(families, "tessera_tokens_granted_total")).toBe("9007199254740993");
    const bucket = (le: string) =>
      valueOf(families, "tessera_request_duration_seconds_bucket", { function: "echo", status: "200", le });
    expect([bucket("0.01"), bucket("0.025"), bucket("120"), bucket("+Inf")]).toEqual(["0", "2", "2", "3"]);
  });

  it("has for OpenMetrics families without _total, and an end", () => {
    const text = expose(readings, LATENCY_BOUNDS_S, "openmetrics");
    expect([...readExposition(text, { isOpen: true }).keys()]).toContain("tessera_requests");
    expect(() => readExposition(text)).toThrow();
  });

  it("has for OpenMetrics every bound as a float, and as Prometheus' clients write it else", () => {
    const boundsIn = (format: "openmetrics" | "prometheus") =>
      [...expose(readings, LATENCY_BOUNDS_S, format).matchAll(/le="([^"]+)"/g)].map(([, bound]) => bound!);
    expect(boundsIn("openmetrics").every((bound) => /^(?:\d+\.\d+|\+Inf)$/.test(bound))).toBe(true);
    expect(boundsIn("openmetrics")).toContain("1.0");
    expect(boundsIn("prometheus")).toContain("1");
    expect(boundsIn("openmetrics").map(Number)).toEqual(boundsIn("prometheus").map(Number));
  });

  it("is OpenMetrics for who accepts it alone", () => {
    expect(formatFor(null)).toBe("prometheus");
    expect(formatFor("*/*")).toBe("prometheus");
    expect(formatFor("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")).toBe("openmetrics");
  });

  it.each([
    ["no line feed at its end", "# HELP a_total A.\n# TYPE a_total counter\na_total 1"],
    ["a series twice", "# HELP a_total A.\n# TYPE a_total counter\na_total 1\na_total 2\n"],
    ["a family twice", "# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE a gauge\na 2\n"],
    ["a counter that is not called so", "# HELP a A.\n# TYPE a counter\na 1\n"],
    ["a label that is not closed", '# HELP a A.\n# TYPE a gauge\na{b="c} 1\n'],
    ["a value that is none", "# HELP a A.\n# TYPE a gauge\na NULL\n"],
    ["another family's sample", "# HELP a A.\n# TYPE a gauge\nb 1\n"],
    [
      "buckets that shrink",
      '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    ["no last bucket", '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_sum 1\na_count 2\n'],
  ])("would be refused by these tests with %s", (_what, text) => {
    expect(() => readExposition(text)).toThrow();
  });
});
