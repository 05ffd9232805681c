# mailbatch_module(NAME SOURCES … HEADERS … [MODULES …] [LIBRARIES …])
#   A library module: target mb_NAME, alias mailbatch::NAME. HEADERS are relative to include/mailbatch/NAME.
#   MODULES are the modules its row in the layer table names; LIBRARIES stay private to it.
function(mailbatch_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;MODULES;LIBRARIES")
    list(TRANSFORM arg_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/mailbatch/${name}/)
    list(TRANSFORM arg_MODULES PREPEND mailbatch::)
    add_library(mb_${name} STATIC ${arg_SOURCES})
    add_library(mailbatch::${name} ALIAS mb_${name})
    target_sources(mb_${name} PUBLIC
        FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${arg_HEADERS})
    target_link_libraries(mb_${name}
        PUBLIC PkgConfig::GLIB ${arg_MODULES}
        PRIVATE mailbatch_flags ${arg_LIBRARIES})
endfunction()

# mailbatch_tool(NAME SOURCES … [MODULES …] [LIBRARIES …])
#   A tool: NAME_core holds SOURCES, NAME is main.c over it; with its manual and its completions.
function(mailbatch_tool name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;MODULES;LIBRARIES")
    list(TRANSFORM arg_MODULES PREPEND mailbatch::)
    add_library(${name}_core STATIC ${arg_SOURCES})
    target_include_directories(${name}_core PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_definitions(${name}_core PUBLIC MAILBATCH_VERSION="${PROJECT_VERSION}")
    target_link_libraries(${name}_core
        PUBLIC PkgConfig::GLIB ${arg_MODULES}
        PRIVATE mailbatch_flags ${arg_LIBRARIES})
    add_executable(${name} main.c)
    target_link_libraries(${name} PRIVATE ${name}_core mailbatch_flags)
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES ${name}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    mailbatch_completions(${name})
endfunction()

# mailbatch_unit_test(NAME TARGET [FILES …])
#   tests/unit/test-NAME.c, linked with TARGET alone (and check), run as ctest "unit-NAME".
function(mailbatch_unit_test name target)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "FILES")
    add_executable(test-${name} ${PROJECT_SOURCE_DIR}/tests/unit/test-${name}.c ${arg_FILES})
    target_include_directories(test-${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
    target_compile_definitions(test-${name} PRIVATE MB_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
    target_link_libraries(test-${name} PRIVATE ${target} PkgConfig::CHECK Threads::Threads mailbatch_flags)
    # check's own macros trip these two.
    target_compile_options(test-${name} PRIVATE -Wno-conversion -Wno-sign-compare)
    set_target_properties(test-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME unit-${name} COMMAND test-${name})
    # check's own limit is 4 seconds a case, too little for a sanitizer on a busy machine.
    set_tests_properties(unit-${name} PROPERTIES
        LABELS unit TIMEOUT 300 ENVIRONMENT "CK_TIMEOUT_MULTIPLIER=10")
endfunction()

# mailbatch_script_test(KIND NAME [TIMEOUT seconds] [SERIAL])
#   tests/KIND/NAME.sh as ctest "KIND-NAME"; exit 77 of the script counts as skipped.
function(mailbatch_script_test kind name)
    cmake_parse_arguments(PARSE_ARGV 2 arg "SERIAL" "TIMEOUT" "")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    add_test(NAME ${kind}-${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/${kind}/${name}.sh)
    set_tests_properties(${kind}-${name} PROPERTIES
        LABELS ${kind} TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "MB_BIN=${CMAKE_BINARY_DIR}/bin;MB_SOURCE=${PROJECT_SOURCE_DIR};MB_BUILD=${CMAKE_BINARY_DIR}")
    if(arg_SERIAL)
        set_tests_properties(${kind}-${name} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()

# mailbatch_fuzz_target(NAME TARGET [FILES …])
#   tests/fuzz/fuzz-NAME.c, linked with TARGET. Replays tests/fuzz/corpus/NAME as ctest "fuzz-NAME"; where clang
#   compiles, fuzz-NAME-live is the same under libFuzzer.
function(mailbatch_fuzz_target name target)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "FILES")
    set(sources ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz-${name}.c ${arg_FILES})
    set(drivers ${name})
    if(CMAKE_C_COMPILER_ID STREQUAL Clang)
        list(APPEND drivers ${name}-live)
    endif()
    foreach(driver IN LISTS drivers)
        add_executable(fuzz-${driver} ${sources})
        target_include_directories(fuzz-${driver} PRIVATE
            ${PROJECT_SOURCE_DIR}/tests/support ${PROJECT_SOURCE_DIR}/tests/fuzz)
        target_link_libraries(fuzz-${driver} PRIVATE ${target} mailbatch_flags)
        set_target_properties(fuzz-${driver} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    endforeach()
    target_sources(fuzz-${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/standalone.c)
    if(TARGET fuzz-${name}-live)
        target_compile_options(fuzz-${name}-live PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzz-${name}-live PRIVATE -fsanitize=fuzzer)
    endif()
    add_test(NAME fuzz-${name} COMMAND fuzz-${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz-${name} PROPERTIES LABELS fuzz-replay TIMEOUT 120)
endfunction()
