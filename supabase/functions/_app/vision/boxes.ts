import { z } from "zod";

/** A part of a picture, in fractions of its width and height from the upper left corner. */
export const Box = z.object({
  left: z.number().min(0).max(1),
  top: z.number().min(0).max(1),
  right: z.number().min(0).max(1),
  bottom: z.number().min(0).max(1),
});

export type Box = z.infer<typeof Box>;

/** A model's box. Models sometimes exceed the edges; the excess is cut off. */
export const DrawnBox = z.object({
  left: z.number().min(-1).max(2),
  top: z.number().min(-1).max(2),
  right: z.number().min(-1).max(2),
  bottom: z.number().min(-1).max(2),
});

/** A box with a smaller share of the width or height is too small to point at. */
const MIN_SIDE = 0.005;

/** The part of a box inside the picture, with its sides in order; undefined if there is none. */
export function insidePicture(box: Box): Box | undefined {
  const [left, right] = inOrder(box.left, box.right);
  const [top, bottom] = inOrder(box.top, box.bottom);
  return right - left >= MIN_SIDE && bottom - top >= MIN_SIDE ? { left, top, right, bottom } : undefined;
}

function inOrder(one: number, other: number): [number, number] {
  const clamp = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * 1_000) / 1_000;
  return [clamp(Math.min(one, other)), clamp(Math.max(one, other))];
}

/**
 * The overlap of two boxes, from 0 to 1: the area of their intersection divided by that of their union. Jaccard 1912;
 * for boxes: Everingham et al. 2010, https://doi.org/10.1007/s11263-009-0275-4
 */
export function overlap(one: Box, other: Box): number {
  const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (area(one) + area(other) - shared);
}

function area({ left, top, right, bottom }: Box): number {
  return (right - left) * (bottom - top);
}
