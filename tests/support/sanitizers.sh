# What sanitizers do in every test. Sourced by tests/run.sh and lib.sh, harmless in other builds.
#
# exitcode=99 is none of the tools' own codes, so a report is never taken for an expected failure.
# shellcheck shell=bash
mb_support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1}
export LSAN_OPTIONS=${LSAN_OPTIONS:-exitcode=99:print_suppressions=0:suppressions=$mb_support/lsan.supp}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-exitcode=99:print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-exitcode=99:halt_on_error=1:ignore_noninstrumented_modules=1}

# GLib's slices go from the thread that frees them to one that asks, under a lock that ThreadSanitizer
# does not see (GLib is not instrumented): each GString would be a race. Asked to, GLib takes them
# from malloc(), which it does see. Counts of instructions in other builds stay what they are.
if grep -qs '^MAILBATCH_SANITIZE:.*=.' "${MB_BUILD:-}/CMakeCache.txt"; then
    export G_SLICE=always-malloc
fi
