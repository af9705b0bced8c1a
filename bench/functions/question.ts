import { z } from "zod";

/** The input of the benchmark's functions, which differ only in the charge. */
export const Input = z.object({ question: z.string().min(1).max(500) });
/** Their output. */
export const Output = z.object({ answer: z.string() });

/** Their prompt. */
export const SYSTEM = "Answer in one sentence.";
