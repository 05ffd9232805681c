#include <mailbatch/base/text.h>
#include <mailbatch/base/wire.h>
#include <string.h>

typedef enum {
    BITS_UNKNOWN,
    BITS_SEVEN,
    BITS_EIGHT,
} Bits;

struct MbWire {
    gatomicrefcount references;
    GPtrArray *segments; /* GBytes */
    size_t length;
    int bits; /* Bits, atomic: threads that race here find the same answer */
};

MbWire *mb_wire_new(void)
{
    MbWire *wire = g_new0(MbWire, 1);

    g_atomic_ref_count_init(&wire->references);
    wire->segments = g_ptr_array_new_full(4, (GDestroyNotify)g_bytes_unref);
    return wire;
}

MbWire *mb_wire_ref(MbWire *wire)
{
    g_atomic_ref_count_inc(&wire->references);
    return wire;
}

void mb_wire_unref(MbWire *wire)
{
    if (wire == NULL || !g_atomic_ref_count_dec(&wire->references))
        return;
    g_ptr_array_unref(wire->segments);
    g_free(wire);
}

void mb_wire_append(MbWire *wire, GBytes *bytes)
{
    mb_wire_append_take(wire, g_bytes_ref(bytes));
}

void mb_wire_append_take(MbWire *wire, GBytes *bytes)
{
    size_t length = g_bytes_get_size(bytes);

    if (length == 0) {
        g_bytes_unref(bytes);
        return;
    }
    wire->length += length;
    wire->bits = BITS_UNKNOWN;
    g_ptr_array_add(wire->segments, bytes);
}

MbWire *mb_wire_behind(GBytes *head, const MbWire *wire)
{
    MbWire *joined = mb_wire_new();

    mb_wire_append(joined, head);
    for (size_t i = 0; i < wire->segments->len; i++)
        mb_wire_append(joined, g_ptr_array_index(wire->segments, i));
    return joined;
}

size_t mb_wire_segments(const MbWire *wire)
{
    return wire->segments->len;
}

MbWireSegment mb_wire_segment(const MbWire *wire, size_t index)
{
    MbWireSegment segment;

    segment.bytes = g_bytes_get_data(g_ptr_array_index(wire->segments, index), &segment.length);
    return segment;
}

size_t mb_wire_length(const MbWire *wire)
{
    return wire->length;
}

bool mb_wire_is_8bit(const MbWire *wire)
{
    Bits bits = (Bits)g_atomic_int_get(&wire->bits);

    if (bits == BITS_UNKNOWN) {
        bits = BITS_SEVEN;
        for (size_t i = 0; i < wire->segments->len && bits == BITS_SEVEN; i++) {
            MbWireSegment segment = mb_wire_segment(wire, i);
            if (!mb_text_is_ascii(segment.bytes, segment.length))
                bits = BITS_EIGHT;
        }
        g_atomic_int_set(&((MbWire *)wire)->bits, bits);
    }
    return bits == BITS_EIGHT;
}

GBytes *mb_wire_flatten(const MbWire *wire)
{
    char *all = g_malloc(MAX(wire->length, 1));
    size_t at = 0;

    for (size_t i = 0; i < wire->segments->len; i++) {
        MbWireSegment segment = mb_wire_segment(wire, i);
        memcpy(all + at, segment.bytes, segment.length);
        at += segment.length;
    }
    return g_bytes_new_take(all, at);
}
