/** The header by which lite knows who asks: without it nobody is served, whatever port they came in by. */
export const CALLER_HEADER = "x-tessera-caller";

/** Where the supervisor tells the gateway the port of a new functions process. */
export const FUNCTIONS_PORT_PATH = "/tessera/functions-port/";
