import { createTwoFilesPatch } from "diff";

/** The difference of a project's file, as a patch that turns it into Tessera's. */
export function namedDifference(path: string, current: string, offered: string): string {
  return createTwoFilesPatch(`${path} (yours)`, `${path} (Tessera's)`, current, offered)
    .split("\n").slice(1).join("\n").trimEnd();
}
