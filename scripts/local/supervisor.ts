/** Tells a child the number of its supervisor, without which it ends. */
export const SUPERVISOR_VARIABLE = "TESSERA_SUPERVISOR_PID";
