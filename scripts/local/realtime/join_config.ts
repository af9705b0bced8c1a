/** What a join asks for. Like the real server, which only logs it, this ignores what does not fit. */
export interface JoinConfig {
  isPrivate: boolean;
  broadcast: { ack: boolean; self: boolean; isReplicationReadyAsked: boolean };
  presence: { key: string; isEnabled: boolean };
  /** As the client gave it. */
  replay: unknown;
  postgresChanges: Record<string, unknown>[];
  /** How long the join waits until changes of the database are followed; undefined for not at all. */
  changesWaitMs: number | undefined;
}

const CHANGES_WAIT = { defaultMs: 5_000, maxMs: 10_000 };

export function readJoinConfig(payload: unknown): JoinConfig {
  const config = mapOf(mapOf(payload).config);
  const broadcast = mapOf(config.broadcast);
  const presence = mapOf(config.presence);
  const options = mapOf(config.postgres_changes_options);
  const changes = Array.isArray(config.postgres_changes) ? config.postgres_changes : [];
  return {
    isPrivate: booleanOf(config.private, false),
    broadcast: {
      ack: booleanOf(broadcast.ack, false),
      self: booleanOf(broadcast.self, false),
      isReplicationReadyAsked: booleanOf(broadcast.replication_ready, false),
    },
    presence: {
      key: typeof presence.key === "string" && presence.key !== "" ? presence.key : crypto.randomUUID(),
      isEnabled: booleanOf(presence.enabled, true),
    },
    replay: broadcast.replay,
    postgresChanges: changes.filter((change) => typeof change === "object" && change !== null),
    changesWaitMs: booleanOf(options.wait, false)
      ? Math.min(
        typeof options.timeout === "number" ? options.timeout : CHANGES_WAIT.defaultMs,
        CHANGES_WAIT.maxMs,
      )
      : undefined,
  };
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};
}

/** Some clients write booleans as text. */
function booleanOf(value: unknown, otherwise: boolean): boolean {
  if (typeof value === "boolean") return value;
  const text = typeof value === "string" ? value.toLowerCase() : undefined;
  return text === "true" ? true : text === "false" ? false : otherwise;
}
