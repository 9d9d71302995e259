/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet path, as one object so that all programs share their maps:
 *
 *   pod ──► from_pod ──► pod of this node         (redirect_peer)
 *                   ├──► overlay ──► from_overlay of the other node ──► pod
 *                   └──► kernel's routing: direct peers, the node, the world
 *   device ──► from_net ──► pod
 *   kernel's routing ──► to_pod ──► pod
 *   node's own answers ──► to_net ──► device      (in a service's name)
 *   connect(), sendmsg() … ──► socket_* ──► backend of the service that is asked for
 */
#include "connections.h"
#include "pace.h"
#include "policy.h"
#include "services.h"
#include "from_net.bpf.c"
#include "from_pod.bpf.c"
#include "socket.bpf.c"
#include "to_pod.bpf.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
