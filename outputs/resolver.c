#include "outputs/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the thread and the loop share; freed by the last of them. */
struct lookup {
	atomic_int refs;
	char host[256], port[8];
	struct addrinfo hints;
	int done_fd; /* eventfd */
	/* Written by the thread before done_fd, read by the loop after it: */
	int error, saved_errno;
	struct addrinfo *found;
};

struct resolver {
	resolver_fn done;
	void *ctx;
	struct lookup *lookup;
	struct event *event;
};

static atomic_int lookups_under_way;

static void lookup_unref(struct lookup *lookup)
{
	if (atomic_fetch_sub(&lookup->refs, 1) != 1)
		return;
	if (lookup->found)
		freeaddrinfo(lookup->found);
	if (lookup->done_fd >= 0)
		close(lookup->done_fd);
	free(lookup);
}

static void look_up(struct lookup *lookup)
{
	uint64_t one = 1;

	errno = 0;
	lookup->error = getaddrinfo(lookup->host, lookup->port, &lookup->hints, &lookup->found);
	lookup->saved_errno = errno;
	/* The counter of an eventfd that is written once has room. */
	if (write(lookup->done_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void *run(void *arg)
{
	look_up(arg);
	atomic_fetch_sub(&lookups_under_way, 1);
	lookup_unref(arg);
	return NULL;
}

/* Detached: getaddrinfo() can't be interrupted, and nobody is to wait for it. */
static int start_thread(struct lookup *lookup)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	atomic_fetch_add(&lookup->refs, 1);
	atomic_fetch_add(&lookups_under_way, 1);
	err = pthread_create(&thread, &attr, run, lookup);
	if (err) {
		atomic_fetch_sub(&lookup->refs, 1);
		atomic_fetch_sub(&lookups_under_way, 1);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

static bool take_address(struct resolver_answer *answer, const struct addrinfo *info)
{
	struct resolver_address *address = &answer->v[answer->n];

	if (answer->n == RESOLVER_MAX_ADDRESSES || info->ai_addrlen > sizeof(address->addr))
		return false;
	memcpy(&address->addr, info->ai_addr, info->ai_addrlen);
	address->len = info->ai_addrlen;
	answer->n++;
	return true;
}

static const struct addrinfo *next_of(const struct addrinfo *info, int family, bool same)
{
	while (info && (info->ai_family == family) != same)
		info = info->ai_next;
	return info;
}

/* The system's order within each family, the families by turns. */
static void interleave(const struct addrinfo *found, struct resolver_answer *answer)
{
	int first = found->ai_family;
	const struct addrinfo *same = found, *other = next_of(found, first, false);

	answer->n = 0;
	while (same || other) {
		if (same) {
			if (!take_address(answer, same))
				return;
			same = next_of(same->ai_next, first, true);
		}
		if (other) {
			if (!take_address(answer, other))
				return;
			other = next_of(other->ai_next, first, false);
		}
	}
}

static const char *why(const struct lookup *lookup)
{
	if (lookup->error == EAI_NONAME)
		return "no such name";
	if (lookup->error == EAI_AGAIN)
		return "no answer from the name servers";
	return lookup->error == EAI_SYSTEM ? strerror(lookup->saved_errno)
					   : gai_strerror(lookup->error);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *resolver = arg;
	struct lookup *lookup = resolver->lookup;
	struct resolver_answer answer;
	struct errmsg em;

	/* The callee may free the resolver, and with it its share of the lookup. */
	atomic_fetch_add(&lookup->refs, 1);
	if (lookup->error == 0 && lookup->found) {
		interleave(lookup->found, &answer);
		resolver->done(resolver->ctx, &answer, NULL);
	} else {
		errmsg_set(&em, "can't look up %s: %s", lookup->host, why(lookup));
		resolver->done(resolver->ctx, NULL, &em);
	}
	lookup_unref(lookup);
}

static struct lookup *make_lookup(const char *host, uint16_t port, int socket_type)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		return NULL;
	atomic_init(&lookup->refs, 1);
	snprintf(lookup->host, sizeof(lookup->host), "%s", host);
	snprintf(lookup->port, sizeof(lookup->port), "%u", (unsigned int)port);
	lookup->hints = (struct addrinfo){ .ai_family = AF_UNSPEC,
					   .ai_socktype = socket_type,
					   .ai_flags = AI_NUMERICSERV };
	lookup->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return lookup;
}

/* An address needs no thread; the answer comes through the same door. */
static bool is_literal(struct lookup *lookup)
{
	lookup->hints.ai_flags |= AI_NUMERICHOST;
	if (getaddrinfo(lookup->host, lookup->port, &lookup->hints, &lookup->found) == 0)
		return true;
	lookup->found = NULL;
	lookup->hints.ai_flags &= ~AI_NUMERICHOST;
	return false;
}

static int start(struct resolver *resolver, struct event_base *base, struct errmsg *em)
{
	struct lookup *lookup = resolver->lookup;
	int err;

	if (!lookup || lookup->done_fd < 0)
		return -ENOMEM;
	resolver->event = event_new(base, lookup->done_fd, EV_READ, on_done, resolver);
	if (!resolver->event || event_add(resolver->event, NULL) != 0)
		return -ENOMEM;
	if (is_literal(lookup)) {
		event_active(resolver->event, EV_READ, 1);
		return 0;
	}
	if (atomic_load(&lookups_under_way) >= RESOLVER_MAX_LOOKUPS) {
		errmsg_set(em, "can't look up %s: %d lookups are unanswered already", lookup->host,
			   RESOLVER_MAX_LOOKUPS);
		return -EAGAIN;
	}
	err = start_thread(lookup);
	if (err)
		errmsg_set(em, "can't look up %s: no thread: %s", lookup->host, strerror(-err));
	return err;
}

int resolver_start(struct event_base *base, const char *host, uint16_t port, int socket_type,
		   resolver_fn done, void *ctx, struct resolver **resolver_r, struct errmsg *em)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int err;

	*resolver_r = NULL;
	errmsg_set(em, "no memory");
	if (!resolver)
		return -ENOMEM;
	resolver->done = done;
	resolver->ctx = ctx;
	resolver->lookup = make_lookup(host, port, socket_type);
	err = start(resolver, base, em);
	if (err)
		resolver_free(&resolver);
	*resolver_r = resolver;
	return err;
}

void resolver_free(struct resolver **resolver)
{
	struct resolver *r = *resolver;

	*resolver = NULL;
	if (!r)
		return;
	if (r->event)
		event_free(r->event);
	if (r->lookup)
		lookup_unref(r->lookup);
	free(r);
}

struct resolver_text resolver_address_text(const struct resolver_address *address)
{
	struct resolver_text text = { "?" };
	char host[INET6_ADDRSTRLEN + 20], port[8];

	if (getnameinfo((const struct sockaddr *)&address->addr, address->len, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(text.text, sizeof(text.text),
			 address->addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return text;
}
