import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { type Metric, PREFIX } from "../../supabase/functions/_metrics/exposition.ts";
import { readMetricCatalog } from "../support/metric_catalog.ts";
import { connect } from "../support/stack.ts";

const catalog = await readMetricCatalog(connect({ connections: 1 }));
const named = new Map(catalog.map((metric) => [metric.name, metric]));

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
  const plain = named.get(name);
  if (plain) return plain.type === "histogram" ? undefined : plain;
  const [, base, part] = /^(.+)_(bucket|sum|count)$/.exec(name) ?? [];
  const metric = named.get(base ?? "");
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

  it.each(expressions)("queries in $where only series and labels that are served", ({ text }) => {
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

  it("uses rate and increase for counters only", () => {
    for (const { where, text } of expressions.filter((one) => !one.where.startsWith("variable"))) {
      for (const [, before, name, after] of text.matchAll(/(\w+\()?(tessera_\w+)(?:\{[^}]*\})?(\[)?/g)) {
        const grows = metricOf(name!)!.type !== "gauge";
        expect([before === "rate(" || before === "increase(", after === "["], `${where}: ${name}`)
          .toEqual([grows, grows]);
      }
    }
  });

  it("gives each alert a severity, a summary and a link", () => {
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
      catalog.map(({ name, type, labels, help }) => [
        `${PREFIX}${name}`,
        type,
        labels.map((label) => `\`${label}\``).join(", "),
        help.slice(0, -1),
      ]),
    );
  });
});

describe("the catalog", () => {
  it.each(catalog)(
    "names $name by the conventions of Prometheus",
    ({ name, type, help, labels }) => {
      expect(name).toMatch(/^[a-z][a-z_]*[a-z]$/);
      expect(name.endsWith("_total")).toBe(type === "counter");
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
      for (const label of labels) expect(["le", "quantile", "user_id", "user"]).not.toContain(label);
    },
  );
});
