weir_unit_test(kafka LIBS ${OUTPUT_LIBS} PkgConfig::RDKAFKA Threads::Threads
	SOURCES ${FAKE_JOURNAL} ${PROJECT_SOURCE_DIR}/tests/unit/kafka_rig.c)
weir_unit_test(kafka_settings LIBS ${OUTPUT_LIBS} PkgConfig::RDKAFKA)

target_sources(bench_outputs PRIVATE ${PROJECT_SOURCE_DIR}/tests/bench/kafka_sink.c)
target_link_libraries(bench_outputs PRIVATE PkgConfig::RDKAFKA)
