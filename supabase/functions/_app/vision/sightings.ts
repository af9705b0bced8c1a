/** An object as seen on one photo. */
export interface Sighting {
  name: string;
  quantity: number;
  unit: string;
  confidence: number;
  /** The photo's number, from 1. */
  photo: number;
}

/** The normal form of a name, whatever its spelling. */
export function sameName(name: string): string {
  return name.normalize("NFKC").toLowerCase().replace(/[\s_-]+/g, " ").trim();
}

/**
 * Objects by name and unit, each once, in the order of the first sighting. Counts on one photo are added up. Counts
 * on several photos are taken for the same objects seen again: the largest counts; with different units, the one with
 * the highest confidence. Everything else comes from the sighting with the highest confidence.
 */
export function mergeSightings<One extends Sighting>(
  sightings: One[],
): (Omit<One, "photo"> & { photos: number[] })[] {
  const groups = Map.groupBy(sightings, ({ name, unit }) => `${sameName(name)}\n${unit}`);
  const merged = [...groups.values()].map((group) => {
    const byPhoto = Map.groupBy(group, ({ photo }) => photo);
    const counts = [...byPhoto.values()].map((seen) => seen.reduce((sum, { quantity }) => sum + quantity, 0));
    const { photo: _photo, ...surest } = group.reduce((best, one) =>
      one.confidence > best.confidence ? one : best
    );
    return {
      ...surest,
      quantity: Math.round(Math.max(...counts) * 100) / 100,
      photos: [...byPhoto.keys()].toSorted((one, other) => one - other),
    };
  });
  return merged.filter((one, index) =>
    !merged.some((other, otherIndex) =>
      sameName(other.name) === sameName(one.name) &&
      !other.photos.some((photo) => one.photos.includes(photo)) &&
      (other.confidence - one.confidence || index - otherIndex) > 0
    )
  );
}
