// All cases: what the Netpol suite, cyclonus and the conformance tests of the network policy API ask, and a few of our own.

import type { Case } from "./case.ts";
import { changeCases } from "./changes.ts";
import { clusterCases } from "./cluster.ts";
import { egressCases } from "./egress.ts";
import { ingressCases } from "./ingress.ts";
import { portCases } from "./ports.ts";

export const cases: readonly Case[] = [...ingressCases, ...egressCases, ...portCases, ...changeCases, ...clusterCases];
