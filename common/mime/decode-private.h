/*
 * The decoders behind decode.h. Each push and finish writes to `out` and returns how many bytes it
 * wrote.
 */
#pragma once

#include <mailbatch/mime/decode.h>

size_t mb_base64_decoder_push(MbDecoder *decoder, const uint8_t *in, size_t length, uint8_t *out);
size_t mb_base64_decoder_finish(MbDecoder *decoder, uint8_t *out);
size_t mb_qp_decoder_push(MbDecoder *decoder, const uint8_t *in, size_t length, uint8_t *out);
size_t mb_qp_decoder_finish(MbDecoder *decoder, uint8_t *out);
