/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Services where sockets ask for them. A socket is connected to a backend from the start, so no packet is ever translated:
 *
 *   connect(service) ──► connect to the backend        getpeername() = service
 *   sendto(service) ───► send to the flow's backend    recvfrom() = service
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/version.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "connections.h"
#include "services.h"
#include "settings.h"
#include "socket.h"

#define PASS 1
#define REJECT 0

/*
 * A flow keeps its backend as long as it is used and the backend is there, as a connection that is translated per packet would: what a
 * client says in many datagrams stays together. After a pause it chooses anew, so that a socket that lives for ever follows when services
 * grow. The time is what connection tracking gives a stream of datagrams.
 */
#define FLOW_IDLE_SECONDS 120

extern int LINUX_KERNEL_VERSION __kconfig;

static __always_inline struct address asked_v6(const struct bpf_sock_addr *ctx)
{
	struct address address = { { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] } };

	return address;
}

static __always_inline void set_v6(struct bpf_sock_addr *ctx, const struct address *address, __be16 port)
{
	ctx->user_ip6[0] = address->word[0];
	ctx->user_ip6[1] = address->word[1];
	ctx->user_ip6[2] = address->word[2];
	ctx->user_ip6[3] = address->word[3];
	ctx->user_port = port;
}

static __always_inline void set_v4(struct bpf_sock_addr *ctx, const struct address *address, __be16 port)
{
	ctx->user_ip4 = address->word[3];
	ctx->user_port = port;
}

static __always_inline int is_loopback(const struct address *address)
{
	if (address_is_v4(address))
		return (address->word[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !address->word[0] && !address->word[1] && !address->word[2] && address->word[3] == bpf_htonl(1);
}

/*
 * Whether sockets of this namespace are to be translated when they ask for this address. Whom a service with source ranges is for depends on
 * the address that asks, which a pod's socket may not have yet: its packets are judged and translated instead.
 */
static __always_inline int is_translated(struct bpf_sock_addr *ctx, const struct frontend *frontend, const struct address *asked)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);
	const __u32 *found = bpf_map_lookup_elem(&namespaces, &cookie);
	__u32 flags = found ? *found : 0;

	if (flags & NAMESPACE_UNTRANSLATED)
		return 0;
	if (flags & NAMESPACE_NODE)
		return 1;
	return !is_loopback(asked) && !(frontend->inside.flags & CHOICE_SOURCE_RANGES);
}

/* What the node itself says is translated at its sockets only, and comes from the node's own address. */
static __always_inline int may_node_ask(const struct frontend *frontend, const struct address *asked)
{
	const struct settings *node = get_settings();

	if (!(frontend->inside.flags & CHOICE_SOURCE_RANGES))
		return 1;
	return node && may_ask(frontend, &frontend->inside, address_is_v4(asked) ? &node->node_v4 : &node->node_v6);
}

/* The socket may have no address yet; whoever shares its namespace shares its addresses. Multicast addresses are nobody's, so it is no client's. */
static __always_inline struct address client_of(struct bpf_sock_addr *ctx)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);
	struct address client = { { 0xffffffff, 0, cookie >> 32, cookie } };

	return client;
}

static __always_inline const struct backend *choose_for_socket(struct bpf_sock_addr *ctx, const struct frontend *frontend, __u32 *number)
{
	struct address client = {};
	__u32 hash = 0, now = 0;

	/* Only what this service needs: each costs more than the choice itself. */
	if (frontend->affinity_seconds) {
		client = client_of(ctx);
		now = seconds();
	}
	/* Cookies are consecutive; the upper half of the product differs in all its bits (Knuth's multiplicative hash). */
	if (frontend->inside.flags & CHOICE_MAGLEV)
		hash = (bpf_get_socket_cookie(ctx) * 0x9e3779b97f4a7c15ULL) >> 32;
	*number = choose_backend(frontend, &frontend->inside, &client, hash, now);
	return *number ? bpf_map_lookup_elem(&backends, number) : 0;
}

static __always_inline int fail_socket(int error)
{
	/* Programs of earlier kernels cannot choose the error: it is EPERM. */
	if (LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 1, 0))
		bpf_set_retval(error);
	return REJECT;
}

/*
 * At once, as a port that nobody listens on. Where packets would be dropped so that another node can answer, nobody else will answer this
 * socket: to let it wait would help nobody, but the error is another, for it says nothing of the service as a whole.
 */
