add_library(weir_stages STATIC
	config_objects.c
	container_id.c
	filter_list.c
	filter_rule.c
	pipeline.c
	rate_table.c
	stage_enrich.c
	stage_filter.c
	stage_rate_limit.c
	stage_redact.c
	stages.c
	user_names.c)
# image_create(), encode_json() and the journal come from weir_event and weir_journal, which
# whoever links the program adds; unit tests put stand-ins in their place.
target_link_libraries(weir_stages PUBLIC weir_config weir_redaction)
