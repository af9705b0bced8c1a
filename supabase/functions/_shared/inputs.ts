/** The inputs of features. */
export * from "./media/inputs.ts";
