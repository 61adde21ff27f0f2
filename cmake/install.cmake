# `cmake --install BUILD --prefix DIR` installs the program, the libraries with their headers, the recipes, and the package
# that find_package(filigree) reads. Its targets are filigree::filigree, which links everything, and one per folder: core/nn
# is filigree::core_nn. Nothing registers itself at start-up, so no library has to be linked as a whole.
if(FILIGREE_SANITIZE)
  # A program that links instrumented libraries needs the flags and the run-time options of sanitizers.cmake as well.
  install(CODE [[message(FATAL_ERROR "filigree: a build with sanitizers cannot be installed; install the preset release")]])
  return()
endif()
include(CMakePackageConfigHelpers)

get_property(_libraries GLOBAL PROPERTY FILIGREE_LIBRARIES)
foreach(_library IN ITEMS filigree_headers ${_libraries})
  string(REGEX REPLACE "^filigree_" "" _name "${_library}")
  set_target_properties(${_library} PROPERTIES EXPORT_NAME ${_name})
endforeach()
set_target_properties(filigree_all PROPERTIES EXPORT_NAME filigree)

# The installed program finds LibTorch and MPI where the build found them.
set_target_properties(filigree PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS filigree RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS filigree_all filigree_headers ${_libraries} EXPORT filigreeTargets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")

# Without the headers of the backends, which only dist itself includes.
foreach(_folder IN ITEMS dist core models launch)
  install(DIRECTORY ${_folder} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/filigree"
          FILES_MATCHING PATTERN "*.h" REGEX "/dist/(mpi|nccl|threads)$" EXCLUDE)
endforeach()
install(DIRECTORY recipes DESTINATION "${CMAKE_INSTALL_DATADIR}/filigree")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

set(_package "${CMAKE_INSTALL_LIBDIR}/cmake/filigree")
install(EXPORT filigreeTargets NAMESPACE filigree:: DESTINATION "${_package}")
get_filename_component(_libtorch "${LIBTORCH_LIBRARY_DIR}" DIRECTORY)
set(_find_dependencies "")
foreach(_dependency IN LISTS FILIGREE_DEPENDENCIES)
  string(APPEND _find_dependencies "find_dependency(${_dependency})\n")
endforeach()
configure_file(cmake/filigreeConfig.cmake.in "${CMAKE_BINARY_DIR}/package/filigreeConfig.cmake" @ONLY)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/package/filigreeConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)  # of 0.x, each minor version may change the interfaces
install(FILES "${CMAKE_BINARY_DIR}/package/filigreeConfig.cmake" "${CMAKE_BINARY_DIR}/package/filigreeConfigVersion.cmake"
              cmake/FindLibTorch.cmake cmake/Findxxhash.cmake
        DESTINATION "${_package}")
