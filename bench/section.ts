import { type Effort, interleave } from "./interleave.ts";
import { comparisonTable } from "./markdown.ts";
import type { Comparison } from "./side.ts";

/** One table of the report. */
export interface Section {
  title: string;
  text?: string;
  table: string;
}

/** Receives each section as soon as it is measured, because the whole run takes minutes. */
export type Report = (section: Section) => void;

/** Measures a comparison. */
export async function measure(
  { text, ...comparison }: Comparison & { text?: string },
  effort: Effort,
): Promise<Section> {
  const measurements = await interleave(comparison, effort);
  return { title: comparison.title, text, table: comparisonTable(comparison, measurements) };
}
