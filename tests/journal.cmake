set(JOURNAL_FIXTURE ${PROJECT_SOURCE_DIR}/tests/unit/journal_fixture.c)

weir_unit_test(crc32c)
foreach(name journal journal_cursor journal_disk journal_reader journal_recovery journal_seal journal_stop)
	weir_unit_test(${name} LIBS weir_journal SOURCES ${JOURNAL_FIXTURE})
endforeach()

if(WEIR_FUZZ OR EXISTS ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
	weir_fuzzer(journal LIBS weir_journal)
endif()
