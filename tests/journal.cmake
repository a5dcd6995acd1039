set(JOURNAL_FIXTURE ${PROJECT_SOURCE_DIR}/tests/unit/journal_fixture.c)

weir_unit_test(crc32c)
foreach(name journal journal_cursor journal_disk journal_reader journal_recovery journal_seal journal_stop)
	weir_unit_test(${name} LIBS weir_journal SOURCES ${JOURNAL_FIXTURE})
endforeach()
foreach(name journal_reuse journal_reuse_crash)
	weir_unit_test(${name} LIBS weir_journal
		SOURCES ${JOURNAL_FIXTURE} ${PROJECT_SOURCE_DIR}/tests/unit/reuse_rig.c)
endforeach()
target_link_options(test_journal_reuse PRIVATE LINKER:--wrap=fstatat)

if(WEIR_FUZZ OR EXISTS ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
	weir_fuzzer(journal LIBS weir_journal)
endif()
