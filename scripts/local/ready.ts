/**
 * What a child prints when it serves. To try its port instead could go wrong: the ports are among those that the
 * system gives to outgoing connections, and one that gets its own target's number connects to itself.
 */
export const READY_LINE = /^tessera: ready$/;

/** Tells the supervisor that this process serves. */
export function announceReady(): void {
  console.log("tessera: ready");
}
