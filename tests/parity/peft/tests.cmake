# peft's LoRA on the demo backbone, made once a test run; without it the parity test skips and says so.
if(EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME peft_reference
    COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/peft_reference.py" "${CMAKE_BINARY_DIR}/reference/peft")
  set_tests_properties(peft_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP peft_reference TIMEOUT 300
    SKIP_RETURN_CODE 77)
  set_tests_properties(peft_parity_test PROPERTIES FIXTURES_REQUIRED peft_reference)
endif()

# LoRA directories that peft writes, which import_peft_test starts from.
if(EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME peft_import_reference
    COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/import_reference.py" "${CMAKE_BINARY_DIR}/reference/peft_import")
  set_tests_properties(peft_import_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP peft_import_reference TIMEOUT 300
    SKIP_RETURN_CODE 77)
  set_tests_properties(import_peft_test PROPERTIES FIXTURES_REQUIRED peft_import_reference)
endif()
