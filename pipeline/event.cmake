add_library(weir_event STATIC
	encode_json.c
	encode_notice.c
	encode_process.c
	encode_tcp.c
	encode_weir.c
	event.c
	event_manual.c
	ip_text.c
	kernel_names.c
	process.c
	process_text.c)
target_link_libraries(weir_event PUBLIC weir_base)
# image_create() redacts; unit tests put a stand-in of their own in its place.
if(TARGET weir_redaction)
	target_link_libraries(weir_event PUBLIC weir_redaction)
endif()
