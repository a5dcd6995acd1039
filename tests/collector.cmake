weir_unit_test(record LIBS weir_sensor)
weir_unit_test(ring LIBS weir_sensor)
weir_unit_test(sensor LIBS weir_sensor)
set_tests_properties(unit/sensor PROPERTIES SKIP_RETURN_CODE 77 RUN_SERIAL ON)
weir_fuzzer(record LIBS weir_sensor)
weir_unit_test(supervisor LIBS weir_agent)

# The same on Debian's 6.1 kernel, which has fexit and another layout of what the programs read.
add_test(NAME vm/sensor COMMAND ${PROJECT_SOURCE_DIR}/tests/vm/boot $<TARGET_FILE:test_sensor>)
set_tests_properties(vm/sensor PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 LABELS vm)
