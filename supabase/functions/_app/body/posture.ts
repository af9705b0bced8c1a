interface Observed {
  class: string;
  confidence: number;
}

/**
 * Each class once, highest confidence first. If "upright" comes first it is the only one; otherwise it is dropped.
 */
export function postures<One extends Observed>(observed: One[]): One[] {
  const surestFirst = observed.toSorted((one, other) => other.confidence - one.confidence);
  const once = surestFirst.filter((one, index) =>
    surestFirst.findIndex((other) => other.class === one.class) === index
  );
  const isUpright = once[0]?.class === "upright";
  return once.filter((one) => (one.class === "upright") === isUpright);
}
