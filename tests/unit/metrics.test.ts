import { describe, expect, it } from "vitest";

import { expose, formatFor, type Metric } from "../../supabase/functions/_metrics/exposition.ts";
import { LATENCY_BOUNDS_S } from "../../supabase/functions/_shared/http/request_metrics.ts";
import { readExposition, valueOf } from "../support/exposition.ts";

describe("the text of the metrics", () => {
  const readings = {
    catalog: [
      { name: "requests_total", type: "counter", labels: ["function", "status"], help: "Requests." },
      {
        name: "request_duration_seconds",
        type: "histogram",
        labels: ["function", "status"],
        help: "How long.",
      },
      { name: "tokens_granted_total", type: "counter", labels: [], help: "Tokens." },
    ] as Metric[],
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
