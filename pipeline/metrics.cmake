add_library(weir_metrics STATIC
	metrics.c
	metrics_page.c)
target_link_libraries(weir_metrics PUBLIC weir_event)
