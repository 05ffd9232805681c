# Run by cpack before anything else: what libarchive writes gets the time of the last change, and
# names beyond ASCII need a locale that has them.
set(ENV{LC_ALL} C.UTF-8)
file(STRINGS ${CPACK_MAILBATCH_PACKAGE}/changelog stamp REGEX "^ -- " LIMIT_COUNT 1)
string(REGEX REPLACE "^.*>  " "" stamp "${stamp}")
execute_process(COMMAND date -u -d ${stamp} +%s OUTPUT_VARIABLE seconds
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(ENV{SOURCE_DATE_EPOCH} ${seconds})
