/*
 * The content that an address names, instead of its description.
 */
#pragma once

#include "output.h"
#include "walk.h"

/* Writes the part's decoded content, or (`raw`, or no part) the bytes as they stand. The part is
 * there. */
bool mp_named_write(MpOutput *output, const MpMessage *message, const char *part, bool raw,
                    GError **error);
