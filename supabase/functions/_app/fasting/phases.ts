/**
 * The body's main source of energy, by hours since the last meal. Up to 16 h after Cahill's phases of glucose
 * homeostasis (2006, https://doi.org/10.1146/annurev.nutr.26.061505.111258); the switch to fat and ketones is
 * complete by 36 h at the latest (Anton et al. 2018, https://doi.org/10.1002/oby.22065). Meal, body and exercise
 * shift each bound by hours.
 */
export const PHASES = [
  { phase: "absorbing", from_h: 0, to_h: 4 },
  { phase: "glycogen", from_h: 4, to_h: 16 },
  { phase: "switching", from_h: 16, to_h: 36 },
  { phase: "ketosis", from_h: 36, to_h: null },
] as const;

export type PhaseName = typeof PHASES[number]["phase"];

/** The hours of a fast in each phase; they add up to its duration. */
export function hoursByPhase(duration_h: number): Record<PhaseName, number> {
  const hours = PHASES.map(({ phase, from_h, to_h }) => {
    const end = Math.min(duration_h, to_h ?? Infinity);
    return [phase, Math.max(0, end - from_h)];
  });
  return Object.fromEntries(hours);
}
