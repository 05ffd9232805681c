# One INTERFACE target carries what every target of the project is compiled with.
add_library(mailbatch_flags INTERFACE)
target_compile_definitions(mailbatch_flags INTERFACE
    _GNU_SOURCE
    G_LOG_DOMAIN="mailbatch"
    GLIB_VERSION_MIN_REQUIRED=GLIB_VERSION_2_74
    GLIB_VERSION_MAX_ALLOWED=GLIB_VERSION_2_74)
target_compile_options(mailbatch_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wformat=2 -Wvla -Wundef -Wpointer-arith -Wwrite-strings
    $<$<BOOL:${MAILBATCH_WERROR}>:-Werror>)

if(MAILBATCH_SANITIZE)
    target_compile_options(mailbatch_flags INTERFACE
        -fsanitize=${MAILBATCH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(mailbatch_flags INTERFACE -fsanitize=${MAILBATCH_SANITIZE})
endif()

# Of the tools only: the tests link the same objects as they are, which takes a tenth of the time.
if(MAILBATCH_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(RESULT MAILBATCH_HAS_LTO OUTPUT MAILBATCH_LTO_PROBLEM LANGUAGES C)
    if(MAILBATCH_HAS_LTO)
        set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
        if(CMAKE_C_COMPILER_ID STREQUAL GNU)
            add_compile_options(-ffat-lto-objects)
        endif()
    else()
        message(STATUS "no optimisation at linking: ${MAILBATCH_LTO_PROBLEM}")
    endif()
endif()

if(MAILBATCH_HARDENING)
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
    target_compile_definitions(mailbatch_flags INTERFACE _FORTIFY_SOURCE=3)
    target_compile_options(mailbatch_flags INTERFACE -fstack-protector-strong -fstack-clash-protection -fPIE)
    target_link_options(mailbatch_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now)
endif()
