# The tensorboard package as a reader of event files.
if(EXISTS "${FILIGREE_PYTHON}")
  set(_reference "${CMAKE_BINARY_DIR}/train_reference")
  file(MAKE_DIRECTORY "${_reference}")
  set_tests_properties(run_log_test PROPERTIES FIXTURES_SETUP event_files)
  foreach(folder events run_log)
    add_test(NAME tensorboard_reads_${folder}
      COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/read_events.py" "${_reference}/${folder}")
    set_tests_properties(tensorboard_reads_${folder} PROPERTIES LABELS "unit;parity" FIXTURES_REQUIRED event_files TIMEOUT 300)
  endforeach()
endif()
