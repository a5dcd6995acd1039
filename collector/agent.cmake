add_library(weir_agent STATIC
	agent.c
	agent_reload.c
	control.c
	host.c
	status.c
	supervisor.c)
target_link_libraries(weir_agent PUBLIC weir_process weir_sensor weir_stages weir_journal weir_metrics
	weir_outputs weir_config weir_base PkgConfig::LIBEVENT PkgConfig::CRYPTO)
