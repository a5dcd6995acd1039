weir_unit_test(config LIBS weir_config)
weir_unit_test(settings LIBS weir_config)
target_compile_definitions(test_settings PRIVATE
	WEIR_EXAMPLE="${PROJECT_SOURCE_DIR}/config/weir.yaml")
weir_fuzzer(config LIBS weir_config)
