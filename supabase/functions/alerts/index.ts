import { deliver } from "./deliver.ts";
import { list } from "./list.ts";
import { replay } from "./replay.ts";
import { rotate, subscribe, unsubscribe } from "./subscriptions.ts";
import { test } from "./test.ts";
import { tryPlatform } from "./try_platform.ts";
import { defineActions } from "../_shared/http/actions.ts";

export default defineActions("alerts", {
  deliver,
  list,
  replay,
  test,
  subscribe,
  unsubscribe,
  rotate,
  "try-platform": tryPlatform,
}) satisfies Deno.ServeDefaultExport;
