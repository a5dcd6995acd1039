weir_unit_test(options LIBS weir_cli)
weir_unit_test(since LIBS weir_cli)
weir_unit_test(event_filter LIBS weir_cli)
weir_unit_test(control_client LIBS weir_cli Threads::Threads)
