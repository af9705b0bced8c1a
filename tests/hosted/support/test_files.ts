import { join } from "node:path";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { INSIDE, NOT_INSIDE } from "../suites.ts";

/** The test files of a folder, as paths from the project; of a file that is there, itself. */
export function testFilesIn(path: string): string[] {
  if (Deno.statSync(join(projectFolder, path)).isFile) return [path];
  return [...Deno.readDirSync(join(projectFolder, path))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return testFilesIn(`${path}/${name}`);
    return name.endsWith(".test.ts") ? [`${path}/${name}`] : [];
  });
}

/** The test files that run inside the Edge Runtime's Deno. */
export const unitFiles: string[] = [...testFilesIn("tests/unit"), ...INSIDE]
  .filter((file) => !(file in NOT_INSIDE))
  .toSorted();
