// The folder for what a reboot may forget.

/** Where records, sockets and marks of running plugins lie unless told otherwise. */
export const defaultRunDir = "/run/twill";
