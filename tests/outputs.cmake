set(FAKE_JOURNAL ${PROJECT_SOURCE_DIR}/tests/unit/fake_journal.c)
set(OUTPUT_LIBS weir_outputs weir_metrics weir_event weir_config)

weir_unit_test(delivery LIBS ${OUTPUT_LIBS}
	SOURCES ${FAKE_JOURNAL} ${PROJECT_SOURCE_DIR}/tests/unit/delivery_rig.c)
weir_unit_test(format_compact LIBS ${OUTPUT_LIBS})
weir_unit_test(json_scan LIBS weir_outputs)
weir_unit_test(log_file LIBS weir_outputs)
weir_unit_test(metrics_server LIBS ${OUTPUT_LIBS})
weir_unit_test(output_settings LIBS ${OUTPUT_LIBS})
weir_unit_test(sandbox LIBS weir_outputs)
weir_unit_test(forwarder LIBS ${OUTPUT_LIBS} weir_journal)
weir_fuzzer(json_scan LIBS ${OUTPUT_LIBS})

add_executable(bench_outputs ${PROJECT_SOURCE_DIR}/tests/bench/bench_outputs.c)
target_link_libraries(bench_outputs PRIVATE ${OUTPUT_LIBS} weir_journal)
