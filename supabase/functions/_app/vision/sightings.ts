/** A thing as one photo shows it. */
export interface Sighting {
  name: string;
  quantity: number;
  unit: string;
  confidence: number;
  /** The photo's number, from 1. */
  photo: number;
}

/** What two writings of one name have in common. */
export function sameName(name: string): string {
  return name.normalize("NFKC").toLowerCase().replace(/[\s_-]+/g, " ").trim();
}

/**
 * Things by name and unit, each once, in the order in which they were first seen. What one photo shows in several places
 * is added up. What several photos show is taken for the same things seen again: the largest count holds, not the sum,
 * and of counts in different units on different photos the surer one. The rest is as the surest sighting says.
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
