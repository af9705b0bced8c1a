import type postgres from "postgres";

/** What somebody may do with a private topic. */
export const TOPIC_ACTIONS = ["join", "hear", "send", "send by HTTP", "track"] as const;
export type TopicAction = (typeof TOPIC_ACTIONS)[number];

/** A topic that is there, with its users. */
export interface OpenTopic {
  topic: string;
  /** The ids of users, by what they are to the topic; `nobody` and `server` have no user. */
  users: Record<string, string>;
  /** Something happens of which the topic tells from the database; the event's name. */
  tell(): Promise<string>;
  /** Takes the right to it from a user. */
  remove(user: string): Promise<void>;
}

/** A kind of private topics of a module, in tests/realtime/topics/<module>.ts: who may do what. */
export interface TopicKind {
  /** The names of the policies on `realtime.messages` that it needs. */
  policies: string[];
  /** By what a user is to the topic; who may nothing has an empty list. `nobody` comes with the publishable key alone. */
  may: Record<string, readonly TopicAction[]>;
  open(sql: postgres.Sql): Promise<OpenTopic>;
}
