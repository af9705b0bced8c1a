import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Unreferenced objects are gone after it. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  for (let time = 0; time < 3; time++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
