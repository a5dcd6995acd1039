set(FAKE_JOURNAL ${PROJECT_SOURCE_DIR}/tests/unit/fake_journal.c)
set(OUTPUT_LIBS weir_outputs weir_metrics weir_event weir_config)

weir_unit_test(delivery LIBS ${OUTPUT_LIBS}
	SOURCES ${FAKE_JOURNAL} ${PROJECT_SOURCE_DIR}/tests/unit/delivery_rig.c)
weir_unit_test(delivery_window LIBS ${OUTPUT_LIBS}
	SOURCES ${FAKE_JOURNAL} ${PROJECT_SOURCE_DIR}/tests/unit/delivery_rig.c)
weir_unit_test(delivery_replay LIBS ${OUTPUT_LIBS}
	SOURCES ${FAKE_JOURNAL} ${PROJECT_SOURCE_DIR}/tests/unit/delivery_rig.c)
weir_unit_test(format_compact LIBS ${OUTPUT_LIBS})
weir_unit_test(formats LIBS ${OUTPUT_LIBS} PkgConfig::JANSSON
	SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/format_inverse.c)
weir_unit_test(json_scan LIBS weir_outputs)
weir_unit_test(log_file LIBS weir_outputs)
weir_unit_test(metrics_server LIBS ${OUTPUT_LIBS})
weir_unit_test(output_settings LIBS ${OUTPUT_LIBS})
weir_unit_test(sandbox LIBS weir_outputs)
weir_unit_test(route LIBS ${OUTPUT_LIBS})
weir_unit_test(template LIBS ${OUTPUT_LIBS})
weir_fuzzer(template LIBS ${OUTPUT_LIBS})
weir_unit_test(endpoint LIBS weir_outputs)
set(STREAM_RIG ${PROJECT_SOURCE_DIR}/tests/unit/stream_rig.c ${PROJECT_SOURCE_DIR}/tests/unit/tls_fixture.c)
foreach(name stream tls)
	weir_unit_test(${name} LIBS ${OUTPUT_LIBS} Threads::Threads SOURCES ${STREAM_RIG})
endforeach()
target_link_options(test_stream PRIVATE -Wl,--wrap=getaddrinfo)
weir_unit_test(forwarder LIBS ${OUTPUT_LIBS} weir_journal)
weir_fuzzer(format LIBS ${OUTPUT_LIBS} PkgConfig::JANSSON)
target_sources(fuzz_format PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/format_inverse.c)
weir_unit_test(msgpack_reader LIBS weir_outputs)
weir_unit_test(fluentd LIBS ${OUTPUT_LIBS} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/fluentd_rig.c)
weir_fuzzer(fluentd LIBS ${OUTPUT_LIBS})
target_link_options(fuzz_fluentd PRIVATE
	-Wl,--wrap=stream_open -Wl,--wrap=stream_free -Wl,--wrap=stream_write)
weir_fuzzer(json_scan LIBS ${OUTPUT_LIBS})
weir_unit_test(syslog LIBS ${OUTPUT_LIBS} Threads::Threads)
target_link_options(test_syslog PRIVATE -Wl,--wrap=output_settled -Wl,--wrap=output_error)
weir_fuzzer(syslog LIBS ${OUTPUT_LIBS})
target_sources(fuzz_syslog PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/syslog_inverse.c)

add_executable(bench_outputs ${PROJECT_SOURCE_DIR}/tests/bench/bench_outputs.c
	${PROJECT_SOURCE_DIR}/tests/bench/fluentd_sink.c
	${PROJECT_SOURCE_DIR}/tests/bench/tcp_sink.c)
target_link_libraries(bench_outputs PRIVATE ${OUTPUT_LIBS} weir_journal)
add_executable(bench_formats ${PROJECT_SOURCE_DIR}/tests/bench/bench_formats.c)
target_link_libraries(bench_formats PRIVATE ${OUTPUT_LIBS})
