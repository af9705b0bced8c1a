import { z } from "zod";

/** What the functions of the benchmark take: they differ in the charge alone. */
export const Input = z.object({ question: z.string().min(1).max(500) });
/** What they answer. */
export const Output = z.object({ answer: z.string() });

/** What they ask the model. */
export const SYSTEM = "Answer in one sentence.";
