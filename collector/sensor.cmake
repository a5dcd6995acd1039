# The kernel side from user space; and the decoder, which needs no kernel.
add_library(weir_sensor STATIC
	${CMAKE_CURRENT_SOURCE_DIR}/probe.c
	${CMAKE_CURRENT_SOURCE_DIR}/probe_text.c
	${CMAKE_CURRENT_SOURCE_DIR}/record.c
	${CMAKE_CURRENT_SOURCE_DIR}/ring.c
	${CMAKE_CURRENT_SOURCE_DIR}/sensor.c
	${CMAKE_CURRENT_SOURCE_DIR}/snapshot.c)
target_link_libraries(weir_sensor PUBLIC weir_base PRIVATE weir_bpf)
add_dependencies(weir_sensor weir_bpf_skeleton)
