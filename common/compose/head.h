/*
 * What the message needs to know of a header.
 */
#pragma once

#include <mailbatch/compose/compose.h>

/* The fields so far, each with its CRLF. */
const GString *compose_head_text(const MbComposeHead *head);

/* From, Date and Message-ID are there; else an error that names what lacks. */
bool compose_head_check(const MbComposeHead *head, GError **error);
