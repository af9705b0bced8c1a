/** The header by which lite identifies its caller: requests without it are refused, on every port. */
export const CALLER_HEADER = "x-tessera-caller";

/** The path at which the supervisor tells the gateway the port of a new functions process. */
export const FUNCTIONS_PORT_PATH = "/tessera/functions-port/";
