weir_unit_test(metrics LIBS weir_metrics Threads::Threads)
if(NOT TARGET weir_event)
	target_compile_definitions(test_metrics PRIVATE FAKE_EVENT_NAMES)
endif()
