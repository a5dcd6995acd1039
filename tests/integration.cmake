# Scenarios: the real binary on this kernel, as root, one after the other. A scenario that this
# machine can't run says why and is skipped (77). The acts are the small programs that they watch;
# they are built without sanitizers, so that what they do is all that they do.
function(weir_act name)
	cmake_parse_arguments(ARG "STATIC" "SOURCE" "" ${ARGN})
	if(NOT ARG_SOURCE)
		set(ARG_SOURCE acts/${name}.c)
	endif()
	add_executable(act_${name} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCE})
	get_target_property(compile_options act_${name} COMPILE_OPTIONS)
	list(FILTER compile_options EXCLUDE REGEX "-fsanitize|fuzzer")
	set_target_properties(act_${name} PROPERTIES
		OUTPUT_NAME ${name}
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/acts
		COMPILE_OPTIONS "${compile_options}"
		LINK_OPTIONS "$<$<BOOL:${ARG_STATIC}>:-static>")
	target_link_libraries(act_${name} PRIVATE Threads::Threads)
endfunction()

weir_act(noop STATIC)
foreach(act hold memfd_exec thread_exec fork_storm exec_chain pid_reuse orphan exiter)
	weir_act(${act})
endforeach()
weir_act(storm SOURCE bench/storm.c)
weir_act(kafka_client)
target_link_libraries(act_kafka_client PRIVATE PkgConfig::RDKAFKA)

find_package(Python3 3.11 COMPONENTS Interpreter)
if(TARGET weir AND Python3_Interpreter_FOUND)
	file(GLOB scenarios CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_*.py)
	foreach(path ${scenarios})
		get_filename_component(name ${path} NAME_WE)
		string(REPLACE "test_" "" name ${name})
		add_test(NAME integration/${name} COMMAND ${Python3_EXECUTABLE} ${path})
		set_tests_properties(integration/${name} PROPERTIES
			LABELS integration RUN_SERIAL ON SKIP_RETURN_CODE 77 TIMEOUT 240
			ENVIRONMENT "WEIR_BINARY=$<TARGET_FILE:weir>;WEIR_ACTS=${CMAKE_BINARY_DIR}/tests/acts")
	endforeach()
endif()
