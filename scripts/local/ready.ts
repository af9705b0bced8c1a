/**
 * The line that a child prints when it is ready. Probing its port could go wrong: the system also uses these ports
 * for outgoing connections, and a connection from its own target's port connects to itself.
 */
export const READY_LINE = /^tessera: ready$/;

/** Tells the supervisor that this process is ready. */
export function announceReady(): void {
  console.log("tessera: ready");
}
