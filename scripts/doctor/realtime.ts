import { describeSlot, heldBackSlots } from "../local/realtime/slots.ts";
import type { Examination, Finding } from "./finding.ts";

/** Whether Realtime can follow the database, and whether all that follow it keep up. */
export const realtimeExamination: Examination = {
  name: "realtime",
  async examine({ sql }) {
    const findings: Finding[] = [];
    const [state] = await sql<[{ wal_level: string; has_publication: boolean; has_messages: boolean }]>`
      select current_setting('wal_level') as wal_level,
        exists (select from pg_publication where pubname = 'supabase_realtime') as has_publication,
        to_regclass('realtime.messages') is not null as has_messages`;
    if (state.wal_level !== "logical") {
      findings.push({
        severity: "note",
        what: `wal_level is ${state.wal_level}`,
        why: "Realtime hears nothing of what happens in the database",
        fix: "Start the local stack without TESSERA_REALTIME=off; hosted it is always logical",
      });
    }
    if (!state.has_publication) {
      findings.push({
        severity: "missing",
        what: "The publication supabase_realtime is missing",
        why: "Postgres Changes come only from its tables",
        fix: "create publication supabase_realtime",
      });
    }
    if (!state.has_messages) {
      findings.push({
        severity: "missing",
        what: "The table realtime.messages is missing",
        why: "Broadcasts from the database and private channels need it",
        fix: "Hosted: ask Supabase's support; locally: start the stack anew",
      });
    }
    for (const slot of await heldBackSlots(sql)) {
      findings.push({
        severity: "missing",
        what: describeSlot(slot),
        why: "The disk fills up, or its follower misses changes",
        fix: `Repair its follower, or drop the slot: select pg_drop_replication_slot('${slot.name}')`,
      });
    }
    return findings;
  },
};