static __always_inline int refuse_socket(const struct frontend *frontend)
{
	return fail_socket(frontend->inside.flags & CHOICE_DROP ? -EHOSTUNREACH : -ECONNREFUSED);
}

/* What it was connected to before. */
static __always_inline void connected_to_nobody(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct socket *socket = sk ? bpf_sk_storage_get(&sockets, sk, 0, 0) : 0;

	if (socket)
		socket->asked_port = 0;
}

static __always_inline void connected_to(struct bpf_sock_addr *ctx, const struct address *asked, __be16 port, const struct backend *backend)
{
	struct bpf_sock *sk = ctx->sk;
	struct socket *socket = sk ? bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;

	/* Without memory the connection is made all the same; its owner sees the backend's address. */
	if (!socket)
		return;
	socket->asked = *asked;
	socket->asked_port = port;
	socket->reached = backend->address;
	socket->reached_port = backend->port;
}

/*
 * A socket for datagrams is often connected only to learn which address it would send from, to any port of the service (RFC 6724 in
 * resolvers): that is no question for the service, and must not fail. What it sends nevertheless is refused as a packet.
 */
static __always_inline const struct frontend *find_connectable(const struct address *asked, __be16 port, __u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		return find_frontend(asked, port, protocol);
	return protocol == IPPROTO_UDP ? find_exact_frontend(asked, port, protocol) : 0;
}

/* Where a socket that is to be connected goes: `*to` is a backend in the place of what it asks for, or 0. Returns the program's result. */
static __always_inline int connect_socket(struct bpf_sock_addr *ctx, const struct address *asked, const struct backend **to)
{
	__be16 port = ctx->user_port;
	const struct frontend *frontend = find_connectable(asked, port, ctx->protocol);
	__u32 number;

	*to = 0;
	connected_to_nobody(ctx);
	if (!frontend || !is_translated(ctx, frontend, asked))
		return PASS;
	if (!may_node_ask(frontend, asked))
		return fail_socket(-EHOSTUNREACH);
	*to = choose_for_socket(ctx, frontend, &number);
	if (!*to)
		return refuse_socket(frontend);
	connected_to(ctx, asked, port, *to);
	return PASS;
}

SEC("cgroup/connect4")
int socket_connect4(struct bpf_sock_addr *ctx)
{
	struct address asked = address_v4(ctx->user_ip4);
	const struct backend *to;
	int result = connect_socket(ctx, &asked, &to);

	if (to)
		set_v4(ctx, &to->address, to->port);
	return result;
}

SEC("cgroup/connect6")
int socket_connect6(struct bpf_sock_addr *ctx)
{
	/* An IPv4 address in an IPv6 socket stands in ::ffff:0:0/96, as in the maps. */
	struct address asked = asked_v6(ctx);
	const struct backend *to;
	int result = connect_socket(ctx, &asked, &to);

	if (to)
		set_v6(ctx, &to->address, to->port);
	return result;
}

/* The backend that the flow has, unless it is gone or the flow has paused. */
static __always_inline const struct backend *backend_of(struct flow *flow, const struct frontend *frontend, __u32 now)
{
	const struct backend *backend;

	if (!flow || (__s32)(now - flow->seen) >= FLOW_IDLE_SECONDS)
		return 0;
	backend = bpf_map_lookup_elem(&backends, &flow->backend);
	if (!backend || backend->service != frontend->service)
		return 0;
	flow->seen = now;
	return backend;
}

/* Looked at with each datagram: elements may have been pushed out meanwhile. One backend under two names answers by the last. */
static __always_inline void expect_answers(struct bpf_sock_addr *ctx, const struct flow_key *asked, const struct backend *backend)
{
	struct flow_key key = { asked->socket, backend->address, backend->port, FLOW_REACHED, {} };
	struct flow *known = bpf_map_lookup_elem(&flows, &key);
	struct flow flow = { asked->address, asked->port, 0, 0, 0 };
	struct bpf_sock *sk = ctx->sk;
	struct socket *socket = sk ? bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;

	if (socket)
		socket->has_flows = 1;
	if (!known || known->port != asked->port || !address_equal(&known->address, &asked->address))
		bpf_map_update_elem(&flows, &key, &flow, BPF_ANY);
}

