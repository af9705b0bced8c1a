import type { z } from "zod";

import type { GetOutput, StatusOutput, SyncOutput } from "../../supabase/functions/token-manager/schemas.ts";

export type Synced = z.output<typeof SyncOutput>;
export type Status = z.output<typeof StatusOutput>;
export type Given = z.output<typeof GetOutput>;
