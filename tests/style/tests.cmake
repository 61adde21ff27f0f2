# Checks of the sources themselves.
foreach(check IN ITEMS includes tree format doxygen)
  add_test(NAME style_${check} COMMAND "${CMAKE_SOURCE_DIR}/tests/check_${check}.sh")
  set_tests_properties(style_${check} PROPERTIES LABELS style SKIP_RETURN_CODE 77 TIMEOUT 120)
endforeach()
add_test(NAME style_checks_selftest COMMAND "${CMAKE_SOURCE_DIR}/tests/style/checks_selftest.sh")
set_tests_properties(style_checks_selftest PROPERTIES LABELS style TIMEOUT 120)
