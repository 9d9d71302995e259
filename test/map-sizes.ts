// Small maps of the packet path: a test that loads it anew for each row would fill memory most of its time.

export const smallMaps: Readonly<Record<string, number>> = {
  ...{ connections: 4096, translations: 4096, fragments: 512, denials: 512, affinities: 512 },
  ...{ slots: 1024, backends: 1024, frontends: 1024, maglev: 1024, source_ranges: 256, socket_answers: 1024 },
  ...{ identities: 1024, blocks: 1024, policy_sets: 256, list_choices: 1024, lists: 1024 },
};
