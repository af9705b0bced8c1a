import type { z } from "zod";

import type { Files } from "../media/files.ts";
import type { Models } from "../models/models.ts";
import type { Price, UsageLimits } from "../ledger/price.ts";

/** All that a feature gets: the checked input, AI models, and a place for files. No database, no key, no environment. */
export interface FeatureTools<Input, Output> {
  input: Input;
  models: Models;
  files: Files;
  /**
   * Shows what is known of the answer to a client that takes it as a stream, beside what the model has written so far of
   * the answer's own fields.
   */
  show(draft: Partial<Output>): void;
}

export interface FeatureSpec<Input extends z.ZodType, Output extends z.ZodType> {
  /** The function's folder, and the operation in the ledger. */
  name: string;
  price: Price;
  input: Input;
  output: Output;
  /** Where the usual limits do not fit; they bound what a request may cost. */
  limits?: Partial<UsageLimits> | ((input: z.output<Input>) => Partial<UsageLimits>);
  maxBodyBytes?: number;
  maxUploadBytes?: number;
  run(tools: FeatureTools<z.output<Input>, z.input<Output>>): Promise<z.input<Output>>;
}
