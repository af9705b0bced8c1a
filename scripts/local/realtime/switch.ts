/** Tells whether the stack has Realtime: `TESSERA_REALTIME=off` leaves it out, with all that it costs. */
export function realtimeIsOn(): boolean {
  return Deno.env.get("TESSERA_REALTIME") !== "off";
}
