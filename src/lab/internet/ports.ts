// Where the lab's internet listens.

export const webPort = 80;
export const dnsPort = 53;
/** Answers every datagram with itself (RFC 862). */
export const echoPort = 7;