/* As connect(), for one datagram. */
static __always_inline int send_datagram(struct bpf_sock_addr *ctx, const struct address *asked, const struct backend **to)
{
	struct flow_key key = { 0, *asked, ctx->user_port, FLOW_ASKED, {} };
	struct flow flow = { {}, 0, 0, 0, seconds() };
	const struct frontend *frontend;

	*to = 0;
	if (ctx->protocol != IPPROTO_UDP)
		return PASS;
	frontend = find_frontend(asked, key.port, IPPROTO_UDP);
	if (!frontend || !is_translated(ctx, frontend, asked))
		return PASS;
	if (!may_node_ask(frontend, asked))
		return fail_socket(-EHOSTUNREACH);
	key.socket = bpf_get_socket_cookie(ctx);
	*to = backend_of(bpf_map_lookup_elem(&flows, &key), frontend, flow.seen);
	if (!*to) {
		*to = choose_for_socket(ctx, frontend, &flow.backend);
		if (!*to)
			return refuse_socket(frontend);
		flow.address = (*to)->address;
		flow.port = (*to)->port;
		bpf_map_update_elem(&flows, &key, &flow, BPF_ANY);
	}
	expect_answers(ctx, &key, *to);
	return PASS;
}

SEC("cgroup/sendmsg4")
int socket_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct address asked = address_v4(ctx->user_ip4);
	const struct backend *to;
	int result = send_datagram(ctx, &asked, &to);

	if (to)
		set_v4(ctx, &to->address, to->port);
	return result;
}

SEC("cgroup/sendmsg6")
int socket_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct address asked = asked_v6(ctx);
	const struct backend *to;
	int result = send_datagram(ctx, &asked, &to);

	if (to)
		set_v6(ctx, &to->address, to->port);
	return result;
}

/* What a connected socket's owner asked for, when it has reached this. */
static __always_inline int asked_by_connection(const struct socket *socket, struct address *address, __be16 *port)
{
	if (!socket->asked_port || socket->reached_port != *port || !address_equal(&socket->reached, address))
		return 0;
	*address = socket->asked;
	*port = socket->asked_port;
	return 1;
}

static __always_inline const struct socket *socket_of(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return sk ? bpf_sk_storage_get(&sockets, sk, 0, 0) : 0;
}

/* Who has sent a datagram, as the receiver's owner knows them. */
static __always_inline int find_asked(struct bpf_sock_addr *ctx, struct address *address, __be16 *port)
{
	struct flow_key key = { 0, *address, *port, FLOW_REACHED, {} };
	const struct socket *socket = socket_of(ctx);
	const struct flow *flow;

	if (!socket)
		return 0;
	if (asked_by_connection(socket, address, port))
		return 1;
	if (!socket->has_flows)
		return 0;
	key.socket = bpf_get_socket_cookie(ctx);
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return 0;
	*address = flow->address;
	*port = flow->port;
	return 1;
}

SEC("cgroup/recvmsg4")
int socket_recvmsg4(struct bpf_sock_addr *ctx)
{
	struct address address = address_v4(ctx->user_ip4);
	__be16 port = ctx->user_port;

	if (find_asked(ctx, &address, &port))
		set_v4(ctx, &address, port);
	return PASS;
}

SEC("cgroup/recvmsg6")
int socket_recvmsg6(struct bpf_sock_addr *ctx)
{
	struct address address = asked_v6(ctx);
	__be16 port = ctx->user_port;

	if (find_asked(ctx, &address, &port))
		set_v6(ctx, &address, port);
	return PASS;
}

SEC("cgroup/getpeername4")
int socket_getpeername4(struct bpf_sock_addr *ctx)
{
	struct address address = address_v4(ctx->user_ip4);
	const struct socket *socket = socket_of(ctx);
	__be16 port = ctx->user_port;

	if (socket && asked_by_connection(socket, &address, &port))
		set_v4(ctx, &address, port);
	return PASS;
}

SEC("cgroup/getpeername6")
int socket_getpeername6(struct bpf_sock_addr *ctx)
{
	struct address address = asked_v6(ctx);
	const struct socket *socket = socket_of(ctx);
	__be16 port = ctx->user_port;

	if (socket && asked_by_connection(socket, &address, &port))
		set_v6(ctx, &address, port);
	return PASS;
}
