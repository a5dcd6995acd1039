# What ./dev itself stands on: the summary of a run, the house rules.
if(NOT Python3_Interpreter_FOUND)
	find_package(Python3 3.11 COMPONENTS Interpreter)
endif()
if(Python3_Interpreter_FOUND)
	add_test(NAME unit/dev COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/unit/test_dev.py)
	set_tests_properties(unit/dev PROPERTIES TIMEOUT 120 LABELS unit)
endif()
