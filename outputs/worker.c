#include "outputs/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The C library keeps the first ones for itself; nobody else here uses this one. */
#define INTERRUPT_SIGNAL   (SIGRTMIN + 1)
#define INTERRUPT_AGAIN_NS 5000000

struct worker {
	struct output *out;
	worker_fn work;
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t given;
	int done_fd; /* eventfd: readable when the answer is there */
	struct event *done_event;
	atomic_bool stopping;
	/* Under the lock: */
	struct batch *batch;
	void (*call)(void *ctx); /* NULL: none asked for */
	bool has_answer;
	enum output_verdict verdict;
	struct errmsg em;
};

static void ignore_signal(int signal)
{
}

/* Delivered only to make a blocking call return EINTR: no SA_RESTART. */
static int install_interrupt(void)
{
	struct sigaction action = { .sa_handler = ignore_signal };

	sigemptyset(&action.sa_mask);
	return sigaction(INTERRUPT_SIGNAL, &action, NULL) == 0 ? 0 : -errno;
}

/* What to do next; neither: to end. A call goes before a batch. */
struct task {
	void (*call)(void *ctx);
	struct batch *batch;
};

static struct task await_task(struct worker *worker)
{
	struct task task = { NULL, NULL };

	pthread_mutex_lock(&worker->lock);
	while ((!worker->batch || worker->has_answer) && !worker->call &&
	       !worker_is_stopping(worker))
		pthread_cond_wait(&worker->given, &worker->lock);
	if (!worker_is_stopping(worker)) {
		task = (struct task){ worker->call, worker->call ? NULL : worker->batch };
		worker->call = NULL;
	}
	pthread_mutex_unlock(&worker->lock);
	return task;
}

static void give_answer(struct worker *worker, enum output_verdict verdict, const struct errmsg *em)
{
	uint64_t one = 1;

	pthread_mutex_lock(&worker->lock);
	worker->verdict = verdict;
	worker->em = *em;
	worker->has_answer = true;
	pthread_mutex_unlock(&worker->lock);
	/* An eventfd of which only one is ever pending has room. */
	if (write(worker->done_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	for (;;) {
		struct task task = await_task(worker);
		struct errmsg em = { "" };

		if (task.call)
			task.call(worker->ctx);
		else if (task.batch)
			give_answer(worker, worker->work(worker->ctx, task.batch, &em), &em);
		else
			return NULL;
	}
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct batch *batch;
	enum output_verdict verdict;
	struct errmsg em;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_mutex_lock(&worker->lock);
	batch = worker->batch;
	verdict = worker->verdict;
	em = worker->em;
	worker->batch = NULL;
	worker->has_answer = false;
	pthread_mutex_unlock(&worker->lock);
	output_settled(worker->out, batch, verdict, verdict == OUTPUT_SENT ? NULL : &em);
	batch_unref(&batch);
}

/* Signals are the main thread's. */
static int start_thread(struct worker *worker)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	sigdelset(&all, INTERRUPT_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

static void free_parts(struct worker *worker)
{
	if (worker->done_event)
		event_free(worker->done_event);
	if (worker->done_fd >= 0)
		close(worker->done_fd);
	pthread_cond_destroy(&worker->given);
	pthread_mutex_destroy(&worker->lock);
	batch_unref(&worker->batch);
	free(worker);
}

int worker_create(struct event_base *base, struct output *out, worker_fn work, void *ctx,
		  struct worker **worker_r, struct errmsg *em)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	worker->out = out;
	worker->work = work;
	worker->ctx = ctx;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->given, NULL);
	worker->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = worker->done_fd < 0 ? -errno : install_interrupt();
	if (!err) {
		worker->done_event =
			event_new(base, worker->done_fd, EV_READ | EV_PERSIST, on_done, worker);
		err = worker->done_event && event_add(worker->done_event, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (!err)
		err = start_thread(worker);
	if (err) {
		errmsg_set(em, "can't start its thread: %s", strerror(-err));
		free_parts(worker);
		return err;
	}
	*worker_r = worker;
	return 0;
}

enum output_verdict worker_send(struct worker *worker, struct batch *batch)
{
	batch_ref(batch);
	pthread_mutex_lock(&worker->lock);
	worker->batch = batch;
	pthread_cond_signal(&worker->given);
	pthread_mutex_unlock(&worker->lock);
	return OUTPUT_PENDING;
}

void worker_call(struct worker *worker, void (*fn)(void *ctx))
{
	pthread_mutex_lock(&worker->lock);
	worker->call = fn;
	pthread_cond_signal(&worker->given);
	pthread_mutex_unlock(&worker->lock);
}

bool worker_is_stopping(const struct worker *worker)
{
	return atomic_load(&((struct worker *)worker)->stopping);
}

void worker_free(struct worker **worker)
{
	struct worker *w = *worker;
	struct timespec until;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	atomic_store(&w->stopping, true);
	pthread_cond_signal(&w->given);
	pthread_mutex_unlock(&w->lock);
	/* A signal that comes just before the call it is to interrupt is lost: hence again. */
	do {
		pthread_kill(w->thread, INTERRUPT_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += INTERRUPT_AGAIN_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
	} while (pthread_timedjoin_np(w->thread, NULL, &until) == ETIMEDOUT);
	*worker = NULL; /* not before: the thread may have looked through it */
	free_parts(w);
}
