import { createTwoFilesPatch } from "diff";

/** How a project's file differs from Tessera's, as a patch that leads to Tessera's. */
export function namedDifference(path: string, current: string, offered: string): string {
  return createTwoFilesPatch(`${path} (yours)`, `${path} (Tessera's)`, current, offered)
    .split("\n").slice(1).join("\n").trimEnd();
}
