set(JOURNAL_FIXTURE ${PROJECT_SOURCE_DIR}/tests/unit/journal_fixture.c)
weir_unit_test(journal LIBS weir_journal SOURCES ${JOURNAL_FIXTURE})
