// All built-in resources, in the order that discovery shows them.

import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { apiextensions } from "./apiextensions.ts";
import { apps } from "./apps.ts";
import { batch } from "./batch.ts";
import { core } from "./core.ts";
import { events } from "./events.ts";
import { discovery, networking } from "./networking.ts";
import { autoscaling, coordination, policy, scheduling, storage } from "./policy.ts";
import { authentication, authorization, rbac } from "./rbac.ts";

export const builtinResources: readonly ResourceDefinition[] = [
  ...core,
  ...events,
  ...authentication,
  ...authorization,
  ...autoscaling,
  ...batch,
  ...coordination,
  ...discovery,
  ...networking,
  ...policy,
  ...rbac,
  ...scheduling,
  ...storage,
  ...apps,
  ...apiextensions,
];
