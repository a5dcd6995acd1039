# What ./dev bench runs. Not tests: a figure is looked at, not asserted.
add_executable(bench_collector ${PROJECT_SOURCE_DIR}/tests/bench/bench_collector.c)
target_link_libraries(bench_collector PRIVATE weir_process weir_sensor weir_stages weir_journal weir_metrics
	weir_config weir_base)

add_executable(bench_sensor ${PROJECT_SOURCE_DIR}/tests/bench/bench_sensor.c)
target_link_libraries(bench_sensor PRIVATE weir_sensor weir_base PkgConfig::LIBBPF)
