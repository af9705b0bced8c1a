/** What a feature imports. */
export * from "./feature/feature.ts";
