import type { z } from "zod";

import type { Viewer } from "./viewer.ts";
import { draftOf } from "./drafts.ts";
import type { ReadDraft } from "../models/models.ts";

/** Merges what a feature shows with what its model writes, and passes on the part that fits the output. */
export function draftsFor<Output extends z.ZodType>(output: Output, viewer: Viewer | undefined) {
  if (viewer === undefined) return { show: () => {} };
  let shown: unknown;
  let isShownNew = false;
  let readWritten: ReadDraft = () => Promise.resolve(undefined);

  async function read(): Promise<string | undefined> {
    const written = draftOf(output, await readWritten());
    if (written === undefined && !isShownNew) return undefined;
    isShownNew = false;
    return JSON.stringify({ ...shown as object, ...written as object });
  }

  return {
    show(draft: Partial<z.input<Output>>) {
      shown = draftOf(output, draft);
      isShownNew = true;
      viewer.draft(read);
    },
    onDraft(readSoFar: ReadDraft) {
      readWritten = readSoFar;
      viewer.draft(read);
    },
  };
}
