/** What the server counts of itself. */
export class Measures {
  connections = 0;
  channels = 0;
  /** Since it started. */
  messagesIn = 0;
  messagesOut = 0;
  fromDatabase = 0;
  refusedJoins = 0;
  /** Clients that were disconnected as they did not read. */
  slowReaders = 0;
  /** From the last commit until its broadcast was sent. */
  lagMs = 0;
  isFollowing = false;

  /** In Prometheus's text format. */
  text(): string {
    const lines: [name: string, type: "gauge" | "counter", help: string, value: number][] = [
      ["realtime_connections", "gauge", "Open connections", this.connections],
      ["realtime_channels", "gauge", "Joined channels", this.channels],
      ["realtime_messages_in_total", "counter", "Messages that clients sent", this.messagesIn],
      ["realtime_messages_out_total", "counter", "Messages that were sent to clients", this.messagesOut],
      ["realtime_database_messages_total", "counter", "Broadcasts from the database", this.fromDatabase],
      ["realtime_refused_joins_total", "counter", "Joins that were refused", this.refusedJoins],
      [
        "realtime_slow_readers_total",
        "counter",
        "Clients disconnected as they did not read",
        this.slowReaders,
      ],
      [
        "realtime_lag_seconds",
        "gauge",
        "From the last commit until its broadcast was sent",
        this.lagMs / 1_000,
      ],
      [
        "realtime_following",
        "gauge",
        "1 while the database's broadcasts are followed",
        Number(this.isFollowing),
      ],
    ];
    return lines.map(([name, type, help, value]) =>
      `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`
    ).join("");
  }
}
