# A stand-in takes the place of weir_redaction: what is tested here is what its results are used for.
set(fake_redaction unit/fake_redaction.c)

weir_unit_test(event LIBS weir_event SOURCES ${fake_redaction})
weir_unit_test(encode_json LIBS weir_event PkgConfig::JANSSON SOURCES ${fake_redaction})
target_compile_definitions(test_encode_json PRIVATE
	EVENTS_PAGE="${PROJECT_SOURCE_DIR}/docs/events.md")
