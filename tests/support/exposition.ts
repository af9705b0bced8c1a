// Reads the text format of Prometheus strictly, as its own parser would refuse it, and stricter where the conventions are.
// https://prometheus.io/docs/instrumenting/exposition_formats/

export interface Family {
  name: string;
  type: string;
  help: string;
  samples: Sample[];
}

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: string;
}

const SUFFIXES: Record<string, string[]> = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
};
const NAME = /^[a-z][a-z0-9_]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const NUMBER = /^(?:-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i;

/** Reads what an endpoint served; throws with the line that is wrong. `isOpen`: in the format of OpenMetrics. */
export function readExposition(text: string, { isOpen = false } = {}): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("The text does not end with a line feed");
  const lines = text.slice(0, -1).split("\n");
  if (isOpen && lines.pop() !== "# EOF") throw new Error("The text does not end with # EOF");
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let family: Family | undefined;
  for (const line of lines) {
    const wrong = (why: string) => new Error(`${why}: ${line}`);
    const [, keyword, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      if (families.has(name!)) throw wrong("A family comes twice");
      if (!NAME.test(name!)) throw wrong("Not a name");
      if (!rest!.endsWith(".")) throw wrong("Help is not a sentence");
      family = { name: name!, type: "", help: rest!, samples: [] };
      families.set(name!, family);
    } else if (keyword === "TYPE") {
      if (family?.name !== name || family?.type !== "") throw wrong("TYPE does not follow its HELP");
      if (!(rest! in SUFFIXES)) throw wrong("Not a type");
      family!.type = rest!;
    } else {
      const sample = readSample(line);
      if (sample === undefined) throw wrong("Not a sample");
      const suffixes = isOpen && family?.type === "counter" ? ["_total"] : SUFFIXES[family?.type ?? ""] ?? [];
      if (!suffixes.some((suffix) => sample.name === `${family!.name}${suffix}`)) {
        throw wrong("Not of its family");
      }
      const identity = `${sample.name}${JSON.stringify(Object.entries(sample.labels).toSorted())}`;
      if (seen.has(identity)) throw wrong("A series comes twice");
      seen.add(identity);
      family!.samples.push(sample);
    }
  }
  for (const one of families.values()) checkFamily(one, isOpen);
  return families;
}

function readSample(line: string): Sample | undefined {
  const [, name, labelText, value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || !NUMBER.test(value!)) return undefined;
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (labelText !== undefined && LABEL.lastIndex < labelText.length) {
    const found = LABEL.exec(labelText);
    if (found === null || found[1]! in labels) return undefined;
    labels[found[1]!] = found[2]!.replace(/\\(.)/g, (_, escaped) => escaped === "n" ? "\n" : escaped);
  }
  return { name, labels, value: value! };
}

function checkFamily({ name, type, samples }: Family, isOpen: boolean): void {
  if (type === "") throw new Error(`${name} has no type`);
  if (samples.length === 0) throw new Error(`${name} has no samples`);
  if (type === "counter" && !isOpen && !name.endsWith("_total")) {
    throw new Error(`${name} does not end with _total`);
  }
  if (type === "counter" && samples.some(({ value }) => Number(value) < 0)) {
    throw new Error(`${name} is below 0`);
  }
  if (type === "histogram") checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: Sample[]): void {
  const series = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => JSON.stringify(labels));
  for (const [labels, of] of series) {
    const wrong = (why: string) => new Error(`${name}${labels}: ${why}`);
    const buckets = of.filter((one) => one.name === `${name}_bucket`);
    const bounds = buckets.map((one) => Number(one.labels.le?.replace("+Inf", "Infinity")));
    const counts = buckets.map((one) => Number(one.value));
    const isSorted = (list: number[]) => list.every((one, index) => index === 0 || one >= list[index - 1]!);
    if (!isSorted(bounds) || bounds.some(Number.isNaN)) throw wrong("bounds are not in their order");
    if (bounds.at(-1) !== Infinity) throw wrong("the last bound is not +Inf");
    if (!isSorted(counts)) throw wrong("buckets are not cumulative");
    const count = of.filter((one) => one.name === `${name}_count`);
    const sum = of.filter((one) => one.name === `${name}_sum`);
    if (count.length !== 1 || sum.length !== 1) throw wrong("count or sum is missing");
    if (Number(count[0]!.value) !== counts.at(-1)) throw wrong("count is not the last bucket");
  }
}

/** The value of one series; undefined when it is not there. */
export function valueOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): string | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ""));
  return family?.samples.find((one) =>
    one.name === name && Object.keys(one.labels).length === Object.keys(labels).length &&
    Object.entries(labels).every(([label, value]) => one.labels[label] === value)
  )?.value;
}
