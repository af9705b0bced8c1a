import type postgres from "postgres";
import type { Authorization } from "./authorization.ts";
import type { PostgresChanges } from "./changes/changes.ts";
import type { Credentials } from "./credentials.ts";
import type { Measures } from "./measures.ts";
import type { PresenceList } from "./presence.ts";
import type { Rate } from "./rate.ts";
import type { Member, Rooms } from "./rooms.ts";
import type { Limits } from "./settings.ts";

/** What all connections share. */
export interface Context {
  limits: Limits;
  credentials: Credentials;
  authorization: Authorization;
  sql: postgres.Sql;
  rooms: Rooms;
  presences: PresenceList<Member>;
  measures: Measures;
  joins: Rate;
  presenceEvents: Rate;
  changes: PostgresChanges;
}
