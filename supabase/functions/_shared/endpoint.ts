/** For functions that are not features. */
export * from "./http/endpoint.ts";
