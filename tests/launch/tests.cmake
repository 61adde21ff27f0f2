if(TARGET filigree)
  add_test(NAME cli COMMAND "${CMAKE_SOURCE_DIR}/tests/launch/cli_test.sh" $<TARGET_FILE:filigree> "${FILIGREE_MPIRUN}" "${CMAKE_SOURCE_DIR}")
  set_tests_properties(cli PROPERTIES LABELS unit TIMEOUT 300)
endif()
