/** Input types of features. */
export * from "./media/inputs.ts";
