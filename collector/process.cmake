add_library(weir_process STATIC
	ingest.c
	process_table.c
	rescan.c)
# record_decode() and pipeline_*(): unit tests link stand-ins or the parts themselves. The stages
# come first, since they call weir_event too.
foreach(part weir_sensor weir_stages)
	if(TARGET ${part})
		target_link_libraries(weir_process PUBLIC ${part})
	endif()
endforeach()
target_link_libraries(weir_process PUBLIC weir_event weir_base)
