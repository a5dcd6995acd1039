weir_unit_test(options LIBS weir_cli)
weir_unit_test(since LIBS weir_cli)
weir_unit_test(event_filter LIBS weir_cli)
weir_unit_test(control_client LIBS weir_cli Threads::Threads)
weir_unit_test(journal_verbs LIBS weir_cli weir_outputs weir_journal weir_event weir_config
	SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/journal_fixture.c)
weir_unit_test(check LIBS weir_cli weir_outputs weir_stages weir_journal weir_event weir_metrics
	weir_config)
target_compile_definitions(test_check PRIVATE WEIR_EXAMPLE="${PROJECT_SOURCE_DIR}/config/weir.yaml")
