# A stand-in takes the place of weir_redaction: what is tested here is what its results are used for.
set(fake_redaction unit/fake_redaction.c)

weir_unit_test(event LIBS weir_event SOURCES ${fake_redaction})
weir_unit_test(encode_json LIBS weir_event PkgConfig::JANSSON SOURCES ${fake_redaction})
target_compile_definitions(test_encode_json PRIVATE
	EVENTS_PAGE="${PROJECT_SOURCE_DIR}/docs/events.md")
weir_unit_test(process_table LIBS weir_process SOURCES ${fake_redaction})
# With the real decoder, and a pipeline that writes down what it is given.
weir_unit_test(ingest LIBS weir_process
	SOURCES ${fake_redaction} ${PROJECT_SOURCE_DIR}/collector/record.c)
# The kernel side is the test's own.
weir_unit_test(rescan LIBS weir_process SOURCES ${fake_redaction})

if(TARGET weir_redaction)
	add_executable(bench_pipeline bench/bench_pipeline.c)
	target_link_libraries(bench_pipeline PRIVATE weir_event)
endif()
