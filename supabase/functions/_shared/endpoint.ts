/** What a function imports that is no feature. */
export * from "./http/endpoint.ts";
