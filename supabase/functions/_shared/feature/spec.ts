import type { z } from "zod";

import type { Files } from "../media/files.ts";
import type { Models } from "../models/models.ts";
import type { Price, UsageLimits } from "../ledger/price.ts";

/**
 * Everything that a feature gets: the checked input, AI models, and a place for files. No database, no keys, no
 * environment.
 */
export interface FeatureTools<Input, Output> {
  input: Input;
  models: Models;
  files: Files;
  /** Shows parts of the answer to a streaming client, in addition to the fields that the model has written so far. */
  show(draft: Partial<Output>): void;
}

export interface FeatureSpec<Input extends z.ZodType, Output extends z.ZodType> {
  /** The function's folder, and the operation type in the ledger. */
  name: string;
  price: Price;
  input: Input;
  output: Output;
  /** Replaces default limits, which bound the cost of a request. */
  limits?: Partial<UsageLimits> | ((input: z.output<Input>) => Partial<UsageLimits>);
  maxBodyBytes?: number;
  maxUploadBytes?: number;
  run(tools: FeatureTools<z.output<Input>, z.input<Output>>): Promise<z.input<Output>>;
}
