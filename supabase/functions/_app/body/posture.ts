interface Observed {
  class: string;
  confidence: number;
}

/**
 * Each class once, the surest first. Who stands upright shows none of the others: of "upright" and the rest only what is
 * surer stays.
 */
export function postures<One extends Observed>(observed: One[]): One[] {
  const surestFirst = observed.toSorted((one, other) => other.confidence - one.confidence);
  const once = surestFirst.filter((one, index) =>
    surestFirst.findIndex((other) => other.class === one.class) === index
  );
  const isUpright = once[0]?.class === "upright";
  return once.filter((one) => (one.class === "upright") === isUpright);
}
