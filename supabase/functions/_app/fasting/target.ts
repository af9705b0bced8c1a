/** The bounds of a target. Only the user's own target may be higher, up to 24 h. */
export const SAFE_TARGET_H = { min: 12, max: 20, own_max: 24 };

const STEP_H = 1;
/** How many of the last fasts decide. */
const DECIDING_FASTS = 7;
const ENOUGH_TO_RAISE = 5;
const RAISE_FROM = 0.8;
const LOWER_BELOW = 0.5;

/** The share of fasts that reached the target, from 0 to 1; null if there are none. */
export function adherenceOf(durations_h: number[], target_h: number): number | null {
  if (durations_h.length === 0) return null;
  return durations_h.filter((duration) => duration >= target_h).length / durations_h.length;
}

/**
 * The next target, from the last fasts, newest last. One hour more if at least five were recorded and four fifths of
 * them reached the target; one hour less if fewer than half did; otherwise unchanged. Never below 12 h, never above
 * 20 h or the user's own higher target (at most 24 h), and never more than one hour from the current target.
 */
export function nextTarget(
  durations_h: number[],
  target_h: number,
): { next_target_h: number; step: "raise" | "keep" | "lower" } {
  const deciding = durations_h.slice(-DECIDING_FASTS);
  const adherence = adherenceOf(deciding, target_h);
  const wish = adherence === null
    ? 0
    : adherence < LOWER_BELOW
    ? -STEP_H
    : adherence >= RAISE_FROM && deciding.length >= ENOUGH_TO_RAISE
    ? STEP_H
    : 0;
  const ceiling = Math.min(SAFE_TARGET_H.own_max, Math.max(SAFE_TARGET_H.max, target_h));
  const next_target_h = Math.min(ceiling, Math.max(SAFE_TARGET_H.min, target_h + wish));
  const step = next_target_h > target_h ? "raise" : next_target_h < target_h ? "lower" : "keep";
  return { next_target_h, step };
}
