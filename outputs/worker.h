/* outputs/worker.h: one thread that does for a destination what may wait: a write to a disk, a
 * terminal, a pipe. The loop gives it one batch at a time and hears when it is done, so nothing
 * waits on the loop. Made and freed by the destination. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/output.h"

#include <stdbool.h>

struct worker;

/* In the thread. A blocking call in it must give up with EINTR when worker_is_stopping(). Returns
 * the verdict for the batch; em describes one that is not SENT. */
typedef enum output_verdict (*worker_fn)(void *ctx, struct batch *batch, struct errmsg *em);

WARN_UNUSED int worker_create(struct event_base *base, struct output *out, worker_fn work,
			      void *ctx, struct worker **worker_r, struct errmsg *em);
/* Hands the batch over: OUTPUT_PENDING. output_settled() follows. */
enum output_verdict worker_send(struct worker *worker, struct batch *batch);
/* Has the thread call fn(ctx of worker_create()) between two batches, at once when it has none. A
 * call that was asked for and not made yet is made once. */
void worker_call(struct worker *worker, void (*fn)(void *ctx));
bool worker_is_stopping(const struct worker *worker);
/* Interrupts what the thread waits in and joins it. A batch it had is dropped unsettled. */
void worker_free(struct worker **worker);
