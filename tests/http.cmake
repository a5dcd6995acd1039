set(HTTP_PROFILE_RIG ${PROJECT_SOURCE_DIR}/tests/unit/http_profile_rig.c)

weir_unit_test(http_body LIBS ${OUTPUT_LIBS} PkgConfig::ZLIB PkgConfig::ZSTD)
weir_unit_test(http_profiles LIBS ${OUTPUT_LIBS} PkgConfig::JANSSON SOURCES ${HTTP_PROFILE_RIG})
weir_unit_test(http_settings LIBS ${OUTPUT_LIBS} PkgConfig::CURL SOURCES ${HTTP_PROFILE_RIG})
weir_fuzzer(http_answer LIBS ${OUTPUT_LIBS})
target_sources(fuzz_http_answer PRIVATE ${HTTP_PROFILE_RIG})

target_sources(bench_outputs PRIVATE ${PROJECT_SOURCE_DIR}/tests/bench/http_sink.c)
