/* tests/unit/fake_journal.h: a journal in memory behind pipeline/journal_reader.h, which it stands
 * in for at link time: records, losses and errors in the order in which the test puts them. */
#pragma once

#include "pipeline/journal_reader.h"

void fake_journal_reset(void);
/* A process_exec with about `bytes` of arguments; returns its seq (1, 2, ...). */
uint64_t fake_journal_add(const char *arguments);
uint64_t fake_journal_add_kind(enum event_kind kind, const char *json);
/* `count` numbers are skipped; readers are told. */
void fake_journal_lose(uint64_t count);
/* Readers don't see the newest n entries yet. */
void fake_journal_hide(size_t newest);
/* The next read of any reader fails, once. */
void fake_journal_fail_once(void);
/* What a cursor file holds; survives everything but fake_journal_reset(). */
uint64_t fake_cursor(const char *path);
void fake_cursor_put(const char *path, uint64_t seq);
unsigned int fake_cursor_writes(void);
