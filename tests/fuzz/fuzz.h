/*
 * What every fuzz target offers: libFuzzer's entry point. Built with -fsanitize=fuzzer it is
 * fuzzed; linked with standalone.c it replays files, as an ordinary test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
