/** Tells a child the pid of its supervisor; the child ends when that process is gone. */
export const SUPERVISOR_VARIABLE = "TESSERA_SUPERVISOR_PID";
