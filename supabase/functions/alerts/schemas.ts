import { z } from "zod";

export const EndpointId = z.uuid().describe("As `subscribe` and `list` return it");
export const Time = z.string().describe("As Postgres writes a time with its zone");
