add_library(weir_journal STATIC
	journal.c
	journal_cursor.c
	journal_directory.c
	journal_format.c
	journal_io.c
	journal_key.c
	journal_queue.c
	journal_reader.c
	journal_recovery.c
	journal_retention.c
	journal_scan.c
	journal_seal.c
	journal_segment.c
	journal_state.c
	journal_verify.c
	journal_writer.c)
target_link_libraries(weir_journal PUBLIC weir_base PkgConfig::CRYPTO Threads::Threads)
