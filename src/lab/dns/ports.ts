// Where cluster DNS listens: the ports that CoreDNS has in a cluster.

export const dnsPorts = { dns: 53, metrics: 9153, health: 8080, ready: 8181 } as const;
