add_library(weir_metrics STATIC ${CMAKE_CURRENT_SOURCE_DIR}/metrics.c
	${CMAKE_CURRENT_SOURCE_DIR}/metrics_page.c)
target_link_libraries(weir_metrics PUBLIC weir_base)
if(TARGET weir_event)
	target_link_libraries(weir_metrics PUBLIC weir_event)
endif()
