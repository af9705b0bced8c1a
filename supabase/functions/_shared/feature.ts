/** For features. */
export * from "./feature/feature.ts";
